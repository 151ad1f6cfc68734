"""A training's record as a table and a picture."""
