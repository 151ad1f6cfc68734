"""Hold the file that pyinit streams of every architecture against the one that its library saves.

Usage: python -m tools.architectures.files --library transformers [--only llama hubert] [--blocks 1000]

Of each small model a line says whether names, dtypes, shapes, bytes and small files are those that
`save_pretrained` writes of what `materialize` makes (of timm: the state dict), or what differs, or why there
is none.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pyinit.torch as pit
from pyinit.checkpoint.blueprint import Blueprint, Draft
from pyinit.stream.safetensors import read_header
from pyinit.stream.window import contiguous_blocks
from pyinit.torch.checkpoint.blueprint import draw_up

from .__main__ import let_torchvision_load
from .configurations import LARGEST, builder, chosen, seeded

Files = dict[str, tuple[str, tuple[int, ...], bytes]]


def main() -> None:
    """Compare models one by one, then print totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--library", choices=("transformers", "timm"), default="transformers")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--blocks", type=int, default=1 << 20, help="elements that are made at once")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    let_torchvision_load()
    counts: Counter[str] = Counter()
    for name in chosen(options.library, options.only):
        try:
            verdict, said = compare(options.library, name, options.blocks)
        except Exception as error:
            # a configuration that is too small to be valid, or what pyinit refuses
            verdict, said = "none", f"{type(error).__name__}: {error}"[:300]
        counts[verdict] += 1
        print(f"{name}: {verdict}, {said}", flush=True)
    print(dict(counts))


def compare(library: str, name: str, blocks: int) -> tuple[str, str]:
    """Return the verdict on an architecture, and what it is of."""
    build = builder(library, name)
    with torch.device("meta"):
        elements = sum(parameter.numel() for parameter in build().parameters())
    if elements > LARGEST[library]:
        return "none", f"{elements / 1e6:.0f} million parameters"
    with pit.deferred():
        module = seeded(build, 2)
    blueprint = draw_up(module, key=5)
    expected, texts = saved(pit.materialize(module, key=5), library)
    found = {draft.name: (draft.dtype, draft.shape, made(draft, blocks)) for draft in blueprint.drafts}
    if found.keys() != expected.keys():
        return "names differ", str(sorted(found.keys() ^ expected.keys())[:6])
    if others := [each for each in found if found[each] != expected[each]]:
        return "tensors differ", str(others[:6])
    if texts is not None and texts != small_files(blueprint):
        return "small files differ", str(sorted(texts))
    kinds = Counter(draft.content.kind for draft in blueprint.drafts)
    return "right", ", ".join(f"{n} {kind}" for kind, n in kinds.items())


def saved(module: Any, library: str) -> tuple[Files, dict[str, Any] | None]:
    """Return the tensors and the small files that the library saves of a real module."""
    if library == "timm":
        return {
            name: (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), raw(tensor))
            for name, tensor in module.state_dict().items()
        }, None
    found: Files = {}
    with tempfile.TemporaryDirectory() as folder:
        module.save_pretrained(folder)
        for path in sorted(Path(folder).glob("*.safetensors")):
            data = path.read_bytes()
            for name, info in read_header(path).tensors.items():
                found[name] = info.dtype, info.shape, data[info.start : info.stop]
        texts = {path.name: json.loads(path.read_bytes()) for path in Path(folder).glob("*.json")}
    texts.pop("model.safetensors.index.json", None)
    return found, texts


def small_files(blueprint: Blueprint) -> dict[str, Any]:
    """Return the small files that go with a blueprint."""
    texts = {name: json.loads(text) for name, text in blueprint.spec.files.items()}
    return {**texts, "config.json": blueprint.spec.config}


def raw(tensor: Any) -> bytes:
    """Return the bytes of a tensor in C order."""
    data: bytes = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return data


def made(draft: Draft, blocks: int) -> bytes:
    """Return the bytes of a draft, made block by block."""
    data = np.empty(draft.nbytes, np.uint8)
    most = max(blocks, draft.content.at_once(draft.shape))
    for window, extent in contiguous_blocks(draft.shape, most) if draft.nbytes else ():
        itemsize = draft.nbytes // math.prod(draft.shape)
        first = window.offset * itemsize
        draft.content.fill(window, extent, data[first : first + math.prod(extent) * itemsize], 1)
    return data.tobytes()


if __name__ == "__main__":
    main()
