"""The famous names with Keras' own scale, mode and distribution, which are those of `FAMOUS`."""

from __future__ import annotations

import keras

from ..initializer import registered
from .scaling import VarianceScaling

__all__ = ["GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"]


@registered
class GlorotNormal(VarianceScaling, keras.initializers.GlorotNormal):
    """Truncated normal draws with variance 2 / (fan_in + fan_out), as `keras.initializers.GlorotNormal`.

    `VarianceScaling` describes the parameters. Source: Glorot and Bengio, AISTATS 2010, eq. 12.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> round(initializers.GlorotNormal().plan((300, 100)).std, 6)
    0.070711
    """


@registered
class GlorotUniform(VarianceScaling, keras.initializers.GlorotUniform):
    """Uniform draws with variance 2 / (fan_in + fan_out), as `keras.initializers.GlorotUniform`.

    `VarianceScaling` describes the parameters. Source: Glorot and Bengio, AISTATS 2010, eq. 16.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> round(initializers.GlorotUniform().plan((300, 100)).std, 6)
    0.070711
    """


@registered
class HeNormal(VarianceScaling, keras.initializers.HeNormal):
    """Truncated normal draws with variance 2 / fan_in, as `keras.initializers.HeNormal`.

    `VarianceScaling` describes the parameters. Source: He, Zhang, Ren, Sun, ICCV 2015, eq. 10.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> round(initializers.HeNormal().plan((200, 10)).std, 6)
    0.1
    """


@registered
class HeUniform(VarianceScaling, keras.initializers.HeUniform):
    """Uniform draws with variance 2 / fan_in, as `keras.initializers.HeUniform`.

    `VarianceScaling` describes the parameters. Source: He, Zhang, Ren, Sun, ICCV 2015, eq. 10.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> round(initializers.HeUniform().plan((200, 10)).std, 6)
    0.1
    """


@registered
class LecunNormal(VarianceScaling, keras.initializers.LecunNormal):
    """Truncated normal draws with variance 1 / fan_in, as `keras.initializers.LecunNormal`.

    `VarianceScaling` describes the parameters. Source: LeCun, Bottou, Orr, Müller, 1998, eq. 16.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> round(initializers.LecunNormal().plan((100, 10)).std, 6)
    0.1
    """


@registered
class LecunUniform(VarianceScaling, keras.initializers.LecunUniform):
    """Uniform draws with variance 1 / fan_in, as `keras.initializers.LecunUniform`.

    `VarianceScaling` describes the parameters. Source: LeCun, Bottou, Orr, Müller, 1998, eq. 16.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> round(initializers.LecunUniform().plan((100, 10)).std, 6)
    0.1
    """
