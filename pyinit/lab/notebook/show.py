"""`pi.lab`: the lab in a cell, for an experiment, or for a network and data of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...data import Dataset
from ...errors import ArgumentError, MissingLibraryError
from ...stream.arguments import brief
from ..experiment.experiment import Experiment
from ..experiment.link import to_query
from ..experiment.sets import Source
from ..live.session import Session
from ..network.network import Network
from .own import Own, source_from

if TYPE_CHECKING:
    from .widget import LabWidget

__all__ = ["lab"]

_LIBRARIES = ("anywidget", "traitlets", "ipywidgets")


def lab(network: Network | None = None, data: Dataset | str | None = None, **settings: Any) -> LabWidget:
    """Show the lab in a notebook cell.

    Parameters
    ----------
    network : Network, optional
        A network of your own. It is trained as long as the page asks for its depth, width, activation,
        normalization and start; other settings of the page make another network.
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
        source = source_from(data)
        sources[source.name], settings["data"] = source, source.name
    elif data is not None:
        settings["data"] = data
    make: Callable[[Experiment, dict[str, Source]], Session] = Session
    if network is not None:
        if not isinstance(network, Network):
            raise ArgumentError(f"pi.lab needs a pyinit.Network; got {brief(network)}. Use pyinit.mlp.")
        own = Own(network)
        if given := sorted(set(settings) & set(own.settings)):
            raise ArgumentError(f"the network decides {', '.join(given)}. Leave them out.")
        settings, make = settings | own.settings, own.session
    experiment = Experiment.from_dict(settings)
    # what cannot run is an error here, not a line on the page
    make(experiment, sources)
    try:
        from .widget import LabWidget
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _LIBRARIES:
            raise
        raise MissingLibraryError(
            f"pi.lab needs anywidget; {error.name} is not installed. Run pip install 'pyinit-nn[notebook]', "
            "or pyinit lab in a terminal."
        ) from None
    return LabWidget(to_query(experiment), sources, make)
