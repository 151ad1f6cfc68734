"""Networks of several widths beside each other: what grows with the width."""
