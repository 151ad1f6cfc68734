"""Runs the command line by ``python -m``."""

from . import main

raise SystemExit(main())
