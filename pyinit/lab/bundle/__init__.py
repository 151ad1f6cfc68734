"""The page as one script and one style sheet, for carriers that can load no other file."""
