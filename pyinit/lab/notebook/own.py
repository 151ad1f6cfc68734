"""A network and data of the user's own, as an experiment that the lab runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...data import Dataset
from ...errors import ArgumentError
from ..experiment.experiment import NORMS, Experiment
from ..experiment.limits import LIMITS, check_size
from ..experiment.sets import Kind, Source
from ..experiment.start import Start
from ..live.session import Session
from ..network.network import Network

__all__ = ["Own", "source_from"]

_PIXELS = 784
_LABEL = "your network"
# what describes the network; the rest may be changed on the page, and it is still trained
_DESCRIBED = ("depth", "width", "activation", "norm", "runs")


def source_from(data: Dataset) -> Source:
    """Return a data set, used as it is, as the lab names it."""
    features = data.inputs.shape[1]
    kind: Kind = "table"
    if data.classes:
        kind = "2d" if features == 2 else "digits" if features == _PIXELS else "table"
    name = data.name[:100] or "data"
    return Source(name, kind, {"en": name, "zh": name}, "data  # yours", data)


class _OwnExperiment(Experiment):
    """An experiment whose network is given."""

    _network_given: Network

    def networks(self, source: Source) -> tuple[Network, ...]:
        """Return the given network."""
        widths, network = self.widths(source), self._network_given
        inputs, units = network.widths[0], network.widths[-1]
        if inputs != widths[0]:
            raise ArgumentError(
                f"the network takes {inputs} features; {source.name} has {widths[0]}. Use a network that "
                f"begins with {widths[0]}."
            )
        allowed = {widths[-1], max(len(source.data.classes), 1)}
        if units not in allowed:
            raise ArgumentError(
                f"the network ends with {units} units; {source.name} needs "
                f"{' or '.join(map(str, sorted(allowed)))}. Use a network that ends so."
            )
        check_size(list(network.widths), len(source.data.inputs), self.batch_size)
        return (network,)

    @property
    def labels(self) -> tuple[str, ...]:
        """The one label."""
        return (_LABEL,)


class _OwnSession(Session):
    """A session of a given network."""

    def ready(self) -> dict[str, Any]:
        """Return what a page needs to know; the script names the network that is given."""
        options = ", ".join(f"{name}={value!r}" for name, value in self.experiment.options().items())
        lines = ["import pyinit as pi", "", "# network and data: as given to pi.lab"]
        lines += [f"found = pi.train(network, data, {options})", "print(found)"]
        return super().ready() | {"python": "\n".join(lines)}


class Own:
    """A network of the user's own: which settings describe it, and the session of an experiment with it.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        first, (_, most) = network.layers[0], LIMITS["width"]
        norm = first.norm if first.norm in NORMS else "none"
        self.settings: dict[str, Any] = {
            "depth": len(network.layers),
            "width": min(first.units, int(most)),
            "activation": first.activation.name,
            "norm": norm,
            "runs": (Start("lecun_normal"),),
        }

    def session(self, experiment: Experiment, sources: dict[str, Source]) -> Session:
        """Return the session of an experiment: with this network, unless the page asks for another."""
        described = replace(experiment, **self.settings)
        if any(getattr(experiment, name) != getattr(described, name) for name in _DESCRIBED):
            return Session(experiment, sources)
        own = _OwnExperiment(**{name: getattr(experiment, name) for name in experiment.to_dict()})
        object.__setattr__(own, "_network_given", self._network)
        return _OwnSession(own, sources)
