"""The schemes by name: `pyinit.scheme` looks one up."""

from __future__ import annotations

from typing import Any

from ...errors import RecipeError
from ...stream.arguments import brief
from ..models.entry import Entry
from ..names import suggestion
from . import completep, residual, unit, width
from .scheme import Scheme

__all__ = ["SCHEMES", "scheme", "table"]

SCHEMES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "mup",
            width.by_names,
            "hidden N(0, s / sqrt(m)), residual outputs N(0, s / sqrt(2 L m)), embeddings and head N(0, s); "
            "Adam's learning rate of hidden weights / m; head and router times 1 / m; attention 1 / head "
            "size; m = width / base_width",
            "arXiv 2203.03466, Table 8; Megatron-LM `use_mup`",
            "learning rates tuned on a narrow model; pi.mup does it from base shapes",
        ),
        Entry(
            "completep",
            completep.completep,
            "as mup, without the factor of the depth on std; with n = depth / base_depth, branches times "
            "n^-a, learning rates of layers n^(a-1), epsilon n^-a / m in layers and 1 / m elsewhere, "
            "weight decay of hidden weights times m, of vectors 0",
            "arXiv 2505.01618, Table 1; EleutherAI/nanoGPT-mup, branch completep",
            "learning rates tuned on a model that is narrower and shallower; norms before the branches",
        ),
        Entry(
            "u-mup",
            unit.unit,
            "all weights N(0, 1); hidden layers times fan_in^-1/2, head times 1 / d; Adam's learning rate of "
            "hidden weights fan_in^-1/2, of embeddings d^-1/2, within layers times L^-1/2; branches weighted "
            "so that the stream keeps unit variance",
            "arXiv 2407.17465, Table 2; unit-scaling 0.3.5",
            "training in float8; learning rates near 1 that transfer over widths",
        ),
        Entry(
            "deepnorm",
            residual.deepnorm,
            "LayerNorm(a x + f(x)), a = (2 N)^1/4; Xavier normal, values, outputs and MLP times (8 "
            "N)^-1/4; with a "
            "decoder of M layers a = 0.81 (N^4 M)^1/16 and (3 M)^1/4, factors 0.87 (N^4 M)^-1/16 and (12 "
            "M)^-1/4",
            "arXiv 2203.00555, figure 2",
            "transformers of 100 layers and more, norms after the branches",
        ),
        Entry(
            "sub-ln",
            residual.sub_ln,
            "a norm before the first and before the last layer of each branch; Xavier normal, values, "
            "outputs and MLP times sqrt(log(2 N)); with a decoder of M layers sqrt(log(3 M) log(2 N) / 3) "
            "and sqrt(log(3 M))",
            "arXiv 2210.06423, section 2.2; torchscale 0.3.0",
            "Magneto, BEiT-3, Kosmos-1: deep transformers of any modality",
        ),
        Entry(
            "t-fixup",
            residual.t_fixup,
            "Xavier uniform; values, outputs and MLP of the encoder times 0.67 N^-1/4, of the decoder (9 "
            "N)^-1/4; "
            "embeddings N(0, d^-1/2) (9 N)^-1/4",
            "Huang, Perez, Ba, Volkovs, ICML 2020, section 3.2; layer6ai-labs/T-Fixup",
            "transformers without layer normalization and warm-up",
        ),
        Entry(
            "ds-init",
            residual.ds_init,
            "Xavier uniform times alpha l^-p, l counted from 1; p = 0.5, and 0.25 in the authors' code",
            "Zhang, Titov, Sennrich, arXiv 1908.11365, eq. 5; bzhangGo/zero models/transformer.py",
            "deep transformers with norms after the branches",
        ),
        Entry(
            "fixup",
            residual.fixup,
            "He normal times L^(-1 / (2 m - 2)) for the first m - 1 convolutions of each of L branches, "
            "the last 0; "
            "classifier 0; scales 1, biases 0, their learning rate / 10",
            "Zhang, Dauphin, Ma, arXiv 1901.09321, section 3",
            "ResNets without normalization",
        ),
        Entry(
            "rezero",
            residual.rezero,
            "x + alpha f(x), alpha 0",
            "Bachlechner et al., arXiv 2003.04887, eq. 5; rezero 0.1.0",
            "deep networks of any kind of branch",
        ),
        Entry(
            "skipinit",
            residual.skipinit,
            "x + alpha f(x), alpha 0; He normal inside",
            "De and Smith, arXiv 2002.10444, section 4; timm models/nfnet.py",
            "ResNets without batch normalization, NFNets",
        ),
    )
}
"""The schemes, by name."""


def scheme(name: str, **options: Any) -> Scheme:
    """Return a scheme by its name: rules, learning rates, multipliers, and constants of the model.

    Parameters
    ----------
    name : str
        A name of the table of schemes in ``docs/reference/models.md``.
    **options
        What it needs of the model; the table lists them.

    Returns
    -------
    Scheme
        A sequence of rules for every function that takes rules; `Scheme.groups` returns the groups of an
        optimizer.

    Raises
    ------
    RecipeError
        If the name or an option is unknown, or an option is missing.

    Examples
    --------
    >>> import pyinit as pi
    >>> deep = pi.scheme("deepnorm", depth=8)
    >>> deep.settings
    {'residual': 2.0}
    >>> pi.scheme("deepnorm")
    Traceback (most recent call last):
    pyinit.errors.RecipeError: the scheme 'deepnorm' needs depth; got none. Write \
pyinit.scheme('deepnorm', depth=...).
    """
    if not isinstance(name, str) or name not in SCHEMES:
        known = suggestion(name, sorted(SCHEMES)) if isinstance(name, str) else "Give a name."
        raise RecipeError(f"unknown scheme {brief(name)}. {known}")
    made = SCHEMES[name].made(options, "scheme", "scheme")
    assert isinstance(made, Scheme), "every entry makes a scheme"
    return made


def table() -> str:
    """Return the schemes as a table in Markdown; ``docs/reference/models.md`` holds it."""
    heads = ("name", "options", "what it does", "source", "who uses it, and when")
    lines = [heads, ("---",) * len(heads), *(entry.cells() for entry in SCHEMES.values())]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
