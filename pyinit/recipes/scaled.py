"""Which parameters are the scales of a float8 weight, by their names."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["scales_beside"]

# of a layer, as FineGrainedFP8, compressed-tensors, DeepSeek-V4 and Mistral name them
_OF_LAYERS = ("scale", "qscale_weight", "activation_scale", "input_scale", "output_scale")


def scales_beside(weight: str, names: Iterable[str]) -> list[str]:
    """Return the names of the scales without which a weight's numbers mean something else.

    Parameters
    ----------
    weight : str
        The name of a float8 weight.
    names : iterable of str
        Of all parameters and buffers of its model.

    Examples
    --------
    >>> from pyinit.recipes.scaled import scales_beside
    >>> scales_beside("l1.weight", ["l1.weight", "l1.weight_scale_inv", "l2.weight_scale_inv", "norm.scale"])
    ['l1.weight_scale_inv']
    """
    stem = weight.rpartition(".")[0]
    beside = {f"{stem}.{name}" if stem else name for name in _OF_LAYERS}
    return [name for name in names if name in beside or name.startswith(f"{weight}_scale")]
