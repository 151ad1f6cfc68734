"""What the numbers mean, and what would help."""
