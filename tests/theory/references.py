"""Expectations computed another way: the density in u, on rectangles between kinks, without adaptation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pyinit.theory.activation import Activation, activation

REACH = 11.0
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)


def without_formulas(spec) -> Activation:
    """Return the same functions under a name that has no closed forms."""
    return replace(activation(spec), name="plain")


def line(kinks: tuple[float, ...], sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights on [-11 sd, 11 sd] in u: sixteen nodes on intervals of at most 3/4 and sd."""
    inside = [kink for kink in (0.0, *kinks) if abs(kink) < REACH * sd]
    count = int(np.ceil(2 * REACH * sd / min(0.75, sd)))
    edges = np.unique([*np.linspace(-REACH * sd, REACH * sd, count + 1), *inside])
    width = np.diff(edges)[:, None]
    return (edges[:-1, None] + (NODES + 1) / 2 * width).ravel(), (WEIGHTS / 2 * width).ravel()


def mean_of(f: Callable, q: float, kinks: tuple[float, ...] = ()) -> float:
    """Return E[f(u)], u of variance q."""
    u, weights = line(kinks, np.sqrt(q))
    return float(weights @ (f(u) * np.exp(-u * u / (2 * q)) / np.sqrt(2 * np.pi * q)))


def pair_of(f: Callable, q1: float, q2: float, c: float, kinks: tuple[float, ...] = ()) -> float:
    """Return E[f(u1) f(u2)] by the bivariate density, for |c| up to 0.9."""
    (u1, w1), (u2, w2) = line(kinks, np.sqrt(q1)), line(kinks, np.sqrt(q2))
    a, b = u1[:, None] / np.sqrt(q1), u2[None, :] / np.sqrt(q2)
    rest = 1 - c * c
    density = np.exp(-(a * a - 2 * c * a * b + b * b) / (2 * rest)) / (2 * np.pi * np.sqrt(q1 * q2 * rest))
    return float((w1 * f(u1)) @ density @ (w2 * f(u2)))
