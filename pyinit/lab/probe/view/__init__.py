"""A probe's record as a table, a picture and a page."""
