"""What a network does before it has learned anything: activations and gradients, layer by layer."""
