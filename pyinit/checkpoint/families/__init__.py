"""Model families: a file for each, and the registry of them."""
