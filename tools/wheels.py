"""Build a wheel of an sdist as it is published, repair it, and try it where nothing but NumPy is.

Usage: python tools/wheels.py [options]; --help lists them.

Builds for this machine with g++, whose C++ library is linked into the modules, and has auditwheel name the
oldest glibc that the wheel runs on. Then installs it into a new environment, whose PATH has no compiler, and
runs tools/try_wheel.py there. With --clang, has that program build the sdist, too, and compares the golden
digests. With --aarch64, builds for aarch64 with Debian's cross compiler, too, and compares the digests under
emulation, with the Python of a directory that tools/arm64_python.sh has made. The core's own tests are then
built with it, where --build says, for ctest.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 4_000_000
# A module brings its C++ library along, and shows none of its names.
FLAGS = "-static-libstdc++ -Wl,--exclude-libs,ALL"
TRIAL = ROOT / "tools" / "try_wheel.py"
DIGESTS = ("kernels/test_digests.py", "kernels/test_dense_digests.py")
# A test that is skipped has compared nothing.
NO_SKIP = {"PYINIT_NO_SKIP": "1"}


def run(*command: str | Path, place: Path = ROOT, **environment: str) -> None:
    """Run a program in a folder, with variables beside those of this process."""
    print("$", *command, flush=True)
    words = [str(part) for part in command]
    subprocess.run(words, check=True, cwd=place, env={**os.environ, **environment})


def make_sdist(out: Path) -> Path:
    """Return an sdist of the working tree."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", out, ROOT)
    return newest(out, "*.tar.gz")


def newest(directory: Path, pattern: str) -> Path:
    """Return the file that was made last."""
    return max(directory.glob(pattern), key=lambda path: path.stat().st_mtime)


def make_wheel(
    source: Path, out: Path, python: str | Path = sys.executable, *options: str, **environment: str
) -> Path:
    """Return a wheel of an sdist or a tree, built as pip builds it where there is no wheel."""
    run(python, "-m", "pip", "wheel", "-q", "--no-deps", *options, "--wheel-dir", out, source, **environment)
    return newest(out, "*.whl")


def repaired(wheel: Path, out: Path, architecture: str) -> Path:
    """Return the wheel under the name of the oldest glibc that it runs on; it is small enough."""
    run(sys.executable, "-m", "auditwheel", "repair", "--plat", "auto", "--wheel-dir", out, wheel)
    found = newest(out, f"*{architecture}.whl")
    size = found.stat().st_size
    print(f"{found.name}: {size} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"a wheel must have at most {MOST_BYTES} bytes; {found.name} has {size}")
    return found


def native_wheel(sdist: Path, out: Path) -> Path:
    """Return a wheel for this machine that needs no C++ library."""
    return make_wheel(sdist, out, CC="gcc", CXX="g++", LDFLAGS=FLAGS)


def aarch64_wheel(build: Path, out: Path) -> Path:
    """Return a repaired wheel of the working tree for aarch64, with this Python's headers.

    The core's tests are left in the folder `build`. They read files of the working tree.
    """
    tag = sysconfig.get_config_var("SOABI").removesuffix(f"-{platform.machine()}-linux-gnu")
    with tempfile.TemporaryDirectory() as scratch:
        # pip would take the build's programs for aarch64, too, if they were not installed before.
        home = Path(scratch) / "build"
        venv.create(home, with_pip=True)
        python = home / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", *build_requirements(), "cmake", "ninja")
        define = {
            "CMAKE_TOOLCHAIN_FILE": str(ROOT / "cmake" / "aarch64-linux-gnu.cmake"),
            # With an emulator, pybind11 would ask this machine's Python what modules are called.
            "PYBIND11_USE_CROSSCOMPILING": "ON",
            "PYINIT_TESTS": "ON",
            "PYINIT_WERROR": "ON",
            "Python_INCLUDE_DIR": sysconfig.get_path("include"),
            "Python_NumPy_INCLUDE_DIR": answer(python, "import numpy; print(numpy.get_include())"),
            "Python_SOABI": f"{tag}-aarch64-linux-gnu",
            "pybind11_DIR": answer(python, "import pybind11; print(pybind11.get_cmake_dir())"),
        }
        wheel = make_wheel(
            ROOT,
            Path(scratch),
            python,
            "--no-build-isolation",
            LDFLAGS=FLAGS,
            SKBUILD_BUILD_DIR=str(build),
            SKBUILD_CMAKE_DEFINE=";".join(f"{name}={value}" for name, value in define.items()),
            SETUPTOOLS_EXT_SUFFIX=f".{tag}-aarch64-linux-gnu.so",
            _PYTHON_HOST_PLATFORM="linux-aarch64",
            PATH=f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        )
        return repaired(wheel, out, "aarch64")


def build_requirements() -> list[str]:
    """Return what pyproject.toml says that a build needs."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (line,) = re.findall(r"^requires = \[(.*)\]$", text, re.MULTILINE)
    return re.findall(r'"([^"]+)"', line)


def answer(python: Path, line: str) -> str:
    """Return what a line of Python prints."""
    return subprocess.run([python, "-c", line], check=True, capture_output=True, text=True).stdout.strip()


def try_natively(wheel: Path) -> None:
    """Install a wheel into a new environment without a compiler, and run the trial there."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "bare"
        venv.create(home, with_pip=True)
        bare = {"PATH": str(home / "bin"), "PYTHONPATH": "", "CC": "/nowhere", "CXX": "/nowhere", **NO_SKIP}
        python = home / "bin" / "python"
        # pytest and hypothesis for the suite; what README draws as bfloat16 and plots needs two extras
        run(python, "-m", "pip", "install", "-q", f"{wheel}[bfloat16,plot]", "hypothesis", "pytest", **bare)
        if shutil.which("g++", path=bare["PATH"]) or shutil.which("cc", path=bare["PATH"]):
            raise SystemExit("the environment must have no compiler")
        run(python, TRIAL, **bare)


def try_clang(sdist: Path, clang: str) -> None:
    """Build an sdist with Clang, and compare the golden digests."""
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(clang)
        plus = str(program.with_name(program.name.replace("clang", "clang++")))
        wheel = make_wheel(sdist, Path(scratch), CC=clang, CXX=plus)
        needed = (f"{wheel}[bfloat16]", "hypothesis", "pytest")
        run(sys.executable, "-m", "pip", "install", "-q", f"--target={scratch}", *needed)
        compare_digests(Path(scratch), sys.executable)


def compare_digests(place: Path, *python: str | Path, **environment: str) -> None:
    """Compare the golden digests with what the packages at a place make."""
    options = ("-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", "-c", ROOT / "pyproject.toml")
    digests = [ROOT / "tests" / name for name in DIGESTS]
    # Python looks into the folder first in which it is started.
    variables = {**environment, **NO_SKIP, "PYTHONPATH": str(place)}
    run(*python, "-m", "pytest", *options, *digests, place=place, **variables)


def try_emulated(wheel: Path, system: Path) -> None:
    """Unpack a wheel beside the NumPy of its architecture, and compare the golden digests."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory() as scratch:
        platforms = [f"--platform=manylinux_2_{glibc}_aarch64" for glibc in range(17, 37)]
        only = ("--only-binary=:all:", f"--python-version={version}", *platforms, f"--target={scratch}")
        run(sys.executable, "-m", "pip", "install", "-q", *only, f"{wheel}[bfloat16]", "hypothesis", "pytest")
        python = system / "usr" / "bin" / f"python{version}"
        emulated = ("qemu-aarch64", "-L", system, python)
        compare_digests(Path(scratch), *emulated, PYTHONHOME=str(system / "usr"))


def main() -> None:
    """Build and try."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sdist", type=Path, help="by default one is made of the working tree")
    parser.add_argument(
        "--wheel", type=Path, help=f"built with g++ and LDFLAGS='{FLAGS}'; by default it is built"
    )
    parser.add_argument("--clang", metavar="PROGRAM", help="build the sdist with it, too, such as clang-19")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where wheels go; by default dist")
    parser.add_argument("--aarch64", type=Path, metavar="SYSTEM", help="build for aarch64 and try it, too")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "aarch64", help="of aarch64")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    out = arguments.out.resolve()
    sdist = arguments.sdist.resolve() if arguments.sdist else make_sdist(out)
    with tempfile.TemporaryDirectory() as scratch:
        wheel = arguments.wheel.resolve() if arguments.wheel else native_wheel(sdist, Path(scratch))
        try_natively(repaired(wheel, out, platform.machine()))
    if arguments.clang:
        try_clang(sdist, arguments.clang)
    if arguments.aarch64:
        try_emulated(aarch64_wheel(arguments.build.resolve(), out), arguments.aarch64.resolve())


if __name__ == "__main__":
    main()
