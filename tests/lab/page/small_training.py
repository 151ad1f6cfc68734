"""A few networks trained in NumPy, so that the page's tests have frames as the wire carries them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import pyinit as pi

Array = npt.NDArray[Any]

KINDS, BINS, SIDE = 4, 64, 64
STD = {"he_normal": 2.0, "lecun_normal": 1.0, "xavier_normal": 1.0, "critical_normal": 1.0, "zeros": 0.0}
EXTENT = (-1.6, 1.6, -1.6, 1.6)


def examples(name: str) -> tuple[Array, Array]:
    """Return the rows and labels of a data set."""
    if name == "mnist_5k":
        data = pi.data.mnist_5k()
    elif name == "table":
        rng = np.random.default_rng(0)
        inputs = rng.normal(size=(400, 8)).astype(np.float32)
        return inputs, (inputs[:, 0] * inputs[:, 1] > 0).astype(np.int32)
    else:
        data = pi.data.toy(name, 400)
    return np.asarray(data.inputs, np.float32), np.asarray(data.targets, np.int32)


class SmallRun:
    """One network under plain gradient descent."""

    def __init__(self, experiment: dict[str, Any], setting: dict[str, Any], x: Array, labels: Array) -> None:
        self.x, self.labels, self.experiment = x, labels, experiment
        self.classes = int(labels.max()) + 1
        depth, width = experiment["depth"], experiment["width"]
        widths = [x.shape[1], *[width] * (depth - 1), self.classes]
        self.sigma = STD.get(setting["recipe"], 1.0) ** 0.5 * setting["scale"]
        rng = np.random.default_rng(experiment["seed"])
        self.start = [
            (rng.normal(size=(m, n)) * self.sigma / np.sqrt(n)).astype(np.float32)
            for n, m in zip(widths, widths[1:], strict=False)
        ]
        self.widths = widths
        self.rewind()

    def rewind(self) -> None:
        """Go back to the weights that the training began with."""
        self.weights = [w.copy() for w in self.start]
        self.biases = [np.zeros(len(w), np.float32) for w in self.weights]
        self.steps = 0

    def forward(self, x: Array) -> tuple[list[Array], list[Array]]:
        """Return every layer's numbers before and after its activation."""
        before, after = [], [x]
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            before.append(after[-1] @ w.T + b)
            last = i == len(self.weights) - 1
            relu = self.experiment["activation"] == "relu"
            after.append(before[-1] if last else np.maximum(before[-1], 0) if relu else np.tanh(before[-1]))
        return before, after

    def shares(self, x: Array) -> Array:
        """Return the probability of each class."""
        y = self.forward(x)[1][-1]
        e = np.exp(y - y.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))

    def step(self) -> float:
        """Take one step of training and return the loss before it."""
        self.look()
        rate = self.experiment["learning_rate"]
        for w, b, g, dz in zip(self.weights, self.biases, self.gradients, self.back, strict=True):
            w -= rate * g
            b -= rate * dz.sum(axis=0)
        self.steps += 1
        return self.loss

    def look(self) -> None:
        """Compute what a frame shows, on the batch of the next step."""
        size = self.experiment["batch_size"]
        rows = np.random.default_rng(self.steps).choice(len(self.x), min(size, len(self.x)), replace=False)
        self.before, self.after = self.forward(self.x[rows])
        share = np.exp(self.before[-1] - self.before[-1].max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        at = np.arange(len(rows))
        self.loss = float(-np.log(np.maximum(share[at, self.labels[rows]], 1e-30)).mean())
        share[at, self.labels[rows]] -= 1
        dz = share / len(rows)
        self.back, self.gradients = [], []
        for i in reversed(range(len(self.weights))):
            self.back.append(dz)
            self.gradients.append(dz.T @ self.after[i])
            if i:
                slope = self.after[i] > 0 if self.experiment["activation"] == "relu" else 1 - self.after[i] ** 2
                dz = (dz @ self.weights[i]) * slope
        self.back.reverse()
        self.gradients.reverse()

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of a frame, without the run's prefix."""
        self.look()
        layers = len(self.weights)
        counts = np.zeros((layers, KINDS, BINS), np.float32)
        edges = np.zeros((layers, KINDS, 2), np.float32)
        theory = np.full((layers, KINDS, BINS), np.nan, np.float32)
        moments = np.zeros((layers, KINDS, 5), np.float32)
        for i in range(layers):
            kinds = (self.before[i], self.after[i + 1], self.back[i], self.weights[i])
            for k, values in enumerate(kinds):
                end = max(float(np.abs(values).max()), 1e-12) * 1.05
                edges[i, k] = -end, end
                counts[i, k] = np.histogram(values, BINS, (-end, end))[0]
                moments[i, k, :3] = values.mean(), values.std(), np.sqrt((values**2).mean())
            moments[i, 0, 3] = (np.abs(self.after[i + 1]) > 0.97).mean() if i < layers - 1 else 0
            moments[i, 1, 4] = (self.after[i + 1] == 0).all(axis=0).mean()
            std, end = max(float(moments[i, 0, 2]), 1e-12), edges[i, 0, 1]
            centres = (np.arange(BINS) + 0.5) / BINS * 2 * end - end
            theory[i, 0] = np.exp(-0.5 * (centres / std) ** 2) / (std * np.sqrt(2 * np.pi))
        norms = [
            [np.linalg.norm(w), np.linalg.norm(g)] for w, g in zip(self.weights, self.gradients, strict=True)
        ]
        found: dict[str, Array] = {
            "counts": counts,
            "edges": edges,
            "theory": theory,
            "moments": moments,
            "norms": np.array(norms, np.float32),
        }
        if max(self.widths) <= 32:
            for i, (w, g) in enumerate(zip(self.weights, self.gradients, strict=True)):
                found[f"weights.{i}"], found[f"gradients.{i}"] = w, g.astype(np.float32)
        if self.x.shape[1] == 2:
            across = np.linspace(EXTENT[0], EXTENT[1], SIDE, dtype=np.float32)
            plane = np.stack(np.meshgrid(across, across), axis=-1).reshape(-1, 2)
            shares = self.shares(plane).reshape(SIDE, SIDE, -1)
            found["boundary"] = shares[..., 1] if self.classes == 2 else shares
        if self.x.shape[1] == 784:
            shares = self.shares(self.x[:48])
            found["digits"] = np.stack([shares.argmax(axis=1), shares.max(axis=1)], axis=1)
        return found

    def accuracy(self) -> float:
        """Return the share of rows whose class is found."""
        return float((self.shares(self.x[:400]).argmax(axis=1) == self.labels[:400]).mean())
