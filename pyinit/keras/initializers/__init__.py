"""Every name of `keras.initializers`, drawing from pyinit's stream."""

from __future__ import annotations

from typing import Any

import keras
from keras.initializers import Initializer, deserialize, serialize

from .constants import STFT, Constant, Identity, Ones, Zeros
from .distributions import RandomNormal, RandomUniform, TruncatedNormal
from .famous import GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform
from .orthogonal import Orthogonal
from .scaling import VarianceScaling

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
STFTInitializer = stft = STFT
constant = Constant
zeros = Zeros
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform

# what Keras' own `get` knows beside the names of its module
_SHORT = {"normal": RandomNormal, "one": Ones, "uniform": RandomUniform, "zero": Zeros}


def get(identifier: Any) -> Any:
    """Return the initializer of a name, drawing from pyinit's stream; all else as `keras.initializers.get`.

    Parameters
    ----------
    identifier : str, dict, callable, tensor or None
        A name such as "he_normal"; a config, a callable or a tensor is read by Keras.

    Returns
    -------
    Initializer
        Or None for None.

    Raises
    ------
    ValueError
        If Keras cannot read it.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> type(initializers.get("he_normal")) is initializers.HeNormal
    True
    """
    if isinstance(identifier, str):
        made = _SHORT.get(identifier) or (globals()[identifier] if identifier in __all__ else None)
        if isinstance(made, type) and made is not Initializer:
            return made()
    return keras.initializers.get(identifier)
