"""What tests against transformers and timm need: a torchvision that can be imported."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest


@pytest.fixture(scope="session")
def torchvision_loads() -> None:
    """Let torchvision be imported beside torch for the CPU.

    Its wheel on PyPI is built for CUDA and cannot load its operators there; all that its Python code asks of
    them when it is imported is that two have a schema.
    """
    torch = pytest.importorskip("torch")
    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", schema)
    except ImportError:
        # nothing asks for it then
        return
