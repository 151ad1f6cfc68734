"""An experiment as the few lines of Python that run it: "copy as Python"."""

from __future__ import annotations

from collections.abc import Mapping

from ...recipes.distributions import zeros
from .experiment import Experiment
from .fine_tuning import FINE_TUNED, script_of
from .sets import Source

__all__ = ["script"]


def script(experiment: Experiment, uploads: Mapping[str, Source] | None = None) -> str:
    """Return a script that ends with the same bits as the lab's run.

    `found` is then a `History` for one run, a `Comparison` for several.

    Raises
    ------
    ArgumentError
        If the data is not there.

    Examples
    --------
    >>> from pyinit.lab.experiment.experiment import Experiment
    >>> print(script(Experiment.from_dict({"data": "moons", "depth": 2, "steps": 50, "runs": ["zeros"]})))
    import pyinit as pi
    <BLANKLINE>
    data = pi.data.dataset('moons').standardized()
    network = pi.mlp([2, 16, 1], 'tanh', pi.zeros())
    found = pi.train(network, data, optimizer='adam', learning_rate=0.01, steps=50, batch_size=32, key=0)
    print(found)
    """
    source = experiment.source(uploads)
    made = [_network(experiment, source, at) for at in range(len(experiment.runs))]
    options = ", ".join(f"{name}={value!r}" for name, value in experiment.options().items())
    lines = ["import pyinit as pi", "", f"data = {source.python}"]
    for steps in sorted({one.first_steps for one in experiment.runs if one.recipe == FINE_TUNED}):
        widths = experiment.widths(source)
        lines += script_of(source, widths, experiment.activation, experiment.options(), steps)
    if len(made) == 1:
        label = experiment.labels[0]
        # the label says what the numbers do not
        said = "" if label.partition("(")[0] in made[0] else f"  # {label}"
        lines += [f"network = {made[0]}{said}", f"found = pi.train(network, data, {options})"]
    else:
        lines.append("networks = {")
        lines += [f"    {label!r}: {text}," for label, text in zip(experiment.labels, made, strict=True)]
        lines += ["}", f"found = pi.compare(networks, data, {options})"]
    return "\n".join([*lines, "print(found)"])


def _network(experiment: Experiment, source: Source, at: int) -> str:
    one = experiment.runs[at]
    if one.recipe == FINE_TUNED:
        return f"{FINE_TUNED}_{one.first_steps}"
    text = f"{experiment.widths(source)}, {experiment.activation!r}, pi.{one.weight(experiment.activation)!r}"
    if one.bias() != zeros():
        text += f", bias=pi.{one.bias()!r}"
    if experiment.norm != "none":
        text += f", norm={experiment.norm!r}"
    return f"pi.mlp({text})"
