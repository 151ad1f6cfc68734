"""Training a network from several initializations, and what to compare them by."""
