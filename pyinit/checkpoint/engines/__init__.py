"""Engines make the extents of a plan on other machines: each schedules, retries, and sends checksums back."""
