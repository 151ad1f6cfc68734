"""What the lab runs: an experiment as settings, as JSON, as a link and as Python."""
