"""Any module's report: `pyinit.torch.probe`."""
