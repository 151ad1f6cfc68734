"""What a weight should be, turned into bytes: as fast as memory accepts them, the same bytes everywhere."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    from . import _core as _core
except ImportError as error:
    from importlib.util import find_spec as find_module

    if find_module(f"{__name__}._core") is not None:
        raise
    raise ImportError(
        f"pyinit's compiled core is missing in {__path__[0]}, as in a checkout that was not built. Run "
        "`pip install .` in the checkout, and import pyinit from elsewhere."
    ) from error

from .errors import (
    ArgumentError,
    CallError,
    DataError,
    DeviceError,
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
from .recipes.blocks import blocks
from .recipes.chrono import chrono
from .recipes.depth import Depth
from .recipes.distributions import constant, normal, ones, truncated_normal, uniform, zeros
from .recipes.famous import (
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
from .recipes.filling import fill
from .recipes.haar import haar
from .recipes.hippo import hippo
from .recipes.icnr import icnr
from .recipes.log_uniform import inverse_softplus, log_uniform
from .recipes.logarithms import log_decay, log_of_uniform
from .recipes.orthogonal import delta_orthogonal, orthogonal
from .recipes.patterns import along, bilinear, dirac, identity
from .recipes.pretrained import pretrained
from .recipes.recipe import Recipe
from .recipes.recipe import from_dict as recipe_from_dict
from .recipes.recipe import from_json as recipe_from_json
from .recipes.scaling import variance_scaling
from .recipes.siren import fourier_features, siren_uniform
from .recipes.sparse import sparse
from .stream.key import STREAM_VERSION, Key, key
from .stream.plan import Plan
from .stream.release import version as _version
from .stream.window import Window
from .theory.activation import Activation, activation

if TYPE_CHECKING:
    from . import data as data
    from . import linalg as linalg
    from . import theory as theory
    from .checkpoint.checkpoint import finish_checkpoint as finish_checkpoint
    from .checkpoint.checkpoint import write_checkpoint as write_checkpoint
    from .checkpoint.families.lookup import find_spec as find_spec
    from .checkpoint.lint.finding import LintFinding as LintFinding
    from .checkpoint.lint.finding import LintReport as LintReport
    from .checkpoint.lint.lint import lint as lint
    from .checkpoint.plan import CheckpointPlan as CheckpointPlan
    from .checkpoint.plan import plan_checkpoint as plan_checkpoint
    from .checkpoint.ranges import run_extent as run_extent
    from .checkpoint.spec import Spec as Spec
    from .checkpoint.verification.finding import Finding as Finding
    from .checkpoint.verification.finding import Verification as Verification
    from .checkpoint.verification.verify import verify as verify
    from .lab.lsuv.lsuv import lsuv as lsuv
    from .lab.lsuv.receipt import LsuvReceipt as LsuvReceipt
    from .lab.network.dense import Dense as Dense
    from .lab.network.network import Network as Network
    from .lab.network.network import mlp as mlp
    from .lab.notebook.show import lab as lab
    from .lab.probe.probe import probe as probe
    from .lab.probe.report import Report as Report
    from .lab.train.comparison import Comparison as Comparison
    from .lab.train.comparison import compare as compare
    from .lab.train.history import History as History
    from .lab.train.optimizers import SGD as SGD
    from .lab.train.optimizers import Adam as Adam
    from .lab.train.optimizers import Momentum as Momentum
    from .lab.train.train import train as train
    from .lab.width.check import coordinate_check as coordinate_check
    from .lab.width.coordinates import CoordinateCheck as CoordinateCheck
    from .recipes.lookup import recipes as recipes
    from .recipes.mimetic import mimetic_attention as mimetic_attention
    from .recipes.parameters import init_params as init_params
    from .recipes.registration import register_model as register_model
    from .recipes.registration import register_recipe as register_recipe
    from .recipes.rules import Rule as Rule
    from .recipes.schemes.registry import scheme as scheme
    from .recipes.schemes.scheme import Scheme as Scheme
    from .recipes.schemes.spectral import spectral as spectral
    from .recipes.schemes.width import mup as mup
    from .theory.gain import gain as gain

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "ArgumentError",
    "CallError",
    "CheckpointPlan",
    "Comparison",
    "CoordinateCheck",
    "DTypeError",
    "DataError",
    "Dense",
    "Depth",
    "DeviceError",
    "Finding",
    "FormatError",
    "History",
    "Key",
    "LabelError",
    "LayoutError",
    "LintFinding",
    "LintReport",
    "LsuvReceipt",
    "MissingLibraryError",
    "Momentum",
    "Network",
    "Plan",
    "PyinitError",
    "Recipe",
    "RecipeError",
    "Report",
    "Rule",
    "Scheme",
    "SeedError",
    "ShapeError",
    "Spec",
    "SpecError",
    "Verification",
    "Window",
    "activation",
    "along",
    "bilinear",
    "blocks",
    "chrono",
    "compare",
    "constant",
    "coordinate_check",
    "critical_normal",
    "data",
    "delta_orthogonal",
    "dirac",
    "fill",
    "find_spec",
    "finish_checkpoint",
    "fourier_features",
    "gain",
    "glorot_normal",
    "glorot_uniform",
    "haar",
    "he_normal",
    "he_uniform",
    "hippo",
    "icnr",
    "identity",
    "info",
    "init_params",
    "inverse_softplus",
    "kaiming_normal",
    "kaiming_uniform",
    "key",
    "lab",
    "lecun_normal",
    "lecun_uniform",
    "linalg",
    "lint",
    "log_decay",
    "log_of_uniform",
    "log_uniform",
    "lsuv",
    "mimetic_attention",
    "mlp",
    "mup",
    "normal",
    "ones",
    "orthogonal",
    "plan_checkpoint",
    "pretrained",
    "probe",
    "recipe_from_dict",
    "recipe_from_json",
    "recipes",
    "register_model",
    "register_recipe",
    "run_extent",
    "scheme",
    "siren_uniform",
    "sparse",
    "spectral",
    "theory",
    "train",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "verify",
    "write_checkpoint",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

# what is imported when it is first used, and where it is defined
_HOMES = {
    "Adam": "lab.train.optimizers",
    "CheckpointPlan": "checkpoint.plan",
    "Comparison": "lab.train.comparison",
    "CoordinateCheck": "lab.width.coordinates",
    "Dense": "lab.network.dense",
    "Finding": "checkpoint.verification.finding",
    "History": "lab.train.history",
    "LintFinding": "checkpoint.lint.finding",
    "LintReport": "checkpoint.lint.finding",
    "LsuvReceipt": "lab.lsuv.receipt",
    "Momentum": "lab.train.optimizers",
    "Network": "lab.network.network",
    "Report": "lab.probe.report",
    "Rule": "recipes.rules",
    "SGD": "lab.train.optimizers",
    "Scheme": "recipes.schemes.scheme",
    "Spec": "checkpoint.spec",
    "Verification": "checkpoint.verification.finding",
    "compare": "lab.train.comparison",
    "coordinate_check": "lab.width.check",
    "find_spec": "checkpoint.families.lookup",
    "finish_checkpoint": "checkpoint.checkpoint",
    "gain": "theory.gain",
    "init_params": "recipes.parameters",
    "lint": "checkpoint.lint.lint",
    "lsuv": "lab.lsuv.lsuv",
    "mimetic_attention": "recipes.mimetic",
    "mlp": "lab.network.network",
    "mup": "recipes.schemes.width",
    "plan_checkpoint": "checkpoint.plan",
    "probe": "lab.probe.probe",
    "register_model": "recipes.registration",
    "register_recipe": "recipes.registration",
    "run_extent": "checkpoint.ranges",
    "scheme": "recipes.schemes.registry",
    "spectral": "recipes.schemes.spectral",
    "train": "lab.train.train",
    "verify": "checkpoint.verification.verify",
    "write_checkpoint": "checkpoint.checkpoint",
}
_ROOMS = ("data", "lab", "linalg", "theory")


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
    if name == "__version__":
        return _version()
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
