"""Whether a commit is faster than another: `python benchmarks/commits.py BASE HEAD [--only NAME ...]`.

Each commit is installed into a virtual environment of its own, which sees the libraries of this one. Their
runs of `pyinit bench` take turns, so that a drift of the machine affects both alike; pyinit's own seconds are
compared, race by race. One run of each comes first and does not count.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def install(commit: str, folder: Path) -> Path:
    """Install `commit` under `folder`; return its Python."""
    source, environment = folder / "source", folder / "venv"
    # Not a worktree: the repository would remember it after a run that is killed.
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit], check=True, stdout=subprocess.PIPE)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(source, filter="data")
    venv.create(environment, system_site_packages=True, with_pip=True)
    python = environment / "bin" / "python"
    # The libraries of the environment that runs this, which may be a virtual one, too.
    paths = "\n".join(path for path in sys.path if path.endswith("site-packages"))
    own = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    (Path(own.strip()) / "peers.pth").write_text(paths + "\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", source], check=True)
    return python


def run(python: Path, names: list[str], file: Path) -> dict[str, float]:
    """Return pyinit's median seconds in each race of one run."""
    only = [word for name in names for word in ("--only", name)]
    ran = subprocess.run(
        [python, "-m", "pyinit.cli.bench", "--quick", "--json", file, *only],
        check=False,
        capture_output=True,
        text=True,
        cwd=file.parent,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    if ran.returncode != 0:
        raise SystemExit(f"pyinit bench ended with {ran.returncode}:\n{ran.stderr}")
    races = json.loads(file.read_text())["races"]
    return {
        f"{race['name']} {sample['contender']}": statistics.median(sample["seconds"])
        for race in races
        for sample in race["samples"]
        if sample["contender"].startswith("pyinit")
    }


def main() -> None:
    """Compare two commits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base")
    parser.add_argument("head")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="a race of `pyinit bench`; repeatable"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the ratios of each round")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"--rounds needs at least 1; got {arguments.rounds}")
    commits = (arguments.base, arguments.head)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pythons = []
        for index, commit in enumerate(commits):
            (folder / str(index)).mkdir()
            print(f"installing {commit}", file=sys.stderr, flush=True)
            pythons.append(install(commit, folder / str(index)))
        ratios: dict[str, list[float]] = {}
        for number in range(arguments.rounds + 1):
            # Who begins alternates.
            order = (0, 1) if number % 2 == 0 else (1, 0)
            found = {which: run(pythons[which], arguments.only, folder / "bench.json") for which in order}
            if number == 0:
                continue
            for name in found[0].keys() & found[1].keys():
                ratios.setdefault(name, []).append(found[0][name] / found[1][name])
    if not ratios:
        raise SystemExit(f"{arguments.base} and {arguments.head} have no race in common")
    width = max(map(len, ratios))
    rounds = f"{arguments.rounds} rounds; above 1: {arguments.head} is faster"
    print(f"{'race':{width}}  seconds of {arguments.base} by those of {arguments.head} ({rounds})")
    for name in sorted(ratios):
        values = ratios[name]
        print(f"{name:{width}}  {statistics.median(values):.3f}  ({min(values):.3f} - {max(values):.3f})")
    if arguments.json:
        arguments.json.write_text(json.dumps({"commits": commits, "ratios": ratios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
