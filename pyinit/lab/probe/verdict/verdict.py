"""A verdict as data: whether a layer is fit to learn, why not, and what would help; with both in words.

The words are written last, by `sentences`: nothing reads them back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

from ....recipes.recipe import Recipe, from_dict
from ....stream.strict_json import restored

__all__ = ["Cause", "Kind", "Other", "Remedy", "Verdict", "Why"]

Kind: TypeAlias = Literal["healthy", "vanishing", "exploding", "saturated", "dead", "symmetric"]

Cause: TypeAlias = Literal[
    "not finite",
    "zero output",
    "silent units",
    "no gradient",
    "equal weights",
    "flat activation",
    "large signal",
    "small signal",
    "lost signal",
    "large gradient",
    "small gradient",
    "lost gradient",
    "zero weights",
    "zero weights, not run back",
    "waits for a step",
    "waits for the input",
    "waits for the gradient",
    "keeps its size",
    "keeps its signal",
    "unused",
    "alive",
]
"""What was found. Float32 rounds to 0 what is "lost"; a layer "waits" until zero weights have made a step."""

Other: TypeAlias = Literal[
    "",
    "fewer layers",
    "wider or fewer layers",
    "rows that are not all 0",
    "another activation",
    "a normalization, or a skip",
    "look at what enters it",
]
"""What helps and has no field of its own."""

Why: TypeAlias = Literal[
    "",
    "no weights tell rows of 0 apart",
    "scaled skips divide the branches",
    "the activation passes little on",
    "the input outweighs the branches",
    "normalization hides the scale",
    "the std suits already",
    "no std keeps both",
    "no unit is ever off",
    "weights and biases are not to blame",
    "weights are not to blame",
]


_SIZES = {"gain", "std", "now_std", "now_mean", "input_size"}


@dataclass(frozen=True, repr=False)
class Remedy:
    """What would help: apply `standardize`, `zero_biases` and `recipe` together, then any one of the others.

    Parameters
    ----------
    layer : str or None
        The layer to change, by its name in the report; it may be another than the one that is judged.
    recipe : Recipe or None
        What its weights should be.
    gain, std : float or None
        Of the recipe: its gain over 1 / sqrt(fan), and the standard deviation that it gives this layer.
    now_std, now_mean : float or None
        What the layer has now.
    standardize : {"rms", "mean"} or None
        Standardize the input, for this number of it.
    input_size : float or None
        That number.
    zero_biases : bool
        Let biases begin at 0.
    residual : bool
        Add skips whose branches are scaled, ``residual="scaled"``.
    activations : tuple of str or (str, float)
        Activations to take in place of `activation`.
    activation : str
        That of the layer, which `activations` and `why` are about.
    layers : int
        How many the network has.
    other : str
        What helps beyond that.
    why : str
        Why nothing simpler does.
    """

    layer: str | None = None
    recipe: Recipe | None = None
    gain: float | None = None
    std: float | None = None
    now_std: float | None = None
    now_mean: float | None = None
    standardize: Literal["rms", "mean"] | None = None
    input_size: float | None = None
    zero_biases: bool = False
    residual: bool = False
    activations: tuple[str | tuple[str, float], ...] = ()
    activation: str = ""
    layers: int = 0
    other: Other = ""
    why: Why = ""

    def __repr__(self) -> str:
        return f"Remedy({', '.join(f'{name}={value!r}' for name, value in self._given().items())})"

    def _given(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the defaults as a dict of JSON values."""
        content = self._given()
        if self.recipe is not None:
            content["recipe"] = self.recipe.to_dict()
        if self.activations:
            content["activations"] = [
                list(one) if isinstance(one, tuple) else one for one in self.activations
            ]
        return content

    @classmethod
    def from_dict(cls, content: Any) -> Remedy:
        """Return the remedy that `to_dict` wrote."""
        values = dict(content)
        for name in _SIZES & values.keys():
            values[name] = restored(values[name])
        if "recipe" in values:
            values["recipe"] = from_dict(values["recipe"])
        named = values.get("activations", ())
        values["activations"] = tuple(tuple(one) if isinstance(one, list) else one for one in named)
        return cls(**values)


@dataclass(frozen=True)
class Verdict:
    """Whether a layer, or a network, is fit to learn; data, and two sentences made of it.

    Parameters
    ----------
    kind : str
        "healthy", "vanishing", "exploding", "saturated", "dead" or "symmetric".
    reason, fix : str
        Why, and what to do, in words.
    layer : str or None
        Name of the layer that was found to be so; of a network, the layer that decided.
    cause : str or None
        What was found there.
    remedy : Remedy or None
        What to do, for a program; None for what is healthy.

    Examples
    --------
    >>> import pyinit as pi
    >>> network = pi.mlp([8] + [16] * 7 + [1], "tanh", pi.normal(std=0.01))
    >>> verdict = pi.probe(network, pi.data.abalone().inputs).verdict
    >>> verdict.kind, verdict.cause, verdict.std
    ('vanishing', 'small signal', 0.25)
    >>> verdict.recipe == pi.glorot_normal()
    True
    >>> mended = pi.mlp(network.widths, "tanh", verdict.recipe)
    >>> pi.probe(mended, pi.data.abalone().inputs).verdict.kind
    'healthy'
    """

    kind: Kind
    reason: str
    fix: str = ""
    layer: str | None = None
    cause: Cause | None = None
    remedy: Remedy | None = None

    @property
    def recipe(self) -> Recipe | None:
        """What the weights of `remedy.layer` should be, or None where other weights do not help."""
        return None if self.remedy is None else self.remedy.recipe

    @property
    def std(self) -> float | None:
        """The standard deviation that `recipe` gives this layer's weights."""
        return None if self.remedy is None else self.remedy.std

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" + (f" Fix: {self.fix}" if self.fix else "")

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as a dict of JSON values."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        return content | {"remedy": None if self.remedy is None else self.remedy.to_dict()}

    @classmethod
    def from_dict(cls, content: Any) -> Verdict:
        """Return the verdict that `to_dict` wrote; older ones had words alone."""
        values = dict(content)
        if values.get("remedy") is not None:
            values["remedy"] = Remedy.from_dict(values["remedy"])
        return cls(**values)
