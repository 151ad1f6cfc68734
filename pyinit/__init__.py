"""What a weight should be, turned into bytes: as fast as memory accepts them, the same bytes everywhere."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec as find_module
from typing import TYPE_CHECKING, Any

try:
    from . import _core as _core
except ImportError as error:
    if find_module(f"{__name__}._core") is not None:
        raise
    raise ImportError(
        f"pyinit's compiled core is missing in {__path__[0]}, as in a checkout that was not built. Run "
        "`pip install .` in the checkout, and import pyinit from elsewhere."
    ) from error

from ._gain import gain
from .activation import Activation, activation
from .dense import Dense
from .distributions import constant, normal, ones, truncated_normal, uniform, zeros
from .errors import (
    ArgumentError,
    CallError,
    DataError,
    DTypeError,
    FormatError,
    LabelError,
    LayoutError,
    MissingLibraryError,
    PyinitError,
    RecipeError,
    SeedError,
    ShapeError,
    SpecError,
)
from .famous import (
    critical_normal,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
)
from .filling import fill
from .network import Network, mlp
from .orthogonality import delta_orthogonal, haar, orthogonal
from .params import init_params
from .plan import Plan
from .recipe import Recipe
from .recipe import from_dict as recipe_from_dict
from .recipe import from_json as recipe_from_json
from .release import version as _version
from .rules import Rule
from .scaling import variance_scaling
from .sparsity import sparse
from .stream import STREAM_VERSION, Key, key
from .structured import bilinear, dirac, identity, pretrained
from .window import Window

if TYPE_CHECKING:
    from . import data as data
    from . import linalg as linalg
    from . import theory as theory
    from ._probe import Report as Report
    from ._probe import probe as probe
    from ._train import SGD as SGD
    from ._train import Adam as Adam
    from ._train import Comparison as Comparison
    from ._train import History as History
    from ._train import Momentum as Momentum
    from ._train import compare as compare
    from ._train import train as train
    from .checkpoint import write_checkpoint as write_checkpoint
    from .families.lookup import find_spec as find_spec
    from .spec import Spec as Spec

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "ArgumentError",
    "CallError",
    "Comparison",
    "DTypeError",
    "DataError",
    "Dense",
    "FormatError",
    "History",
    "Key",
    "LabelError",
    "LayoutError",
    "MissingLibraryError",
    "Momentum",
    "Network",
    "Plan",
    "PyinitError",
    "Recipe",
    "RecipeError",
    "Report",
    "Rule",
    "SeedError",
    "ShapeError",
    "Spec",
    "SpecError",
    "Window",
    "activation",
    "bilinear",
    "compare",
    "constant",
    "critical_normal",
    "data",
    "delta_orthogonal",
    "dirac",
    "fill",
    "find_spec",
    "gain",
    "glorot_normal",
    "glorot_uniform",
    "haar",
    "he_normal",
    "he_uniform",
    "identity",
    "info",
    "init_params",
    "kaiming_normal",
    "kaiming_uniform",
    "key",
    "lecun_normal",
    "lecun_uniform",
    "linalg",
    "mlp",
    "normal",
    "ones",
    "orthogonal",
    "pretrained",
    "probe",
    "recipe_from_dict",
    "recipe_from_json",
    "sparse",
    "theory",
    "train",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "write_checkpoint",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def info() -> dict[str, Any]:
    """Return what decides speed on this machine, and what decides bits anywhere.

    Returns
    -------
    dict
        ``version``, ``stream_version``, ``isa`` (the active instruction set) and ``threads`` (the default).

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.info()["stream_version"]
    1
    """
    from . import _core

    return {"version": _version(), "stream_version": STREAM_VERSION, **_core.info()}


def __getattr__(name: str) -> Any:
    # these take longer than importing all the rest
    if name == "__version__":
        return _version()
    if name in ("Report", "probe"):
        return getattr(import_module(f"{__name__}._probe"), name)
    if name in ("Adam", "Comparison", "History", "Momentum", "SGD", "compare", "train"):
        return getattr(import_module(f"{__name__}._train"), name)
    if name == "write_checkpoint":
        from .checkpoint import write_checkpoint

        return write_checkpoint
    if name == "find_spec":
        from .families.lookup import find_spec

        return find_spec
    if name == "Spec":
        from .spec import Spec

        return Spec
    if name in ("data", "linalg", "theory"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
