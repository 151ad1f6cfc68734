"""Layers that lsuv leaves as they were, and why; names without wrappers; receipts that were edited."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pyinit_torch = pytest.importorskip("pyinit.torch")
nn = torch.nn
prune = pytest.importorskip("torch.nn.utils.prune")


def batch(*shape: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def pair() -> Any:
    # for one row, another draw may give zeros alone to the second layer
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))


def left(model: Any, x: Any, **options: Any) -> Any:
    """Return why layers were left, after a check that they were."""
    before = copy.deepcopy(model.state_dict())
    with pytest.warns(UserWarning, match="as it was"):
        receipt = pyinit_torch.lsuv(model, x, key=0, **options)
    scaled = {one.name for one in receipt.layers}
    for name, value in model.state_dict().items():
        assert name.rpartition(".")[0] in scaled or torch.equal(value, before[name]), name
    return dict(receipt.left)


def test_a_unit_needs_more_than_one_row() -> None:
    why = "each unit of its output is one number for all rows"
    assert left(pair(), batch(1, 4), scaling="unit") == {"0": why, "2": why}
    # one row of images has many places
    pyinit_torch.lsuv(nn.Conv2d(3, 2, 3), batch(1, 3, 6, 6), key=0, scaling="unit")


def test_a_dtype_that_cannot_hold_the_scaled_weight() -> None:
    model = nn.Sequential(nn.Linear(64, 64)).half()
    x = (1e-6 * batch(32, 64)).half()
    assert left(model, x) == {"0": "torch.float16 cannot hold its scaled weight"}


def test_one_memory_is_one_weight() -> None:
    model = pair()
    model[2].weight = nn.Parameter(model[0].weight.data)
    why = "another module has the same weight"
    assert left(model, batch(32, 4)) == {"0": why, "2": why}
    model = pair()
    model[2].bias = model[0].bias
    why = "another module has the same bias"
    assert left(model, batch(32, 4), scaling="unit") == {"0": why, "2": why}


def test_a_bias_that_is_computed() -> None:
    model = pair()
    prune.l1_unstructured(model[0], "bias", 0.5)
    assert left(model, batch(32, 4), scaling="unit") == {"0": "its bias is computed from other tensors"}


def test_wrappers_change_nothing() -> None:
    wrapper = pytest.importorskip("torch.distributed.algorithms._checkpoint.checkpoint_wrapper")
    plain, wrapped = pair(), pair()
    wrapped[0] = wrapper.checkpoint_wrapper(wrapped[0])
    x = batch(32, 4)
    receipt = pyinit_torch.lsuv(plain, x, key=0)
    assert pyinit_torch.lsuv(wrapped, x, key=0) == receipt
    assert pyinit_torch.lsuv(nn.DataParallel(pair()), x, key=0) == receipt
    for one, two in zip(plain.parameters(), wrapped.parameters(), strict=True):
        assert torch.equal(one, two)
    pyinit_torch.apply_lsuv(wrapped, receipt)


@pytest.mark.parametrize(("field", "length"), [("factors", 3), ("factors", 0), ("bias", 1)])
def test_edited_receipts_change_nothing(field: str, length: int) -> None:
    layers = {
        "linear": (nn.Linear(4, 6), (9, 4)),
        "transposed": (nn.ConvTranspose1d(4, 6, 2, groups=2), (9, 4, 3)),
    }
    for layer, shape in layers.values():
        model = nn.Sequential(layer)
        receipt = pyinit_torch.lsuv(model, batch(*shape), key=0, scaling="unit")
        content = receipt.to_dict()
        content["layers"][0][field] = content["layers"][0][field][:length]
        edited = pi.LsuvReceipt.from_json(json.dumps(content))
        before = copy.deepcopy(model.state_dict())
        with pytest.raises(pi.ShapeError, match=r"needs 1 factor or 6 for 0\.weight"):
            pyinit_torch.apply_lsuv(model, edited)
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        pyinit_torch.apply_lsuv(model, receipt)
