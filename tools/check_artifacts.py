"""Build the sdist and the wheel, and fail unless they hold exactly what they should.

Usage: python tools/check_artifacts.py [--directory DIST | --out DIST]
With --directory, archives already built there are checked instead; with --out, what is built stays there.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SOURCE_DIRECTORIES = ("benchmarks", "cmake", "csrc", "pyinit", "tests", "tools")
SOURCE_FILES = ("CMakeLists.txt", "LICENSE", "README.md", "README.zh-CN.md", "pyproject.toml")
NOT_IN_SDIST = (".ci/", ".github/", "docs/")
DIST_INFO = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
JUNK = re.compile(r"(^|/)(__pycache__|build|dist|\.\w+_cache|\.git|\.nox|\.venv)/|\.(pyc|o|a)$|\.egg-info/")
EXTENSIONS = ("pyinit/_core", "pyinit/numpy/philox")
EXTENSION = re.compile(rf"({'|'.join(EXTENSIONS)})\.[^/]*\.(so|pyd)")


CUDA_SOURCES = "pyinit/cuda/source/"


def cuda_sources(read: Callable[[str], str]) -> set[str]:
    """Return the files of csrc/ that a device's kernels are compiled from; `read` reads one."""
    found, waiting = {"cuda/kernels.inc"}, ["cuda/kernels.hpp"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += re.findall(r'^#include "([^"]+)"$', read(name), re.MULTILINE)
    return found


def tracked() -> set[str]:
    """Return the files under version control."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return {name for name in done.stdout.split("\0") if name}


def wheel_faults(names: set[str], files: set[str], compiled_later: set[str]) -> list[str]:
    """Return what is wrong with a wheel of `names` made from the tracked `files`.

    Expected are the package as it is in the repository, its extension modules, the files of csrc/ that are
    `compiled_later`, and the metadata.
    """
    package = {name for name in files if name.startswith("pyinit/")}
    package |= {CUDA_SOURCES + name for name in compiled_later}
    extensions = {name for name in names if EXTENSION.fullmatch(name)}
    metadata = {name for name in names if re.match(r"[^/]+\.dist-info/", name)}
    metadata_names = {name.split("/", 1)[1] for name in metadata}
    faults = [f"wheel lacks {name}" for name in sorted(package - names)]
    faults += [f"wheel should not hold {name}" for name in sorted(names - package - extensions - metadata)]
    faults += [f"wheel lacks its {name}" for name in sorted(set(DIST_INFO) - metadata_names)]
    faults += [
        f"wheel should not hold the metadata {name}" for name in sorted(metadata_names - set(DIST_INFO))
    ]
    if sorted(name.split(".", 1)[0] for name in extensions) != list(EXTENSIONS):
        faults.append(f"wheel needs each of {', '.join(EXTENSIONS)} once; got {sorted(extensions)}")
    faults += [f"the repository lacks {n}" for n in ("pyinit/py.typed", "pyinit/_core.pyi") if n not in files]
    return faults


def sdist_faults(names: set[str], files: set[str]) -> list[str]:
    """Return what is wrong with an sdist of `names` (top directory cut off) from the tracked `files`."""
    needed = (
        {name for name in files if name.split("/")[0] in SOURCE_DIRECTORIES}
        | set(SOURCE_FILES)
        | {"PKG-INFO"}
    )
    faults = [f"sdist lacks {name}" for name in sorted(needed - names)]
    faults += [f"sdist should not hold untracked {name}" for name in sorted(names - files - {"PKG-INFO"})]
    faults += [f"sdist should not hold {name}" for name in sorted(names) if name.startswith(NOT_IN_SDIST)]
    faults += [f"sdist should not hold {name}" for name in sorted(names) if JUNK.search(name)]
    return faults


def build(directory: Path) -> None:
    """Build both archives, the wheel from the sdist, as an installer without this repository would."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(directory), str(ROOT)], check=True)


def check(directory: Path) -> list[str]:
    """Return the faults of the one sdist and the one wheel in `directory`."""
    (sdist,) = directory.glob("*.tar.gz")
    (wheel,) = directory.glob("*.whl")
    files = tracked()
    with tarfile.open(sdist) as archive:
        members = [member.name for member in archive.getmembers() if not member.isdir()]
    in_sdist = {name.split("/", 1)[1] for name in members}
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if not name.endswith("/")}
    print(f"{sdist.name}: {len(in_sdist)} files, {sdist.stat().st_size} bytes")
    print(f"{wheel.name}: {len(in_wheel)} files, {wheel.stat().st_size} bytes")
    sources = cuda_sources(lambda name: (ROOT / "csrc" / name).read_text(encoding="utf-8"))
    return sdist_faults(in_sdist, files) + wheel_faults(in_wheel, files, sources)


def main() -> int:
    """Run the check; the exit status is the number of faults, at most 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, help="check the archives here instead of building")
    parser.add_argument("--out", type=Path, help="build here, and leave the archives")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = arguments.directory or arguments.out or Path(scratch)
        if arguments.directory is None:
            build(directory)
        faults = check(directory)
    for fault in faults:
        print(fault, file=sys.stderr)
    print("artifacts: " + ("as they should be" if not faults else f"{len(faults)} faults"))
    return min(1, len(faults))


if __name__ == "__main__":
    sys.exit(main())
