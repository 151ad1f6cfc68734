"""Adapters of low rank: `pyinit.torch.lora` and `pyinit.torch.lora_pair`."""
