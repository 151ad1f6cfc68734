"""What normalization, residual branches, attention and torch's own defaults make of variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..stream.arguments import count
from .domain import Values, nonnegative, widths_of
from .maps import chi, variance_map
from .moments import mean, second_moment, slope_moment

__all__ = [
    "attention_logit_variance",
    "batch_norm_gradient",
    "layer_norm_gradient",
    "residual_gradient",
    "residual_variance",
    "torch_linear",
]


def batch_norm_gradient(activation: Any) -> float:
    """Return what batch normalization before an activation multiplies a gradient's variance by, each layer.

    E[phi'^2] / Var[phi] of a standard normal, at least 1: pi / (pi - 1) = 1.4669 for relu. It explodes with
    depth whatever the weights' scale, since normalization takes that out.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.

    Returns
    -------
    float
        For wide layers and large batches of inputs that batch normalization has decorrelated.

    References
    ----------
    Yang, Pennington, Rao, Sohl-Dickstein, Schoenholz, "A mean field theory of batch
    normalization", ICLR 2019.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(pi.theory.batch_norm_gradient("relu"), 4)
    1.4669
    """
    average = float(mean(activation, 1.0))
    variance = float(second_moment(activation, 1.0)) - average**2
    return float(slope_moment(activation, 1.0)) / variance


def layer_norm_gradient(activation: Any) -> float:
    """Return what layer normalization before an activation multiplies a gradient's variance by, each layer.

    E[phi'^2] / E[phi^2] of a standard normal: 1 for relu, which layer normalization keeps as well
    as He's std does.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.

    Returns
    -------
    float
        For wide layers without biases.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.theory.layer_norm_gradient("relu")
    1.0
    """
    return float(slope_moment(activation, 1.0)) / float(second_moment(activation, 1.0))


def residual_variance(
    activation: Any, depth: int, q: float = 1.0, *, sigma_w: Any, sigma_b: Any = 0.0, branch: float = 1.0
) -> Values:
    """Return the variance after each residual block x + branch * (W phi(x) + b).

    q_(l+1) = q_l + branch^2 (sigma_w^2 E[phi(sqrt(q_l) z)^2] + sigma_b^2). With relu and He's
    sigma_w = sqrt(2) it doubles; with branch = 1 / sqrt(L) it reaches (1 + 1/L)^L, at most e.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    depth : int
        Number of blocks.
    q : float
        Variance of the first x.
    sigma_w, sigma_b : float
        Weights have variance sigma_w^2 / fan_in, biases sigma_b^2.
    branch : float
        What the branch is multiplied by.

    Returns
    -------
    ndarray
        Of shape (depth,).

    References
    ----------
    Hanin and Rolnick, NeurIPS 2018; Zhang, Dauphin, Ma, "Fixup initialization", ICLR 2019.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.theory.residual_variance("relu", 4, sigma_w=2**0.5).round(6)
    array([ 2.,  4.,  8., 16.])
    """
    scale = float(nonnegative("branch", branch)) ** 2
    now, found = nonnegative("q", q), []
    for _ in range(count("depth", depth)):
        now = now + scale * variance_map(activation, now, sigma_w, sigma_b)
        found.append(now)
    return np.array(found)


def residual_gradient(activation: Any, q: Any, *, sigma_w: Any, branch: float = 1.0) -> Values:
    """Return what a residual block multiplies a gradient's variance by, 1 + branch^2 chi_1.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q : float or ndarray
        Variance of the block's input, as `residual_variance` returns it.
    sigma_w : float
        Weights have variance sigma_w^2 / fan_in.
    branch : float
        What the branch is multiplied by.

    Returns
    -------
    ndarray
        Of the shape of `q`.

    References
    ----------
    Yang and Schoenholz, "Mean field residual networks: on the edge of chaos", NeurIPS 2017.

    Examples
    --------
    >>> import pyinit as pi
    >>> float(pi.theory.residual_gradient("relu", 1.0, sigma_w=2**0.5).round(6))
    2.0
    """
    result: Values = 1.0 + float(nonnegative("branch", branch)) ** 2 * chi(activation, q, sigma_w)
    return result


def torch_linear(widths: Sequence[int], mean_square: float = 1.0) -> Values:
    """Return the variance of each pre-activation of torch's Linear and relu, as torch initializes them.

    Weights and biases are U(-1/sqrt(n), 1/sqrt(n)), n the fan_in: q_(l+1) = q_l / 6 + 1 / (3 n), which sinks
    to 2 / (5 n), where only biases are left.

    Parameters
    ----------
    widths : sequence of int
        Of the input and of every layer.
    mean_square : float
        Second moment of the input.

    Returns
    -------
    ndarray
        One number a layer.

    References
    ----------
    torch.nn.Linear.reset_parameters: kaiming_uniform with a = sqrt(5).

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.theory.torch_linear([512] * 6).round(4)
    array([0.334 , 0.0563, 0.01  , 0.0023, 0.001 ])
    """
    entering, found = float(nonnegative("mean_square", mean_square)), []
    for inputs in widths_of(widths)[:-1]:
        q = (entering + 1.0 / inputs) / 3.0
        found.append(q)
        entering = q / 2.0
    return np.array(found)


def attention_logit_variance(query_std: float, key_std: float | None = None) -> float:
    """Return the variance of an attention logit q.k / sqrt(d): query_std^2 key_std^2.

    Parameters
    ----------
    query_std, key_std : float
        Standard deviations of the components of queries and keys, independent at initialization; one number
        when they are the same. Unit inputs through Xavier's weights of a fused (3 d, d) projection have
        sqrt(d * 2 / (4 d)) = sqrt(1/2).

    Returns
    -------
    float
        1 where a softmax over logits starts neither flat nor peaked.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(pi.theory.attention_logit_variance(0.5**0.5), 12)
    0.25
    """
    query = float(nonnegative("query_std", query_std))
    key = query if key_std is None else float(nonnegative("key_std", key_std))
    variance = query**2 * key**2
    return variance if math.isfinite(variance) else math.inf
