"""What a network is, and one layer's way forward and back, for probe and trainer alike."""
