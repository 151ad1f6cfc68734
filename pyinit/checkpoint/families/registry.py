"""The model families by name: from a ``config.json`` to the tensors, ties and recipe of its model.

Names, shapes and recipes are those of the transformers library, which is not needed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import SpecError
from ...stream.dtypes import FLOATS
from ..spec import Spec
from .bert import BERT
from .family import Family
from .fields import Fields
from .gpt2 import GPT2
from .llama import LLAMA, MISTRAL, QWEN2
from .resnet import RESNET
from .vit import VIT

__all__ = ["FAMILIES", "spec_from_config"]


#: By the ``model_type`` of config.json.
FAMILIES: dict[str, Family] = {
    "bert": BERT,
    "gpt2": GPT2,
    "llama": LLAMA,
    "mistral": MISTRAL,
    "qwen2": QWEN2,
    "resnet": RESNET,
    "vit": VIT,
}


def spec_from_config(config: Mapping[str, Any], source: str = "config.json") -> Spec:
    """Return the spec of the model that a transformers configuration describes.

    Parameters
    ----------
    config : mapping
        The content of a config.json; ``"model_type"`` names the family, and fields that are left
        out have the defaults of transformers.
    source : str
        What to call it in an error.

    Returns
    -------
    Spec
        In the dtype the configuration names, else float32; its ``config`` names the architecture.

    Raises
    ------
    SpecError
        If the family or a field is unknown, or fields contradict each other.

    Examples
    --------
    >>> from pyinit.checkpoint.families.registry import spec_from_config
    >>> spec = spec_from_config({"model_type": "gpt2", "n_layer": 1})
    >>> spec.tensors[0].name, spec.tensors[0].shape, spec.ties
    ('transformer.wte.weight', (50257, 768), {'lm_head.weight': 'transformer.wte.weight'})
    """
    model_type = config.get("model_type")
    if model_type is None:
        raise SpecError(f"{source}: a configuration needs 'model_type', one of {', '.join(FAMILIES)}")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise SpecError(
            f"{source}: unknown model_type {model_type!r}; known are {', '.join(FAMILIES)}. "
            "Describe other models with a plain spec or an existing .safetensors file, or write a module "
            "with pyinit.torch.write_checkpoint"
        )
    family = FAMILIES[model_type]
    _check_architecture(config, family, source)
    fields = Fields(config, source, family.known, family.aliases)
    dtype = _dtype(config, source)
    written = {**config, "architectures": [family.architecture]}
    spec = Spec(source, tuple(family.tensors(fields)), family.ties(fields), written, family.rules(fields))
    return spec.with_dtype(dtype)


def _check_architecture(config: Mapping[str, Any], family: Family, source: str) -> None:
    named = config.get("architectures")
    if named is not None and (not isinstance(named, list) or family.architecture not in named):
        raise SpecError(
            f"{source}: model_type '{config['model_type']}' is written as {family.architecture}; "
            f"got architectures {named!r}. Change or remove 'architectures'"
        )


def _dtype(config: Mapping[str, Any], source: str) -> str:
    dtype, legacy = config.get("dtype"), config.get("torch_dtype")
    if dtype is not None and legacy is not None and dtype != legacy:
        raise SpecError(f"{source}: 'dtype' = {dtype!r} contradicts 'torch_dtype' = {legacy!r}; remove one")
    found = next((name for name in (dtype, legacy) if name is not None), "float32")
    if found not in FLOATS:
        raise SpecError(f"{source}: 'dtype' must be one of {', '.join(FLOATS)}; got {found!r}")
    return str(found)
