"""A training that is watched: `pyinit.torch.watch`."""
