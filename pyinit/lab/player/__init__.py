"""A session that a page plays: what the page asks, read strictly, and what it is told, over any carrier."""
