"""`pi.compare`: one network, one order of the data, several initializations side by side."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

from ...data import Dataset
from ...errors import FormatError, LabelError, RecipeError, ShapeError
from ...recipes.names import suggestion
from ...recipes.recipe import Recipe
from ...stream.strict_json import JsonObject
from ..network.dense import ACTIVATION, BIAS, Dense, Norm
from ..network.network import Network, mlp
from .history import History
from .train import Progress, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(JsonObject):
    """Trainings by label; `print` shows a table, and ``comparison["he_normal"]`` is a `History`.

    Parameters
    ----------
    histories : mapping of str to History
        At least one.

    Raises
    ------
    RecipeError
        If there is none.

    Examples
    --------
    >>> import pyinit as pi
    >>> found = pi.compare(["zeros", "he_normal"], pi.data.moons(100), widths=[2, 8, 2], steps=5)
    >>> list(found), found["zeros"].losses.round(4).tolist()
    (['zeros', 'he_normal'], [0.6931, 0.6931, 0.6931, 0.6931, 0.6931])
    """

    _json_name: ClassVar[str] = "a comparison"
    histories: Mapping[str, History]

    def __post_init__(self) -> None:
        if not self.histories:
            raise RecipeError("a comparison needs a training; got none. Give at least one recipe.")
        object.__setattr__(self, "histories", dict(self.histories))

    def __getitem__(self, label: str) -> History:
        try:
            return self.histories[label]
        except KeyError:
            raise LabelError(
                f"there is no training {label!r}. {suggestion(str(label), self.histories)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.histories)

    def __len__(self) -> int:
        return len(self.histories)

    def final_scores(self) -> dict[str, float]:
        """Return the last score of each training."""
        return {label: history.final_score for label, history in self.histories.items()}

    def __str__(self) -> str:
        from .view.table import comparison_table

        return comparison_table(self.histories)

    def __repr__(self) -> str:
        scores = ", ".join(f"{label}: {score:.4g}" for label, score in self.final_scores().items())
        return f"Comparison({scores})"

    def plot(self, path: str | PathLike[str] | None = None) -> Figure:
        """Draw losses, scores and the layers' standard deviations and gradients; needs matplotlib.

        Parameters
        ----------
        path : str or path, optional
            Where to save the picture; its ending says the format (png, svg, pdf).

        Returns
        -------
        matplotlib.figure.Figure
        """
        from .view.picture import plot

        return plot(self.histories, path)

    def to_dict(self) -> dict[str, Any]:
        """Return every history, without parameters, as a dict of JSON values."""
        return {label: history.to_dict() for label, history in self.histories.items()}

    @classmethod
    def _read(cls, content: dict[str, Any]) -> Comparison:
        if not content:
            raise FormatError("a comparison needs histories by label; got none. Read what to_json wrote.")
        return cls({label: History.from_dict(one) for label, one in content.items()})


def compare(
    recipes: Iterable[Any] | Mapping[str, Any],
    data: Dataset,
    *,
    widths: Sequence[int] | None = None,
    activation: Any = ACTIVATION,
    bias: Any = BIAS,
    norm: Norm | None = None,
    residual: Any = False,
    output_activation: Any = "linear",
    progress: Progress | None = None,
    **options: Any,
) -> Comparison:
    """Train one network from several initializations, on the same rows in the same order.

    All draw under the same key, so that normal(std=0.1) and he_normal() start from the same numbers, scaled.

    Parameters
    ----------
    recipes : iterable, or mapping of str
        Of what `mlp` takes as recipe, or of whole networks, by label; without labels, their names are the
        labels.
    data : Dataset
    widths : sequence of int
        As in `mlp`; recipes need it.
    activation, bias, norm, residual, output_activation
        As in `mlp`, with its defaults. They and `widths` apply to recipes: a network has its own.
    progress : callable, optional
        Called with (steps done, steps in all), over all trainings.
    **options
        As in `train`.

    Returns
    -------
    Comparison

    Raises
    ------
    RecipeError
        If there is no recipe, two share a label, widths are missing, or a network contradicts an option.
        Nothing is trained then.
    ShapeError, DataError, RecipeError
        As `mlp` and `train`.

    Examples
    --------
    >>> import pyinit as pi
    >>> data = pi.data.abalone().standardized()
    >>> found = pi.compare(["zeros", "he_normal"], data, widths=[8, 16, 16, 1], optimizer=pi.Adam(0.01))
    >>> scores = found.final_scores()
    >>> scores["zeros"] > 3.0 and scores["he_normal"] < 2.5
    True
    """
    starts = _labelled(recipes)
    options_of_mlp = {
        "activation": activation,
        "bias": bias,
        "norm": norm,
        "residual": residual,
        "output_activation": output_activation,
    }
    has_recipes = not all(isinstance(start, Network) for start in starts.values())
    networks = {
        label: _checked(label, start, None if has_recipes else widths, options_of_mlp)
        if isinstance(start, Network)
        else mlp(_widths(widths, label), recipe=start, **options_of_mlp)
        for label, start in starts.items()
    }
    histories: dict[str, History] = {}
    for at, (label, network) in enumerate(networks.items()):
        histories[label] = train(network, data, progress=_shifted(progress, at, len(networks)), **options)
    return Comparison(histories)


def _labelled(recipes: Any) -> dict[str, Any]:
    if isinstance(recipes, Mapping):
        named = [(str(label), start) for label, start in recipes.items()]
    elif isinstance(recipes, str | Recipe | Network) or not isinstance(recipes, Iterable):
        raise RecipeError(f"several recipes are compared; got {recipes!r}. Write them as a list.")
    else:
        named = [(start if isinstance(start, str) else repr(start), start) for start in recipes]
    found: dict[str, Any] = {}
    for label, start in named:
        if label in found:
            raise RecipeError(f"two recipes are called {label}. Give a dict with a label for each.")
        found[label] = start
    return found


def _widths(widths: Sequence[int] | None, label: str) -> Sequence[int]:
    if widths is None:
        raise RecipeError(f"{label} is a recipe and needs the network's widths. Give widths=[8, 16, 1].")
    return widths


# the field of a layer that each option of mlp sets
_FIELDS = {
    "activation": "activation",
    "bias": "bias",
    "norm": "norm",
    "residual": "branch",
    "output_activation": "activation",
}


def _checked(
    label: str, network: Network, widths: Sequence[int] | None, options: Mapping[str, Any]
) -> Network:
    """Return a network, unless it contradicts an option: options cannot change it."""
    if widths is not None and tuple(widths) != network.widths:
        raise RecipeError(
            f"{label} is a network of widths {list(network.widths)}; got widths={list(widths)} for it. "
            "Leave the widths out, or give a recipe."
        )
    defaults = inspect.signature(mlp).parameters
    for name, value in options.items():
        default = defaults[name].default
        if type(value) is type(default) and value == default:
            continue
        pairs = zip(_of_widths(network, name, value), network.layers, strict=False)
        alike = [getattr(a, _FIELDS[name]) == getattr(b, _FIELDS[name]) for a, b in pairs]
        if not alike or not all(_places(name, alike)):
            raise RecipeError(
                f"{label} is a network without {name}={value!r}, which is for recipes. Leave it out, or make "
                "the network with it."
            )
    return network


def _of_widths(network: Network, name: str, value: Any) -> tuple[Dense, ...]:
    """Return layers of the network's widths that have the option; none where they cannot have it."""
    try:
        return mlp(network.widths, **{name: value}).layers
    except ShapeError:
        return ()


def _places(name: str, pairs: list[bool]) -> list[bool]:
    """Return the part of the layers that an option applies to."""
    if name == "activation":
        return pairs[:-1]
    return pairs[-1:] if name == "output_activation" else pairs


def _shifted(progress: Progress | None, at: int, trainings: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, steps: progress(at * steps + done, trainings * steps)
