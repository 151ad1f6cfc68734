"""`python -m pyinit` is the command `pyinit`."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
