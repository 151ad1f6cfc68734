"""What a checkpoint holds: named tensors in order, ties, and the configuration that goes with them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from ..errors import DTypeError, LayoutError, ShapeError, SpecError
from ..recipes.fans import Axes
from ..recipes.rules import Rule
from ..stream.dtypes import FLOATS, FORMATS
from ..stream.safetensors import ITEMSIZE, Header, TensorInfo, read_header, read_index
from ..stream.window import normal_shape

__all__ = ["Spec", "TensorSpec", "spec_from_checkpoint"]

# the names that a checkpoint has itself
_OWN = re.compile(r"init\.json|config\.json|.*\.safetensors(\.index\.json)?")


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of a model.

    Parameters
    ----------
    name : str
        Its name, from which its stream comes.
    shape : tuple of int
        Its shape.
    dtype : str
        Such as "float32", "bfloat16" or "int64".
    layout : str, optional
        "torch" for (out, in, ...), "keras" or "jax" for (..., in, out); None for what is not a kernel, or
        where `in_axis` and `out_axis` are given.
    groups, transposed, stride
        How its owner, a convolution, uses it; as in `pyinit.variance_scaling`.
    batch_axis, in_axis, out_axis : int or tuple of int, optional
        Axes that number separate weights, and the axes of inputs and outputs; as there.
    is_convolution : bool
        Whether the axes that are neither channels nor batch are a receptive field. Otherwise a recipe
        that counts fans is an error where there are any.
    copied_from : (Path, TensorInfo), optional
        The bytes to copy, for what cannot be drawn anew: integers of an existing checkpoint.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: str | None = None
    groups: int = 1
    transposed: bool = False
    stride: int | tuple[int, ...] = 1
    batch_axis: int | tuple[int, ...] = ()
    in_axis: int | tuple[int, ...] | None = None
    out_axis: int | tuple[int, ...] | None = None
    is_convolution: bool = False
    copied_from: tuple[Path, TensorInfo] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise SpecError(f"a tensor's name is a string; got {self.name!r}. Join its path with dots")
        if self.dtype not in ITEMSIZE:
            raise DTypeError(
                f"tensor '{self.name}' has dtype '{self.dtype}'; known are {', '.join(ITEMSIZE)}"
            )
        try:
            object.__setattr__(self, "shape", normal_shape(self.shape, ITEMSIZE[self.dtype]))
        except ShapeError as error:
            raise ShapeError(f"tensor '{self.name}': {error}") from None
        if not self._has_owner:
            return
        try:
            axes = self.axes
            axes.batch(len(self.shape))
        except LayoutError as error:
            raise LayoutError(f"tensor '{self.name}': {error}") from None
        if not self.is_kernel and axes != Axes(layout=self.layout):
            raise LayoutError(
                f"tensor '{self.name}': shape {self.shape} with layout {self.layout!r} is not a kernel; got "
                "groups or axes. Give it two or more axes, and a layout or both in_axis and out_axis."
            )

    @property
    def _has_owner(self) -> bool:
        """Whether more than the layout is known of its use."""
        return (self.groups, self.transposed, self.stride, self.batch_axis) != (1, False, 1, ()) or (
            self.in_axis is not None or self.out_axis is not None
        )

    @property
    def axes(self) -> Axes:
        """How the tensor is used, where it is a kernel."""
        return Axes.of(self)

    @property
    def is_float(self) -> bool:
        """Whether the tensor can be drawn."""
        return self.dtype in FORMATS

    @property
    def is_kernel(self) -> bool:
        """Whether the tensor has fans: a matrix, an embedding, a convolution."""
        known = self.layout is not None or (self.in_axis is not None and self.out_axis is not None)
        return known and len(self.shape) >= 2

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor."""
        return prod(self.shape) * ITEMSIZE[self.dtype]


@dataclass(frozen=True)
class Spec:
    """A model: its tensors, in order, and everything else a checkpoint needs.

    Parameters
    ----------
    source : str
        Where it comes from, for messages and the receipt.
    tensors : tuple of TensorSpec
        Each is written once.
    ties : mapping of str to str
        Name of a tensor that is not written -> name of the one it shares.
    config : mapping, optional
        The content of ``config.json``.
    rules : tuple of Rule, optional
        The model's own recipe; None when it has none.
    files : mapping of str to str
        Names and texts of further small files that its library writes, such as generation_config.json.

    Examples
    --------
    >>> import pyinit as pi
    >>> spec = pi.find_spec("gpt2")
    >>> isinstance(spec, pi.Spec), spec.tensors[0].name, spec.ties
    (True, 'transformer.wte.weight', {'lm_head.weight': 'transformer.wte.weight'})
    """

    source: str
    tensors: tuple[TensorSpec, ...]
    ties: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    rules: tuple[Rule, ...] | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [tensor.name for tensor in self.tensors]
        known = set(names)
        if len(known) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SpecError(f"{self.source}: every tensor needs a name of its own; '{twice}' comes twice")
        for alias, owner in self.ties.items():
            if owner not in known:
                raise SpecError(
                    f"{self.source}: '{alias}' is tied to '{owner}', which is not a tensor of the model"
                )
            if alias in known:
                raise SpecError(
                    f"{self.source}: '{alias}' is tied to '{owner}' and so cannot be a tensor as well"
                )
        for name in self.files:
            if Path(name).name != name or name in ("..", "") or "\0" in name:
                raise SpecError(f"{self.source}: a further file lies beside the others; got '{name}'")
            if name.startswith(".") or _OWN.fullmatch(name):
                raise SpecError(
                    f"{self.source}: a further file has a name that the checkpoint does not use itself, and "
                    f"is not hidden; got '{name}'"
                )
        if self.nbytes >= 2**63:
            raise ShapeError(f"{self.source}: a model must have less than 2**63 bytes; got {self.nbytes}")

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @property
    def parameters(self) -> int:
        """Elements of all tensors that can be drawn."""
        return sum(prod(tensor.shape) for tensor in self.tensors if tensor.is_float)

    def with_dtype(self, dtype: str) -> Spec:
        """Return the spec with every floating tensor in `dtype`; integers and complex numbers keep theirs."""
        if dtype not in FLOATS:
            raise DTypeError(f"dtype must be one of {', '.join(FLOATS)}; got '{dtype}'")
        for tensor in self.tensors:
            if tensor.dtype.startswith("float8"):
                raise DTypeError(
                    f"{self.source}: tensor '{tensor.name}' is {tensor.dtype}, and may have scales beside "
                    f"it; got dtype '{dtype}' for all. Leave it out, or take the spec of the model before it "
                    "was quantized"
                )
        tensors = tuple(
            replace(tensor, dtype=dtype) if tensor.dtype in FLOATS else tensor for tensor in self.tensors
        )
        config = self.config
        if config is not None and "model_type" in config:
            config = {key: value for key, value in config.items() if key != "torch_dtype"} | {"dtype": dtype}
        return replace(self, tensors=tensors, config=config)


def spec_from_checkpoint(path: str | os.PathLike[str]) -> Spec:
    """Return the spec of an existing ``.safetensors`` file or ``.safetensors.index.json``.

    Floating tensors get new values in the same names, shapes and dtypes; integers and booleans,
    which no recipe can draw, are copied unless a rule makes them constant. Of weights of float8 with scales
    in ``..._scale_inv``, as transformers' FineGrainedFP8 has them, both are made of one draw in float32. All
    tensors of two or more dimensions count as kernels in torch's layout; such a file does not say what
    further axes are: a recipe that counts fans must.

    Parameters
    ----------
    path : path-like
        The file or the index.

    Returns
    -------
    Spec
        Without rules of its own.

    Raises
    ------
    FormatError, DTypeError
        If the file does not follow the format.
    """
    path = Path(path)
    if path.name.endswith(".json"):
        located = read_index(path)
    else:
        header: Header = read_header(path)
        located = {name: (path, info) for name, info in header.tensors.items()}
    tensors = tuple(
        TensorSpec(
            name,
            info.shape,
            info.dtype,
            "torch" if len(info.shape) >= 2 else None,
            copied_from=(file, info) if info.dtype.startswith(("int", "uint", "bool")) else None,
        )
        for name, (file, info) in located.items()
    )
    return Spec(str(path), tensors)
