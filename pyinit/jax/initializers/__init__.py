"""Every factory of `jax.nn.initializers`, under its name and signature, drawing from pyinit's stream."""

from __future__ import annotations

from ..initializer import Initializer
from .constants import constant, ones, zeros
from .distributions import normal, truncated_normal, uniform
from .famous import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
)
from .orthogonal import delta_orthogonal, orthogonal
from .scaling import variance_scaling

__all__ = [
    "Initializer",
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
