"""``python -m pyinit.cli``."""

from . import main

raise SystemExit(main())
