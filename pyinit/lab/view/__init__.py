"""What pictures share: the figure and its colours."""
