"""Samples go to TensorBoard, Weights & Biases and functions, and are read back by the readers of these."""

from __future__ import annotations

import io
import json
import struct
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.errors import ArgumentError
from pyinit.lab.view.heat import heat

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pt = pytest.importorskip("pyinit.torch")
nn = torch.nn

NUMBERS = ("activation rms", "gradient rms", "update over weight", "saturated share", "dead share")
KINDS = ("pre-activation", "activation", "gradient", "weight")


def train(to: Any, steps: int = 30, every: int = 5, logged: Any = None) -> tuple[dict[int, pi.Report], Any]:
    """Train a small chain, and return its samples and what watched it."""
    seen: dict[int, pi.Report] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))
        optimizer, x = torch.optim.SGD(module.parameters(), lr=0.1), torch.randn(32, 8)
        with pt.watch(module, every, [seen.__setitem__, to]) as watching:
            for _ in range(steps):
                optimizer.zero_grad()
                loss = module(x).square().mean()
                loss.backward()
                optimizer.step()
                if logged is not None:
                    logged(float(loss.detach()))
    return seen, watching


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_event_files_are_read_by_tensorboard(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    writer = tensorboard.SummaryWriter(str(tmp_path))
    seen, watching = train(writer)
    writer.close()
    read = reader.EventAccumulator(
        str(tmp_path), size_guidance=dict.fromkeys(("scalars", "histograms", "images"), 0)
    )
    read.Reload()
    tags = read.Tags()
    assert set(tags["scalars"]) == {f"{name}/{layer}" for name in NUMBERS for layer in ("0", "2")}
    assert set(tags["histograms"]) == {f"{kind}/{layer}" for kind in KINDS for layer in ("0", "2")}
    assert set(tags["images"]) == {f"all layers/{name}" for name in NUMBERS}
    for row, layer in enumerate(("0", "2")):
        events = read.Scalars(f"update over weight/{layer}")
        assert [one.step for one in events] == list(seen) == [0, 5, 10, 15, 20, 25]
        assert [one.value for one in events] == watching.over_time("update ratio")[row].astype(
            np.float32
        ).tolist()
        for kind in KINDS:
            for event, report in zip(read.Histograms(f"{kind}/{layer}"), seen.values(), strict=True):
                own, found = report.layers[row].moments[kind], event.histogram_value
                assert own.histogram is not None
                assert tuple(found.bucket) == own.histogram.counts
                assert found.bucket_limit == own.histogram.axis.edges[1:].tolist()
                assert (found.min, found.max, found.num) == (own.minimum, own.maximum, own.count)
                assert found.sum == pytest.approx(own.mean * own.count)
                assert found.sum_squares == pytest.approx(own.second_moment * own.count)
    picture = read.Images("all layers/update over weight")[-1]
    assert picture.step == 25
    image = pytest.importorskip("PIL.Image").open(io.BytesIO(picture.encoded_image_string))
    # six steps, two layers, squares of 24
    assert image.size == (6 * 24, 2 * 24)
    assert np.array_equal(np.asarray(image), heat(watching.over_time("update ratio"), "update ratio"))


def records(path: Path) -> list[Any]:
    """The records of a file of wandb, a log in the format of LevelDB."""
    proto = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    raw, found, parts, at = path.read_bytes(), [], b"", 7
    block = 1 << 15
    while at + 7 <= len(raw):
        if block - at % block < 7:
            at += block - at % block
            continue
        length, kind = struct.unpack_from("<HB", raw, at + 4)
        parts += raw[at + 7 : at + 7 + length]
        at += 7 + length
        # a whole record, or the last part of one
        if kind in (1, 4):
            found.append(proto.Record.FromString(parts))
            parts = b""
    return found


@pytest.mark.filterwarnings("ignore")
def test_a_run_of_weights_and_biases_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    run = wandb.init(project="watched", dir=str(tmp_path), mode="offline")
    seen, watching = train(run, logged=lambda loss: run.log({"loss": loss}))
    # the run's own steps are those of the loop
    assert run.step == 30
    run.finish()
    (path,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    # wandb's own process writes the file, and may go on after finish()
    for _ in range(600):
        found = records(path)
        if any(one.WhichOneof("record_type") == "exit" for one in found):
            break
        time.sleep(0.1)
    history = [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in one.history.item}
        for one in found
        if one.WhichOneof("record_type") == "history"
    ]
    ours = [one for one in history if "pyinit/activation rms/0" in one]
    assert [one["pyinit/step"] for one in ours] == list(seen) == [one["_step"] for one in ours]
    assert all("loss" in one for one in ours)
    ratios = watching.over_time("update ratio")
    for column, one in enumerate(ours):
        assert [one[f"pyinit/update over weight/{layer}"] for layer in ("0", "2")] == ratios[
            :, column
        ].tolist()
        bars = seen[one["_step"]].layers[1].moments["gradient"].histogram
        assert bars is not None
        assert one["pyinit/gradient/2/_type"] == "histogram"
        assert tuple(one["pyinit/gradient/2/values"]) == bars.counts
    name = "pyinit/all layers/gradient rms"
    last = [one for one in history if f"{name}/_type" in one][-1]
    assert last[f"{name}/_type"] == "image-file"
    assert (last[f"{name}/width"], last[f"{name}/height"]) == (6 * 24, 2 * 24)


class Run:
    """A run whose steps are ahead of the training's, with the interface that wandb documents."""

    step = 100

    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, Any]]] = []

    def define_metric(self, name: str, **options: Any) -> None:
        pass

    def log(self, content: dict[str, Any], step: int) -> None:
        self.logged.append((step, content))


def test_a_run_that_is_ahead_loses_nothing() -> None:
    pytest.importorskip("wandb")
    run = Run()
    train(run, steps=6)
    steps = [(step, content["pyinit/step"]) for step, content in run.logged]
    assert steps == [(100, 0), (100, 5)]


def test_functions_and_lists() -> None:
    first: dict[int, pi.Report] = {}
    second, _ = train([first.__setitem__, None])
    assert first == second
    with pytest.raises(ArgumentError, match="SummaryWriter"):
        train([print, 5])


def test_a_function_that_fails_is_not_hidden() -> None:
    def fails(step: int, report: pi.Report) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(fails)
    assert not import_module("torch.optim.optimizer")._global_optimizer_post_hooks


def test_colors_of_the_picture() -> None:
    values = np.array([[1e-3, 1.0, np.nan], [0.0, np.inf, 1e-6]])
    picture = heat(values, "update ratio")[::24, ::24]
    assert picture.shape == (2, 3, 3)
    assert picture[0, 0].tolist() == [0xF5, 0xF1, 0xE6]
    assert picture[0, 1].tolist() == picture[1, 1].tolist() == [0x97, 0x38, 0x0A]
    assert picture[0, 2].tolist() == [128, 128, 128]
    assert picture[1, 0].tolist() == picture[1, 2].tolist() == [0x17, 0x4A, 0x86]
    # gradients are compared with the last layer's
    gradients = heat(np.array([[2.0, 0.0], [2.0, 5.0]]), "gradient")[::24, ::24]
    assert (
        gradients[0, 0].tolist() == gradients[1, 0].tolist() == gradients[1, 1].tolist() == [0xF5, 0xF1, 0xE6]
    )
    shares = heat(np.array([[0.0, 1.0]]), "dead")[::24, ::24]
    assert shares[0].tolist() == [[0xF5, 0xF1, 0xE6], [0x17, 0x4A, 0x86]]
    assert heat(np.ones((500, 2000)), "dead").shape == (500, 2000, 3)
