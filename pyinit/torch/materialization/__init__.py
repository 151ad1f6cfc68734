"""Modules initialized without memory, then filled: `pyinit.torch.materialize` and `deferred`."""
