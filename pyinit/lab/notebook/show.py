"""`pi.lab`: the lab in a cell, for an experiment, or for a network and data of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...data import Dataset
from ...errors import ArgumentError, MissingLibraryError
from ...stream.arguments import brief
from ..experiment.experiment import Experiment
from ..experiment.sets import Source, given
from ..live.session import Session
from ..network.network import Network

if TYPE_CHECKING:
    from .widget import LabWidget

__all__ = ["lab"]

_DECIDED = {"depth", "width", "activation", "norm", "runs"}
_LIBRARIES = ("anywidget", "traitlets", "ipywidgets")


def lab(
    network: Network | Mapping[str, Network] | None = None,
    data: Dataset | str | None = None,
    **settings: Any,
) -> LabWidget:
    """Show the lab in a notebook cell.

    Parameters
    ----------
    network : Network or mapping of str to Network, optional
        A network of your own, or up to four by label, to be trained side by side.
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
        if (error.name or "").partition(".")[0] not in _LIBRARIES:
            raise
        raise MissingLibraryError(
            f"pi.lab needs anywidget; {error.name} is not installed. Run pip install 'pyinit-nn[notebook]', "
            "or pyinit lab in a terminal."
        ) from None
    return LabWidget(experiment, sources, own)
