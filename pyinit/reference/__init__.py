"""The executable specification: what every kernel computes, in NumPy, clear rather than fast."""

from ..stream.key import philox4x32
from .complexes import complex_normal, complex_uniform, disk, unitary
from .dense import fma, matmul, reflected
from .layer import Moments, dead, layer_backward, layer_forward, linear_slots, log_slots, moments
from .sparse import permuted, sparse
from .stream import block, constant, indices, normal, orthogonal, standard_normal, uniform, words32, words64
from .transformed import inverse_softplus, log_decay, log_of_uniform, log_uniform
from .truncation import quantile, truncated_normal

__all__ = [
    "Moments",
    "block",
    "complex_normal",
    "complex_uniform",
    "constant",
    "dead",
    "disk",
    "fma",
    "indices",
    "inverse_softplus",
    "layer_backward",
    "layer_forward",
    "linear_slots",
    "log_decay",
    "log_of_uniform",
    "log_slots",
    "log_uniform",
    "matmul",
    "moments",
    "normal",
    "orthogonal",
    "permuted",
    "philox4x32",
    "quantile",
    "reflected",
    "sparse",
    "standard_normal",
    "truncated_normal",
    "uniform",
    "unitary",
    "words32",
    "words64",
]
