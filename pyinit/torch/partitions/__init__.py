"""Tensors that other libraries cut over ranks without DTensor: what this rank holds of each."""
