"""`python -m pyinit.cli.bench`."""

import sys

from .command import main

sys.exit(main())
