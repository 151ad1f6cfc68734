"""Modules from what names them: a configuration of transformers, a model of timm, a function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from ...errors import PyinitError, SpecError
from ...stream.strict_json import parsed
from ..materialization.construction import deferred

__all__ = ["build"]

# In transformers' own lists of models, by their names; the first that has a configuration counts.
_TASKS = ("CAUSAL_LM", "PRETRAINING", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM", "IMAGE_CLASSIFICATION")


def build(definition: str) -> tuple[torch.nn.Module, str]:
    """Build what a definition names, recorded and without memory.

    Parameters
    ----------
    definition : str
        ``"timm:NAME"``; ``"package.module:function"``, a function without arguments that returns a module; or
        the path of a config.json of transformers.

    Returns
    -------
    module : torch.nn.Module
        Built under `pyinit.torch.deferred`.
    how : str
        A sentence that says what built it.

    Raises
    ------
    SpecError
        If there is no such model, or it cannot be built.

    Examples
    --------
    >>> module, how = build("torch.nn:Identity")
    >>> how
    'torch.nn:Identity returned an Identity'
    """
    if definition.startswith("timm:"):
        return _of_timm(definition)
    if Path(definition).is_file():
        return _of_transformers(definition)
    return _of_function(definition)


def _of_timm(definition: str) -> tuple[torch.nn.Module, str]:
    timm = _library("timm", definition)
    module = _built(definition, lambda: timm.create_model(definition.removeprefix("timm:"), pretrained=False))
    return module, f"{definition} is built by timm {timm.__version__}"


def _of_transformers(path: str) -> tuple[torch.nn.Module, str]:
    transformers = _library("transformers", path)
    try:
        # code beside a configuration never runs, nor is anybody asked whether it may
        config = transformers.AutoConfig.from_pretrained(path, trust_remote_code=False)
        kind = _class_of(config, transformers)
    except Exception as error:
        if (elsewhere := _code_of(path)) is not None:
            raise _own_code(path, elsewhere) from None
        # a configuration's own checks raise what they will
        raise SpecError(
            f"{path}: transformers {transformers.__version__} does not read it: {error}"
        ) from None
    elsewhere = _code_of(path)
    named = config.architectures or ()
    if elsewhere is not None and not any(hasattr(transformers, name) for name in named):
        # what transformers lists for the type is another model than the one whose code is named
        raise _own_code(path, elsewhere)
    if kind is None:
        raise SpecError(
            f"{path}: transformers {transformers.__version__} lists no model for it; name one of its classes "
            "in 'architectures'"
        )
    module = _built(path, lambda: kind._from_config(config))
    how = (
        f"{path}: pyinit has no family for model_type '{config.model_type}'; transformers "
        f"{transformers.__version__} builds it as {kind.__name__}"
    )
    return module, how


def _code_of(path: str) -> str | None:
    """Return where a configuration says that its model's code lies, or None."""
    content = parsed(Path(path).read_bytes(), path, SpecError)
    places = content.get("auto_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places:
        return None
    models = [place for name, place in places.items() if name.startswith("AutoModel")]
    return str((models or list(places.values()))[0])


def _own_code(path: str, place: str) -> SpecError:
    return SpecError(
        f"{path}: the code of its model is not in transformers: auto_map names {place}, and code beside a "
        "configuration is not run. If you trust it, write a function that returns the module, as "
        "AutoModelForCausalLM.from_config(config, trust_remote_code=True) does, and give "
        "package.module:function in place of this file"
    )


def _class_of(config: Any, transformers: Any) -> Any:
    """Return the class that a configuration names, or else the one that transformers lists for it."""
    for name in config.architectures or ():
        if (found := getattr(transformers, name, None)) is not None:
            return found
    listed = import_module("transformers.models.auto.modeling_auto")
    mappings = [getattr(listed, f"MODEL_FOR_{task}_MAPPING_NAMES", {}) for task in _TASKS]
    for mapping in (*mappings, listed.MODEL_MAPPING_NAMES):
        if name := mapping.get(config.model_type):
            return getattr(transformers, name if isinstance(name, str) else name[0])
    return None


def _of_function(definition: str) -> tuple[torch.nn.Module, str]:
    place, _, name = definition.partition(":")
    # a command does not look where it is called, as python -m does
    sys.path.insert(0, str(Path.cwd()))
    try:
        function: Any = import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise SpecError(f"{definition}: importing {place} failed: {error}") from None
        raise SpecError(
            f"{definition}: there is no module '{place}'; write package.module:function, and run the command "
            "where the package is found"
        ) from None
    except Exception as error:
        raise SpecError(f"{definition}: importing {place} failed: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(str(Path.cwd()))
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise SpecError(f"{definition}: '{place}' has no function '{name}' to call")
    module = _built(definition, function)
    kind = type(module).__name__
    return module, f"{definition} returned {'an' if kind[:1] in 'AEIO' else 'a'} {kind}"


def _built(definition: str, function: Callable[[], Any]) -> torch.nn.Module:
    try:
        with deferred():
            module = function()
    except PyinitError:
        raise
    except Exception as error:
        raise SpecError(
            f"{definition}: building it without memory failed: {type(error).__name__}: {error}"
        ) from None
    if not isinstance(module, torch.nn.Module):
        raise SpecError(
            f"{definition}: a function that returns a torch.nn.Module is needed; it returned "
            f"{type(module).__name__}"
        )
    return module


def _library(name: str, definition: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise SpecError(
            f"{definition} needs {name}, which is not installed or does not load ({error}). Install {name}"
        ) from None
    except RuntimeError as error:
        # a torchvision that was built for another torch
        raise SpecError(f"{definition} needs {name}, which does not load here ({error})") from None
