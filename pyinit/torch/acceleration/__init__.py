"""Code written for torch, drawing from pyinit's stream: `pyinit.torch.accelerate`."""
