"""A plan as operations that JAX traces, and as calls of the kernels inside a compiled program."""
