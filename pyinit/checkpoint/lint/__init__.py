"""What an initialization gets wrong, found in the numbers that decide it: `pyinit.lint`."""
