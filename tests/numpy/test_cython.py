"""walk.pyx, compiled for real against the installed package: what a .pxd promises, kept without the GIL."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import pyinit as pi
from pyinit import reference
from pyinit.numpy import Philox4x32, philox

SOURCE = Path(__file__).with_name("walk.pyx")
KEY = pi.Key(7, 2**32 - 100)


# The compiler's own flags and nothing of pyinit: no header, no library.
@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    pytest.importorskip("Cython")
    place = tmp_path_factory.mktemp("cython")
    shutil.copy(SOURCE, place)
    subprocess.run(
        [sys.executable, "-m", "cython", "-3", "-Werror", "walk.pyx"], cwd=place, check=True, timeout=120
    )
    built = place / f"walk{sysconfig.get_config_var('EXT_SUFFIX')}"
    link = shlex.split(sysconfig.get_config_var("LDSHARED"))
    include = sysconfig.get_path("include")
    # at -O0, for the time it takes
    flags = ["-fPIC", "-O0", "-w", f"-I{include}", "walk.c", "-o", str(built)]
    subprocess.run([*link, *flags], cwd=place, check=True, timeout=120)
    spec = importlib.util.spec_from_file_location("walk", built)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_of_the_documentation(walk: ModuleType) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "numpy.md"
    # the source distribution has no docs
    if page.exists():
        shown = page.read_text(encoding="utf-8").partition("```cython\n")[2].partition("```")[0]
        assert shown[shown.index("def steps") :] in SOURCE.read_text(encoding="utf-8")
    out = np.empty(100, np.float32)
    walk.steps(7, 250, out)
    assert (out == pi.normal()(350, key=7)[250:]).all()


def test_the_package_ships_what_a_compiler_needs() -> None:
    here = Path(philox.__file__).parent
    assert (here / "philox.pxd").read_text(encoding="utf-8").count("noexcept nogil") == 6


@pytest.mark.parametrize("n", [0, 1, 2**63, 2**64 - 1])
def test_blocks(walk: ModuleType, n: int) -> None:
    assert walk.words_of_block(KEY.seed, KEY.offset, n) == KEY.block(n)


@pytest.mark.parametrize("first", [0, 1, 6, 397, 2**40 + 3])
@pytest.mark.parametrize("count", [1, 15, 1003])
def test_values_are_those_of_a_tensor(walk: ModuleType, first: int, count: int) -> None:
    window = pi.Window((first,), (2**41,))
    index = np.arange(first, first + count, dtype=np.uint64)
    whole = (KEY.seed, KEY.offset, first)

    drawn = np.empty(count, np.uint32)
    walk.words(*whole, drawn)
    assert (drawn == reference.words32(KEY, index)).all()

    for dtype, uniform, normal in (
        ("float32", walk.uniform32, walk.normal32),
        ("float64", walk.uniform64, walk.normal64),
    ):
        out = np.empty(count, dtype)
        # one ulp apart: every value but the lower would be the open bound
        kind = np.dtype(dtype).type
        narrow = float(np.nextafter(kind(3), kind(4)))
        for low, high in ((0.0, 1.0), (-2.5, 0.75), (3.0, narrow)):
            uniform(*whole, low, high, out)
            expected = pi.uniform(low, high)(count, key=KEY, dtype=dtype, window=window)
            assert out.tobytes() == expected.tobytes()
        normal(*whole, 0.5, 0.125, out)
        expected = pi.normal(mean=0.5, std=0.125)(count, key=KEY, dtype=dtype, window=window)
        assert out.tobytes() == expected.tobytes()


def test_words_are_the_bit_generators(walk: ModuleType) -> None:
    drawn = np.empty(2000, np.uint32)
    walk.words(KEY.seed, KEY.offset, 0, drawn)
    wide = drawn.astype(np.uint64)
    assert (Philox4x32(KEY).random_raw(1000) == wide[::2] << np.uint64(32) | wide[1::2]).all()


def test_threads_draw_parts_of_one_walk(walk: ModuleType) -> None:
    steps = pi.normal()(10**5, key=3, dtype="float64")
    parts = [(n * 20_000, (n + 1) * 20_000) for n in range(5)]
    with ThreadPoolExecutor(2) as pool:
        places = list(pool.map(lambda part: walk.distance(3, *part), parts))
    assert places == pytest.approx([steps[first:last].sum() for first, last in parts], abs=1e-9)
    assert walk.distance(3, 5, 5) == 0


def test_nothing_beyond_the_range_is_written(walk: ModuleType) -> None:
    guarded = np.full(3, 9, np.uint32)
    walk.words(KEY.seed, KEY.offset, 4, guarded[1:2])
    assert guarded.tolist() == [9, KEY.block(1)[0], 9]
