"""An epoch of pi.train beside the same loop in torch: `python benchmarks/lab/train/epoch.py`.

5,000 digits, 784-100-100-100-100-10, tanh, batches of 128, plain SGD, nothing recorded; the same start,
order, losses and scores, asserted before the clock starts. Ratios are medians of rounds in which both took
turns.
"""

from __future__ import annotations

import statistics
from functools import partial

import numpy as np
import torch

import pyinit as pi
from pyinit.cli.bench.interleave import Turn, interleave
from pyinit.cli.bench.machine import describe

WIDTHS = [784, 100, 100, 100, 100, 10]
LEARNING_RATE, BATCH = 0.1, 128


def module(network: pi.Network) -> torch.nn.Sequential:
    """Return torch's network of these layers."""
    layers: list[torch.nn.Module] = []
    for layer in network.layers:
        layers += [torch.nn.Linear(layer.inputs, layer.units), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def start(network: pi.Network, net: torch.nn.Sequential) -> None:
    """Give torch's network pyinit's start."""
    with torch.no_grad():
        for drawn, parameter in zip(network.init(key=0).values(), net.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(drawn.T))


def main() -> None:
    """Check that both learn alike, then print milliseconds an epoch."""
    data = pi.data.mnist_5k()
    network = pi.mlp(WIDTHS, "tanh", bias="zeros")
    inputs = torch.tensor(data.inputs)
    targets = torch.tensor(data.targets.astype(np.int64))
    parts = [torch.tensor(rows) for rows in (data.train, data.test)]
    orders = [torch.tensor(rows) for rows in pi.data.batches(data.train, BATCH, key=0)]

    net = module(network)

    def ours(threads: int) -> np.ndarray:
        history = pi.train(
            network,
            data,
            learning_rate=LEARNING_RATE,
            epochs=1,
            batch_size=BATCH,
            key=0,
            record=None,
            score="end",
            threads=threads,
        )
        return np.append(history.losses, [one.test for one in history.scores])

    @torch.no_grad()
    def score() -> float:
        # of all rows, as pi.train does before and after
        return [net(inputs[part]).argmax(1).eq(targets[part]).double().mean().item() for part in parts][-1]

    def theirs() -> np.ndarray:
        # as ours, drawn in the time it takes; torch's modules stand ready
        start(network, net)
        optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE)
        scores, losses = [score()], []
        for rows in orders:
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(net(inputs[rows]), targets[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return np.array([*losses, *scores, score()])

    np.testing.assert_allclose(ours(2), theirs(), rtol=1e-4)
    print(", ".join(f"{what}: {which}" for what, which in describe().items()))
    for threads in (torch.get_num_threads(), 1):
        torch.set_num_threads(threads)
        table = interleave([Turn(partial(ours, threads)), Turn(theirs)], least=9, most=9)
        milliseconds = [statistics.median(column) * 1e3 for column in zip(*table, strict=True)]
        ratio = statistics.median(row[1] / row[0] for row in table)
        print(
            f"on {threads} threads: pi.train {milliseconds[0]:.1f} ms, torch {milliseconds[1]:.1f} ms, "
            f"{ratio:.2f}x"
        )


if __name__ == "__main__":
    main()
