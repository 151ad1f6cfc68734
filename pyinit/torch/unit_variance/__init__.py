"""Modules that are scaled on data, layer by layer: `pyinit.torch.lsuv`, and its receipt."""
