"""What a checkpoint holds: named tensors in order, ties, and the configuration that goes with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from .errors import DTypeError, ShapeError, SpecError
from .fans import LAYOUTS
from .rules import CONVENTIONS, Rule
from .rules_json import rules_from_json
from .safetensors import ITEMSIZE, Header, TensorInfo, read_header, read_index
from .strict_json import shown
from .window import normal_shape

__all__ = ["FLOATS", "Spec", "TensorSpec", "spec_from_checkpoint", "spec_from_json", "spec_from_shapes"]

#: The dtypes that can be drawn; tensors of others hold constants or are copied.
FLOATS = ("float32", "float64", "bfloat16", "float16")


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
        A name of `pyinit.safetensors.ITEMSIZE`.
    layout : str, optional
        "torch" for (out, in, ...), "keras" or "jax" for (..., in, out); None for what is no kernel.
    groups : int
        Groups of a convolution.
    is_convolution : bool
        Whether the axes beyond the two of the channels are a receptive field.
    copied_from : (Path, TensorInfo), optional
        The bytes to copy, for what cannot be drawn anew: integers of an existing checkpoint.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: str | None = None
    groups: int = 1
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

    @property
    def is_float(self) -> bool:
        """Whether the tensor can be drawn."""
        return self.dtype in FLOATS

    @property
    def is_kernel(self) -> bool:
        """Whether the tensor has fans: a matrix, an embedding, a convolution."""
        return self.layout is not None and len(self.shape) >= 2

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
    """

    source: str
    tensors: tuple[TensorSpec, ...]
    ties: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    rules: tuple[Rule, ...] | None = None

    def __post_init__(self) -> None:
        names = [tensor.name for tensor in self.tensors]
        known = set(names)
        if len(known) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SpecError(f"{self.source}: every tensor needs a name of its own; '{twice}' comes twice")
        for alias, owner in self.ties.items():
            if owner not in known:
                raise SpecError(
                    f"{self.source}: '{alias}' is tied to '{owner}', which is no tensor of the model"
                )
            if alias in known:
                raise SpecError(
                    f"{self.source}: '{alias}' is tied to '{owner}' and so cannot be a tensor as well"
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
        """Return the spec with every floating tensor in `dtype`; integers keep theirs."""
        if dtype not in FLOATS:
            raise DTypeError(f"dtype must be one of {', '.join(FLOATS)}; got '{dtype}'")
        tensors = tuple(
            replace(tensor, dtype=dtype) if tensor.is_float else tensor for tensor in self.tensors
        )
        config = self.config
        if config is not None and "model_type" in config:
            config = {key: value for key, value in config.items() if key != "torch_dtype"} | {"dtype": dtype}
        return replace(self, tensors=tensors, config=config)


def spec_from_shapes(shapes: Mapping[str, int | Iterable[int]], source: str = "spec") -> Spec:
    """Return the spec of float32 tensors with these names and shapes; recipes are taken as they are.

    Examples
    --------
    >>> from pyinit.spec import spec_from_shapes
    >>> spec_from_shapes({"l1.weight": (256, 784), "l1.bias": (256,)}).parameters
    200960
    """
    if not isinstance(shapes, Mapping):
        raise SpecError(
            f"a spec is a mapping of names to shapes, or what find_spec returns; got {shapes!r}. "
            "Use pyinit.families.lookup.find_spec(name) for a built-in model or a file"
        )
    # TensorSpec checks the shapes, and names the tensor
    entries: Mapping[str, Any] = shapes
    return Spec(source, tuple(TensorSpec(name, shape) for name, shape in entries.items()))


_SPEC_FIELDS = {"tensors", "ties", "config", "rules", "dtype", "layout"}
_TENSOR_FIELDS = {"shape", "dtype", "layout", "groups"}


def spec_from_json(content: object, source: str = "spec") -> Spec:
    """Return the spec that a plain JSON object describes.

    Parameters
    ----------
    content : dict
        ``"tensors"`` maps each name to its shape, or to an object with ``"shape"`` and, where
        wanted, ``"dtype"``, ``"layout"`` ("torch", "keras", "jax", or null for no kernel) and
        ``"groups"``. Optional: ``"dtype"`` and ``"layout"`` for all tensors that do not say
        (default "float32" and "torch"), ``"ties"`` (alias -> owner), ``"config"`` (written as
        config.json), ``"rules"`` (as in a recipe file).
    source : str
        What to call the content in an error.

    Returns
    -------
    Spec
        Tensors in the order of the object.

    Raises
    ------
    SpecError
        If a field is unknown or malformed.

    Examples
    --------
    >>> from pyinit.spec import spec_from_json
    >>> spec_from_json({"tensors": {"w": [784, 256], "b": {"shape": [256], "dtype": "float64"}}}).nbytes
    804864
    """
    if not isinstance(content, dict) or not isinstance(content.get("tensors"), dict):
        raise SpecError(
            f'{source}: a spec is an object with "tensors": {{name: shape}}; got {shown(content)}'
        )
    if unknown := set(content) - _SPEC_FIELDS:
        raise SpecError(
            f"{source}: unknown field '{min(unknown)}'; a spec has {', '.join(sorted(_SPEC_FIELDS))}"
        )
    defaults = {"dtype": content.get("dtype", "float32"), "layout": content.get("layout", "torch")}
    tensors = tuple(
        _tensor_from_json(name, entry, defaults, f"{source}: tensor '{name}'")
        for name, entry in content["tensors"].items()
    )
    ties, config = content.get("ties", {}), content.get("config")
    if not isinstance(ties, dict) or not all(isinstance(owner, str) for owner in ties.values()):
        raise SpecError(f"{source}: 'ties' maps a name to the name it shares; got {shown(ties)}")
    if config is not None and not isinstance(config, dict):
        raise SpecError(f"{source}: 'config' is an object, written as config.json; got {shown(config)}")
    rules = None
    if "rules" in content:
        rules = rules_from_json(content["rules"], CONVENTIONS, f"{source}: rules")
    return Spec(source, tensors, ties, config, rules)


def _tensor_from_json(name: str, entry: object, defaults: Mapping[str, Any], where: str) -> TensorSpec:
    fields: dict[str, Any] = dict(entry) if isinstance(entry, dict) else {"shape": entry}
    if "shape" not in fields or set(fields) - _TENSOR_FIELDS:
        raise SpecError(
            f"{where} is a shape, or an object of shape, dtype, layout and groups; got {shown(entry)}"
        )
    shape = fields["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise SpecError(f"{where}: a shape is a list of integers >= 0; got {shown(shape)}")
    fields = {**defaults, "groups": 1, **fields}
    if fields["layout"] not in (*LAYOUTS, None):
        raise SpecError(
            f"{where}: layout is one of {', '.join(LAYOUTS)}, or null; got {shown(fields['layout'])}"
        )
    if type(fields["groups"]) is not int or fields["groups"] < 1:
        raise SpecError(f"{where}: groups is an integer >= 1; got {shown(fields['groups'])}")
    if not isinstance(fields["dtype"], str):
        raise SpecError(f"{where}: dtype is one of {', '.join(ITEMSIZE)}; got {shown(fields['dtype'])}")
    return TensorSpec(name, tuple(shape), fields["dtype"], fields["layout"], fields["groups"])


def spec_from_checkpoint(path: str | os.PathLike[str]) -> Spec:
    """Return the spec of an existing ``.safetensors`` file or ``.safetensors.index.json``.

    Floating tensors get new values in the same names, shapes and dtypes; integers and booleans,
    which no recipe can draw, are copied unless a rule makes them constant. All tensors
    of two or more dimensions count as kernels in torch's layout.

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
        If the file is not what the format asks for.
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
