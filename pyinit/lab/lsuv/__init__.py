"""Weights that are scaled on data, layer by layer: `pyinit.lsuv`, and its receipt."""
