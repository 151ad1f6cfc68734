"""From a plan, a key and a window to bytes: the stream, what a plan is, and the memory it fills.

Nothing here knows a recipe.
"""
