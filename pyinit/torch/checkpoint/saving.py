"""What the library of a module writes of it: under which names, which tied tensors once, with which files.

Of a transformers model that is what its `save_pretrained` does, and its own functions say so, given tensors
without memory; of others, the whole state dict, which ``load_state_dict`` asks for. A distributed checkpoint
is the state dict of any model: transformers, too, reads it by these names.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from ...errors import RecipeError
from ..materialization.naming import state_names
from ..materialization.ties import is_pretrained
from .following import Following

__all__ = ["Saving", "saving_of", "state_of"]

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Saving:
    """What is written of a module.

    Parameters
    ----------
    tensors : dict of str to torch.Tensor
        By the names of the file, on the meta device: `following` knows what they are made of.
    ties : dict of str to str
        Names of the state dict that are not written -> the name of the file that each of them shares.
    following : Following
        Its tensors have the names of the state dict.
    config : mapping or None
        The content of config.json.
    files : mapping of str to str
        Further small files.
    """

    tensors: Tensors
    ties: dict[str, str]
    following: Following
    config: Mapping[str, Any] | None = None
    files: Mapping[str, str] = field(default_factory=dict)


def state_of(module: torch.nn.Module) -> Tensors:
    """Return the tensors of a module's state dict themselves, by their names there without wrappers.

    Raises
    ------
    RecipeError
        If the state dict holds something else than tensors.
    """
    with torch._C.DisableTorchFunctionSubclass():
        state = module.state_dict(keep_vars=True)
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise RecipeError(
                f"write_checkpoint needs a state dict of tensors; '{name}' of {type(module).__name__} is a "
                f"{type(value).__name__}. Leave it out of the state dict."
            )
    names = state_names(module, state)
    return {names[name]: value for name, value in state.items()}


def saving_of(module: torch.nn.Module, *, by_state: bool = False) -> Saving:
    """Return what is written of a module.

    Parameters
    ----------
    module : torch.nn.Module
        On the meta device, without wrappers around the whole.
    by_state : bool
        Whether tensors have the names of the state dict, all of them, whatever the library saves.

    Raises
    ------
    RecipeError
        If the library's own way to save a tensor cannot be followed. The message names it.
    """
    state = state_of(module)
    if is_pretrained(module) and not by_state:
        return _of_transformers(module, state)
    following = Following({name: (tuple(value.shape), value.dtype) for name, value in state.items()})
    if is_pretrained(module):
        files = _transformers_files(module)
        return Saving(following.tensors, {}, following, json.loads(files.pop("config.json")), files)
    config = _timm_config(module) if type(module).__module__.partition(".")[0] == "timm" else None
    return Saving(following.tensors, {}, following, config)


def _of_transformers(module: Any, state: Tensors) -> Saving:
    try:
        loading = import_module("transformers.core_model_loading")
        modeling = import_module("transformers.modeling_utils")
    except ImportError as error:
        raise RecipeError(
            f"write_checkpoint follows save_pretrained of transformers 5; this one has none of it ({error}). "
            "Update transformers."
        ) from None
    state = dict(state)
    for name in getattr(module, "_keys_to_ignore_on_save", None) or ():
        state.pop(name, None)
    before = {name: id(value) for name, value in state.items()}
    plain = {name: value.detach() for name, value in _plain(state).items()}
    kept = modeling.remove_tied_weights_from_state_dict(plain, module)
    owners = {before[name]: name for name in kept}
    following = Following({name: (tuple(state[name].shape), state[name].dtype) for name in kept})
    with torch.no_grad(), following:
        saved = loading.revert_weight_conversion(module, dict(following.tensors))
    saved = {name: value[0] if isinstance(value, list) else value for name, value in saved.items()}
    at = {id(value): name for name, value in saved.items()}
    ties = {}
    for alias in before.keys() - kept.keys():
        owner = following.tensors.get(owners.get(before[alias], ""))
        # an owner that is cut into pieces has no name in the file
        if id(owner) in at and alias not in saved:
            ties[alias] = at[id(owner)]
    files = _transformers_files(module)
    config = json.loads(files.pop("config.json"))
    return Saving(saved, ties, following, config, files)


def _plain(state: Tensors) -> Tensors:
    """Return tensors of torch's own classes, of the same memory."""
    with torch._C.DisableTorchFunctionSubclass():
        return {name: value.as_subclass(torch.Tensor) for name, value in state.items()}


def _transformers_files(module: Any) -> dict[str, str]:
    """Return the small files that `save_pretrained` writes, by their names."""
    config = copy.deepcopy(module.config)
    config.dtype = str(module.dtype).removeprefix("torch.")
    config.architectures = [type(module).__name__]
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        if module.can_generate():
            module.generation_config.save_pretrained(folder)
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(folder).iterdir())}


def _timm_config(module: Any) -> dict[str, Any] | None:
    """Return the config.json that timm writes for the hub, of a model that it made."""
    if not isinstance(getattr(module, "pretrained_cfg", None), Mapping):
        return None
    hub = import_module("timm.models._hub")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        hub.save_config_for_hf(module, path)
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content
