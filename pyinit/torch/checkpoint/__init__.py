"""Modules on the meta device, written as files block by block: `pyinit.torch.write_checkpoint`."""
