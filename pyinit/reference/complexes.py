"""The specification of complex draws: parts of the stream along a last axis, on a disk, and unitary matrices.

The real part of element i is made of real element 2 i of the stream, the imaginary part of element 2 i + 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..stream.dtypes import DType, encode, resolve
from ..stream.key import Key
from .stream import Index, affine, indices, normal, turn, uniform, words32, words64

__all__ = ["complex_normal", "complex_uniform", "disk", "unitary"]

Array = npt.NDArray[Any]


def _parts(index: Index) -> Index:
    """Return the real elements of the parts, along a new last axis."""
    twice = np.asarray(index, np.uint64)[..., None] * np.uint64(2)
    parts: Index = twice + np.arange(2, dtype=np.uint64)
    return parts


def _joined(parts: Array, dtype: DType) -> Array:
    joined: Array = np.empty(parts.shape[:-1], dtype.name)
    joined.real, joined.imag = parts[..., 0], parts[..., 1]
    return joined


def complex_normal(key: Key, index: Index, std: float = 1.0, dtype: str = "complex64") -> Array:
    """Return numbers whose parts are normal draws of std / sqrt(2).

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> made = reference.complex_normal(pi.key(7), np.arange(500, dtype=np.uint64))
    >>> bool(abs(made - pi.normal()(500, key=7, dtype="complex64")).max() < 1e-6)
    True
    """
    found = resolve(dtype)
    return _joined(normal(key, _parts(index), 0.0, std / math.sqrt(2.0), found.compute), found)


def complex_uniform(
    key: Key, index: Index, low: float = 0.0, high: float = 1.0, dtype: str = "complex64"
) -> Array:
    """Return numbers whose parts are uniform draws on [low, high).

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> made = reference.complex_uniform(pi.key(7), np.arange(500, dtype=np.uint64))
    >>> bool((made == pi.uniform()(500, key=7, dtype="complex64")).all())
    True
    """
    found = resolve(dtype)
    highest = resolve(found.compute).below(high)
    return _joined(uniform(key, _parts(index), low, high, low, highest, found.compute), found)


def disk(
    key: Key,
    index: Index,
    scale: float = 1.0,
    floor: float = 0.0,
    is_normal: bool = False,
    dtype: str = "complex64",
) -> Array:
    """Return scale r (cos 2 pi v + i sin 2 pi v); u of the real part, v of the imaginary part.

    r = sqrt(u), or sqrt(-2 ln(floor + (1 - floor) u)) of a normal whose modulus is cut.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> made = reference.disk(pi.key(7), np.arange(1000, dtype=np.uint64), 0.5)
    >>> bool(abs(made).max() < 0.5 and abs(made).max() > 0.49)
    True
    """
    found = resolve(dtype)
    real, imaginary = np.moveaxis(_parts(index), -1, 0)
    words, bits = (words64, 64) if found.word_bits == 64 else (words32, 32)
    kind = np.dtype(found.compute).type
    wide = np.longdouble if bits == 64 else np.float64
    step = kind(1 - floor) * kind(2.0**-bits)
    low = kind(wide(step) * wide(0.5) + wide(kind(floor)))
    drawn = words(key, real).astype(found.compute).astype(wide)
    # one fused multiply-add, then inside of [low, 1]
    u = (drawn * wide(step) + wide(low)).astype(kind)
    u = np.clip(u, low, kind(1)).astype(np.float64)
    radius = np.sqrt(np.abs(2 * np.log(u)) if is_normal else u)
    cosine, sine = turn(words(key, imaginary), bits)
    parts = np.stack([radius * cosine, radius * sine], -1)
    return _joined(affine(parts, scale, 0.0, found), found)


def unitary(key: Key, rows: int, columns: int, gain: float = 1.0, dtype: str = "complex64") -> Array:
    """Return gain times the orthonormal columns, or rows where they are fewer, of drawn complex reflectors.

    With m >= n the two sizes, number i of vector k is the complex normal draw of element i n + k. H_k = I -
    2 v v^H / v^H v with ``v = x_k + s |x_k| e_k`` and ``s = x_kk / |x_kk|``, and D_k is -s.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> made = reference.unitary(pi.key(7), 6, 4)
    >>> bool(abs(made - pi.orthogonal()((6, 4), key=7, dtype="complex64")).max() < 1e-6)
    True
    """
    found = resolve(dtype)
    m, n = max(rows, columns), min(rows, columns)
    # scaled by 2, the parts are the real draws
    x = complex_normal(key, indices((m, n), (0, 0), (m, n)), math.sqrt(2.0), dtype).astype(np.complex128)
    q = np.eye(m, n, dtype=np.complex128)
    for k in reversed(range(n)):
        v = x[k:, k].copy()
        sign = v[0] / abs(v[0])
        v[0] += sign * np.linalg.norm(v)
        q[k:, k:] -= np.outer(v, (2 / np.vdot(v, v).real) * (v.conj() @ q[k:, k:]))
        q[:, k] *= -sign
    return encode((q if rows >= columns else q.T) * gain, found)
