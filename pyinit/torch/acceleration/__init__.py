"""Code written for torch draws from pyinit's stream: `pyinit.torch.accelerate`."""
