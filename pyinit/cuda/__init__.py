"""Fills on a CUDA device: the kernels of csrc/cuda, compiled on first use, and what launches them."""
