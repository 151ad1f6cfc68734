"""What tables and pictures share: numbers as text, the figure and its colours."""
