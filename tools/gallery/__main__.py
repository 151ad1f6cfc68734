"""Write the gallery: pages, pictures and the list of them."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

from ..architectures.__main__ import let_torchvision_load
from . import EXPERIMENTS, OF_LIBRARIES

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "gallery"
_HEAD = """# Gallery

What initializations do, on real data, in seconds. Every figure was measured when the page was written, by
`python -m tools.gallery`; the same bits come out on every machine, and `tests/lab/train/test_gallery.py`
holds them to their bounds. The last page trains models of other libraries by torch, whose sums differ between
machines. Each page ends with the command that opens its experiment in the lab, or says why there is none.

"""


def main(chosen: list[str]) -> None:
    """Write the chosen pages, or all and the list of them."""
    FOLDER.mkdir(exist_ok=True)
    lines = []
    let_torchvision_load()
    for name in chosen or (*EXPERIMENTS, *OF_LIBRARIES):
        start = time.perf_counter()
        page = import_module(f"{__package__}.{name}").run(draw=True)
        page.write(FOLDER)
        lines.append(f"- [![]({name}.png) {page.title}]({name}.md)\n")
        print(f"{name}: {time.perf_counter() - start:.1f} s, {dict(page.figures)}", file=sys.stderr)
    if not chosen:
        (FOLDER / "README.md").write_text(_HEAD + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
