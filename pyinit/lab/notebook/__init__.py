"""The lab in a notebook cell: the same page, over the notebook's own connection."""
