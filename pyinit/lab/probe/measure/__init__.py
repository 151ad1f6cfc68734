"""Statistics of every layer while data runs through a network."""
