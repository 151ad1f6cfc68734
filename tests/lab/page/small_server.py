"""A small server of the page for its tests: the files as they are, and a socket that trains in NumPy.

Run as ``python small_server.py PORT``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

import pyinit as pi

sys.path.insert(0, str(Path(__file__).parent))
from small_training import EXTENT, SmallRun, examples

PAGE = Path(pi.__file__).parent / "lab" / "page"
TYPES = {"float32": "f4", "int32": "i4", "uint8": "u1"}
DEFAULT = {
    "data": "spirals",
    "depth": 4,
    "width": 12,
    "activation": "tanh",
    "norm": "none",
    "optimizer": "sgd",
    "learning_rate": 0.3,
    "batch_size": 64,
    "steps": 2000,
    "seed": 0,
    "runs": [{"recipe": "critical_normal", "scale": 1.0}],
}
SMALL = (("zero", "Zero", "零", 0.0), ("small", "Too small", "太小", 0.1))
LARGE = (("appropriate", "Just right", "合适", 1.0), ("large", "Too large", "太大", 8.0))
LESSONS = (
    ("zero_symmetry", "Zeros stay alike", "全零，永远一样", "network", {"depth": 3, "runs": [{"recipe": "zeros"}]}),
    ("saturation", "Too large: saturated", "太大：饱和", "layers", {"depth": 6, "runs": [{"recipe": "critical_normal", "scale": 8}]}),
    ("vanishing", "Too small: gradients vanish", "太小：梯度消失", "heatmap", {"depth": 8, "runs": [{"recipe": "critical_normal", "scale": 0.3}]}),
)  # fmt: skip


def both(en: str, zh: str) -> dict[str, str]:
    """Return a text in both languages."""
    return {"en": en, "zh": zh}


def hello() -> dict[str, Any]:
    """Return the first message: what there is to choose."""
    toys = ("circles", "moons", "spirals", "blobs", "checkerboard")
    data = [{"name": n, "kind": "2d", "features": 2, "classes": 2, "title": n.capitalize()} for n in toys]
    data += [
        {"name": "mnist_5k", "kind": "digits", "features": 784, "classes": 10, "title": both("MNIST digits", "手写数字")},
        {"name": "table", "kind": "table", "features": 8, "classes": 2, "title": "Abalone"},
    ]  # fmt: skip
    recipes: list[dict[str, Any]] = [
        {"name": n, "parameters": []}
        for n in ("critical_normal", "he_normal", "lecun_normal", "xavier_normal", "zeros")
    ]
    recipes.append({"name": "normal", "parameters": [{"name": "std", "default": 0.01}]})
    limits = {"depth": [1, 100], "width": [1, 512], "upload": 1_000_000}
    text = both(
        "Every unit of a layer starts the same, gets the same gradient, and stays the same: the layer has one unit, "
        "however wide it is. Watch the lines into the hidden units.",
        "同一层的每个单元起点相同，梯度相同，因此永远相同：无论多宽，这一层只有一个单元。请看通往隐藏单元的连线。",
    )
    tour = [
        {"name": name, "title": both(en, zh), "text": text, "show": show, "experiment": {**DEFAULT, **changes},
         "question": both("Will the loss ever fall below ln 2?", "损失会低于 ln 2 吗？"),
         "answer": both("No. All gradients are zero but the last bias's.", "不会。除最后的偏置外，所有梯度都是零。")}
        for name, en, zh, show, changes in LESSONS
    ]  # fmt: skip
    presets = [
        {"name": name, "title": both(en, zh), "experiment": {"runs": [{"recipe": "critical_normal", "scale": s}]}}
        for name, en, zh, s in SMALL + LARGE
    ]
    options = {
        "data": data,
        "recipes": recipes,
        "activations": ["tanh", "relu"],
        "optimizers": [{"name": "sgd", "learning_rate": 0.1}, {"name": "adam", "learning_rate": 0.01}],
        "limits": limits,
    }
    return {"type": "hello", "version": "0", "options": options, "presets": presets, "tour": tour}


def frame(header: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """Return one binary message."""
    described, parts, offset = [], [], 0
    for name, values in arrays.items():
        if values.dtype.name not in TYPES:
            values = values.astype(np.float32)
        kind = TYPES[values.dtype.name]
        described.append({"name": name, "dtype": kind, "shape": values.shape, "offset": offset})
        raw = np.ascontiguousarray(values).tobytes()
        raw += b"\0" * (-len(raw) % 8)
        parts.append(raw)
        offset += len(raw)
    text = json.dumps({**header, "arrays": described}).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return len(text).to_bytes(4, "little") + text + b"".join(parts)


class Client:
    """One page and its runs."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket, self.pace, self.playing, self.unpainted = socket, 1, False, 0
        self.runs: list[SmallRun] = []
        self.sent = 0
        self.received: list[dict[str, Any]] = []
        self.losses: list[list[float]] = []
        self.ready = asyncio.Event()

    async def start(self, wanted: dict[str, Any]) -> None:
        """Start an experiment and show where it begins."""
        experiment = {**DEFAULT, **wanted}
        given = experiment["runs"]
        experiment["runs"] = [{"parameters": {}, "scale": 1.0, "sigma_b": 0.0, **run} for run in given]
        self.experiment = experiment
        x, labels = examples(experiment["data"])
        self.runs = [SmallRun(experiment, run, x, labels) for run in experiment["runs"]]
        self.losses = [[] for _ in self.runs]
        self.playing = False
        described = []
        for run, one in zip(self.runs, experiment["runs"], strict=True):
            layers = [
                {"name": f"layers.{i}", "inputs": n, "units": m, "activation": experiment["activation"]}
                for i, (n, m) in enumerate(zip(run.widths, run.widths[1:], strict=False))
            ]
            label = one["recipe"] if one["scale"] == 1 else f"{one['recipe']} × {one['scale']:g}"
            described.append({"label": label, "recipe": one["recipe"], "layers": layers, "scale": one["scale"], "sigma_w": run.sigma,
                              "critical_scale": 1.0})  # fmt: skip
        kind = {2: "2d", 784: "digits"}.get(x.shape[1], "table")
        verdicts = [self.verdict(run) for run in self.runs]
        await self.socket.send_json(
            {"type": "ready", "experiment": experiment, "runs": described, "verdicts": verdicts,
             "data": {"name": experiment["data"], "kind": kind}, "python": "import pyinit as pi\n"}
        )  # fmt: skip
        arrays = {"labels": labels[:48] if kind == "digits" else labels}
        if kind == "2d":
            arrays["points"] = x
        elif kind == "digits":
            arrays["images"] = (x[:48].reshape(-1, 28, 28) * 255).astype(np.uint8)
        await self.socket.send_bytes(frame({"kind": "data", "id": 0, "extent": EXTENT}, arrays))
        await self.show()

    def verdict(self, run: SmallRun) -> dict[str, Any]:
        """Return a verdict by the scale alone."""
        ill = not 0.5 < run.sigma < 2
        text = both("Every layer is healthy.", "每一层都健康。")
        if ill:
            text = both(
                "Layers 2 to 4 are saturated: gradients vanish.", "第 2 至 4 层饱和：梯度消失。"
            )
        kind = "saturated" if ill else "healthy"
        return {"layers": [{"kind": kind, "text": text} for _ in run.weights], "text": text}

    async def show(self) -> None:
        """Send a frame of where the runs are."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        for r, run in enumerate(self.runs):
            arrays |= {f"r{r}.{name}": values for name, values in run.arrays().items()}
            arrays[f"r{r}.losses"] = np.array(self.losses[r], np.float32)
            self.losses[r].clear()
            accuracy = run.accuracy()
            arrays[f"r{r}.scores"] = np.array([[run.steps, accuracy, accuracy - 0.01]], np.float32)
        self.sent += 1
        self.unpainted = self.sent
        header = {"kind": "step", "id": self.sent, "step": self.runs[0].steps, "scored": "accuracy"}
        await self.socket.send_bytes(frame(header, arrays))

    async def advance(self, count: int) -> None:
        """Train every run for some steps."""
        for _ in range(min(count, self.experiment["steps"] - self.runs[0].steps)):
            for run, losses in zip(self.runs, self.losses, strict=True):
                losses.append(run.step())

    async def state(self) -> None:
        """Say where the runs are."""
        step, steps = self.runs[0].steps, self.experiment["steps"]
        message = {"type": "state", "playing": self.playing, "step": step, "steps": steps}
        await self.socket.send_json({**message, "finished": step >= steps})

    async def train(self) -> None:
        """Train as long as the page paints."""
        while True:
            await asyncio.sleep(0.001)
            if not self.playing or self.unpainted:
                continue
            await self.advance(self.pace)
            await self.show()
            if self.runs[0].steps >= self.experiment["steps"]:
                self.playing = False
                await self.state()

    async def hear(self, message: dict[str, Any]) -> None:
        """Do what a message asks."""
        kind = message["type"]
        if kind == "ack":
            self.unpainted = 0 if message["id"] == self.unpainted else self.unpainted
        elif kind == "start":
            await self.start(message["experiment"])
        elif kind == "pace":
            self.pace = message["steps"]
        elif kind == "phase":
            await self.socket.send_bytes(diagram(message["activation"][0], message["size"]))
        elif kind == "upload":
            raw = await self.socket.receive_bytes()
            name = message["name"]
            if b"broken" in raw:
                await self.socket.send_json({"type": "error", "message": f"{name}: row 1 is broken."})
            else:
                about = {"name": "table", "kind": "table", "features": 8, "classes": 2, "title": name}
                await self.socket.send_json({"type": "uploaded", "data": about})
        elif kind in ("play", "pause"):
            self.playing = kind == "play"
            await self.state()
        elif kind == "step":
            await self.advance(message["count"])
            await self.show()
            await self.state()
        elif kind == "rewind":
            self.playing = False
            for run, losses in zip(self.runs, self.losses, strict=True):
                run.rewind()
                losses.clear()
            await self.show()
            await self.state()


def diagram(activation: str, size: int) -> bytes:
    """Return the phase diagram of an activation."""
    w, b = np.linspace(0, 4, size), np.linspace(0, 2, size)
    ww, bb = np.meshgrid(w, b)
    # a surface of the right form is enough for a picture
    edge = np.linspace(0, 2, 40)
    critical = 1 + 1.2 * edge**0.7
    chi = (ww / (1 + 1.2 * bb**0.7)) ** 1.2
    depth = np.minimum(1 / np.maximum(np.abs(np.log(np.maximum(chi, 1e-6))), 1e-3), 1000)
    header = {"kind": "phase", "id": 0, "activation": activation, "sigma_w": [0, 4], "sigma_b": [0, 2]}
    return frame(header, {"chi": chi, "depth": depth, "edge": np.stack([critical, edge], axis=1)})


async def endpoint(socket: WebSocket) -> None:
    """Serve one page."""
    await socket.accept()
    client = Client(socket)
    await socket.send_json(hello())
    training = asyncio.create_task(client.train())
    try:
        while True:
            await client.hear(json.loads(await socket.receive_text()))
    except WebSocketDisconnect:
        pass
    finally:
        training.cancel()


def main() -> None:
    """Serve until killed."""
    routes = [WebSocketRoute("/socket", endpoint), Mount("/", StaticFiles(directory=PAGE, html=True))]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
