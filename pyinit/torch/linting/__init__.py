"""What a module's own initialization gets wrong: `pyinit.torch.lint`."""
