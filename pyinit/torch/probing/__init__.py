"""The report of any module: `pyinit.torch.probe`."""
