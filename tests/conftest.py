"""Options and rules of the whole suite."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from pyinit import _core

# A package that is installed may be called tests, too (pybind11_stubgen's is); ours is this folder.
_tests = ModuleType("tests")
_tests.__path__ = [str(Path(__file__).parent)]
sys.modules["tests"] = _tests

# Reasons for which a test may be skipped even where every peer is installed.
_ALLOWED_REASONS = (
    "slow: run with --slow",
    "needs an aarch64 machine",
    "needs an AVX-512 machine",
    "needs an AVX2 machine",
    "needs an x86-64 machine",
    "needs permission to mount",
    "needs permission to make networks",
    "needs PYINIT_DATA_PACKAGES",
)

# Keras reads these when it is imported, which finding the doctests does; nothing can be written there, so
# that no test leaves a configuration in somebody's home.
os.environ.setdefault("KERAS_BACKEND", "numpy")
os.environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")

hypothesis.settings.register_profile(
    "pyinit",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("pyinit")


@pytest.fixture(autouse=True, scope="session")
def _away_from_the_sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run where there is no folder `pyinit`: a child process must import the package that is installed."""
    sources = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    yield
    os.chdir(sources)


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a test on each instruction set of the machine."""
    previous = _core.use_isa(request.param)
    yield request.param
    _core.use_isa(previous)


@pytest.fixture(scope="session")
def torchvision_loads() -> None:
    """Let torchvision be imported beside torch for the CPU.

    Its wheel on PyPI is built for CUDA and cannot load its operators there; all that its Python code asks of
    them when it is imported is that two have a schema.
    """
    torch = pytest.importorskip("torch")
    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", schema)
    except ImportError:
        # nothing asks for it then
        return


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run tests marked slow")


def pytest_collectstart() -> None:
    """Take this suite's profile back for the next file: torch's list of modules loads torch's own."""
    hypothesis.settings.load_profile("pyinit")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason=_ALLOWED_REASONS[0]))


def _forbidden(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Return why a skip may not stand where PYINIT_NO_SKIP=1, or None."""
    if os.environ.get("PYINIT_NO_SKIP") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return None
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    plain = reason.removeprefix("Skipped: ")
    if plain.startswith(_ALLOWED_REASONS):
        return None
    return f"PYINIT_NO_SKIP=1 allows this skip nowhere: {plain}. Install what it needs, or list the reason."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    complaint = _forbidden(report)
    if complaint is not None:
        report.outcome = "failed"
        report.longrepr = complaint
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):  # type: ignore[no-untyped-def]
    report = yield
    complaint = _forbidden(report)
    if complaint is not None:
        report.outcome = "failed"
        report.longrepr = complaint
    return report
