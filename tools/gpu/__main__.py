"""Usage: python -m tools.gpu {latency,adapters,model,speed,small}; see tools/gpu_check.sh."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run one part; the exit status is 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu")
    parser.add_argument("part", choices=("latency", "adapters", "model", "speed", "small"))
    parser.add_argument("--table", type=Path, help="where the speed table goes")
    parser.add_argument("--elements", type=int, default=1 << 30, help="of the speed table's tensors")
    arguments = parser.parse_args()
    # each part imports what it alone needs; "small" runs under a sanitizer, and must not wait for torch
    if arguments.part == "small":
        from . import small as chosen
    elif arguments.part == "latency":
        from . import latency as chosen
    elif arguments.part == "adapters":
        from . import adapters as chosen
    elif arguments.part == "model":
        from . import model as chosen
    else:
        from .speed import run

        return run(arguments.elements, arguments.table)
    return int(chosen.run())


if __name__ == "__main__":
    sys.exit(main())
