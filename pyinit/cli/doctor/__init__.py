"""Check what speed and reach depend on, and say what to do about each.

It writes one file of 256 MiB to the directory and removes it, and takes a few seconds.
"""

from .command import EXAMPLES, add_arguments, execute

__all__ = ["EXAMPLES", "add_arguments", "execute"]
