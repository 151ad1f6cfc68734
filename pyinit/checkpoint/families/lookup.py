"""The spec of a built-in model or of a file, by its name."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import SpecError
from ...masking import masked
from ...stream.strict_json import parsed
from ..spec import Spec, spec_from_checkpoint
from ..spec_json import spec_from_json
from .builtin import BUILTIN
from .registry import FAMILIES, spec_from_config

__all__ = ["find_spec", "model_type_of"]


def find_spec(name: str | os.PathLike[str]) -> Spec:
    """Return the spec of a model, by its name or a path.

    Parameters
    ----------
    name : str or path-like
        A built-in model; a config.json or a directory with one; a ``.safetensors`` file; a
        ``.safetensors.index.json``; or a plain JSON spec. A checkpoint beside a config.json of a
        known family, with exactly that family's tensors, brings the family's recipe and ties.

    Returns
    -------
    Spec
        The model.

    Raises
    ------
    SpecError
        If there is no such name, or the file describes no model.
    FormatError
        If a safetensors file is corrupt.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.find_spec("gpt2").parameters
    124439808
    """
    if isinstance(name, str) and name in BUILTIN:
        return spec_from_config(BUILTIN[name], name)
    path = Path(name)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise SpecError(
                f"{path}: this directory holds no config.json; name the file that describes the model"
            )
        path = path / "config.json"
    if not path.is_file():
        raise SpecError(
            f"'{masked(str(name))}' is neither a built-in model nor a file; built-in are "
            f"{', '.join(BUILTIN)}. Other models come from a config.json, a .safetensors file or index, or a "
            "plain JSON spec"
        )
    if path.name.endswith((".safetensors", ".safetensors.index.json")):
        return _with_family(spec_from_checkpoint(path), path.parent / "config.json")
    content = _object(path)
    if "weight_map" in content:
        return _with_family(spec_from_checkpoint(path), path.parent / "config.json")
    if "tensors" in content:
        return spec_from_json(content, str(path))
    return spec_from_config(content, str(path))


def model_type_of(path: Path) -> str | None:
    """Return the ``model_type`` of a configuration; None if the file does not say it."""
    if path.suffix != ".json" or not path.is_file():
        return None
    content = parsed(path.read_bytes(), str(path), SpecError)
    if not isinstance(content, dict) or "tensors" in content or "weight_map" in content:
        return None
    model_type = content.get("model_type")
    return model_type if isinstance(model_type, str) else None


def _with_family(spec: Spec, config_path: Path) -> Spec:
    """Return a checkpoint's spec, completed by the configuration beside it."""
    if not config_path.is_file():
        return spec
    config = _object(config_path)
    if config.get("model_type") not in FAMILIES:
        return replace(spec, config=config)
    try:
        family = spec_from_config(config, str(config_path))
    except SpecError:
        # the tensors are known all the same; the configuration is kept as it is
        return replace(spec, config=config)
    shapes = {tensor.name: tensor.shape for tensor in family.tensors}
    if shapes != {tensor.name: tensor.shape for tensor in spec.tensors}:
        return replace(spec, config=config)
    known = {tensor.name: tensor for tensor in family.tensors}
    tensors = tuple(
        replace(known[tensor.name], dtype=tensor.dtype, copied_from=tensor.copied_from)
        for tensor in spec.tensors
    )
    config = dict(family.config or {})
    dtypes = {tensor.dtype for tensor in tensors if tensor.is_float}
    if len(dtypes) == 1:
        config["dtype"] = dtypes.pop()
    return replace(spec, tensors=tensors, ties=family.ties, config=config, rules=family.rules)


def _object(path: Path) -> dict[str, Any]:
    content = parsed(path.read_bytes(), str(path), SpecError)
    if not isinstance(content, dict):
        raise SpecError(f"{path}: a model is described by a JSON object; got {type(content).__name__}")
    return content
