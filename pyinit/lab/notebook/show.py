"""`pi.lab`: the lab in a cell, for an experiment, or for a network and data of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from ...data import Dataset
from ...errors import ArgumentError, MissingLibraryError
from ...stream.arguments import brief
from ..experiment.experiment import Experiment
from ..experiment.sets import Source, given
from ..live.film import Film
from ..live.session import Session
from ..network.network import Network

if TYPE_CHECKING:
    from .film import FilmWidget
    from .widget import LabWidget

__all__ = ["lab"]

_DECIDED = {"depth", "width", "activation", "norm", "runs"}
_LIBRARIES = ("anywidget", "traitlets", "ipywidgets")


@overload
def lab(network: Film) -> FilmWidget: ...
@overload
def lab(
    network: Network | Mapping[str, Network] | None = None,
    data: Dataset | str | None = None,
    **settings: Any,
) -> LabWidget: ...
def lab(
    network: Network | Mapping[str, Network] | Film | None = None,
    data: Dataset | str | None = None,
    **settings: Any,
) -> LabWidget | FilmWidget:
    """Show the lab in a notebook cell.

    Parameters
    ----------
    network : Network or mapping of str to Network, optional
        A network of your own, or up to four by label, to be trained side by side. Or what
        `pyinit.torch.watch` returned, alone: its training is shown while it goes on.
    data : Dataset or str, optional
        Data of your own, used as it is (see `pyinit.data.Dataset.standardized`), or a shipped set's name.
    **settings
        Settings of the experiment: ``depth``, ``width``, ``activation``, ``norm``, ``optimizer``,
        ``learning_rate``, ``batch_size``, ``steps``, ``seed`` and ``runs``, a list of recipes' names or of
        dicts such as ``{"recipe": "he_normal", "scale": 0.5}``.

    Returns
    -------
    anywidget.AnyWidget
        Shown when it is the last value of a cell; ``close()`` ends its training.

    Raises
    ------
    MissingLibraryError
        If anywidget is not installed.
    ArgumentError
        If a setting is not valid, or network and data do not fit.
    """
    if isinstance(network, Film):
        if data is not None or settings:
            raise ArgumentError("a training that is watched is shown as it is; got settings. Leave them out.")
        return _of_film(network)
    sources: dict[str, Source] = {}
    if isinstance(data, Dataset):
        source = given(data)
        sources[source.name], settings["data"] = source, source.name
    elif data is not None:
        settings["data"] = data
    own: Mapping[str, Network] | None = None
    if network is not None:
        own = {"network": network} if isinstance(network, Network) else network
        if not isinstance(own, Mapping) or not all(isinstance(one, Network) for one in own.values()):
            raise ArgumentError(f"pi.lab needs a pyinit.Network; got {brief(network)}. Use pyinit.mlp.")
        if decided := sorted(set(settings) & _DECIDED):
            raise ArgumentError(f"the network decides {', '.join(decided)}. Leave them out.")
    experiment = Experiment.from_dict(settings)
    # what cannot run is an error here, not a line on the page
    Session(experiment, sources, own)
    try:
        from .widget import LabWidget
    except ImportError as error:
        raise _missing(error, "or pyinit lab in a terminal") from None
    return LabWidget(experiment, sources, own)


def _of_film(film: Film) -> FilmWidget:
    try:
        from .film import FilmWidget
    except ImportError as error:
        raise _missing(error, "or write a page with export()") from None
    return FilmWidget(film)


def _missing(error: ImportError, other: str) -> ImportError:
    """Return the error to raise for a library that is not installed, or for another error the same one."""
    if (error.name or "").partition(".")[0] not in _LIBRARIES:
        return error
    return MissingLibraryError(
        f"pi.lab needs anywidget; {error.name} is not installed. Run pip install 'pyinit-nn[notebook]', "
        f"{other}."
    )
