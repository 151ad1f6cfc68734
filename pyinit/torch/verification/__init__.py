"""Whether the tensors of a live module are those of a receipt."""
