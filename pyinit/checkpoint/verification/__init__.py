"""Whether files, or a module, hold what their receipt says, and how they differ."""
