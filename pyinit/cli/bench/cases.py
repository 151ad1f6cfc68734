"""The races of the speed table: what is made, who takes part, which ratio is the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .contender import Contender, Job, Place, Trial
from .engine import Engine, forced
from .mkl import OneMKL
from .orthonormal import Drawn, JaxQR, OwnProduct, ScipyQR, TorchQR
from .peers import Jax, NumPy, Torch
from .product import TorchProduct, fixed_order, numpys
from .roofline import Roofline
from .writing import CheckpointWriter, PlainWriter

#: Peers that are limits of the machine: a ratio to one is a share of it.
LIMITS = ("write roofline", "plain write", "own product")

# A narrower instruction set has to reach this share of each target.
_FORCED_SHARE = 0.5

# Products and orthogonal matrices of more elements are left to full runs.
_QUICK_MATRIX = 1 << 20


@dataclass(frozen=True)
class Race:
    """One job that pyinit and its peers do in turns.

    Parameters
    ----------
    name : str
        What `--only` and the benchmark's directory call it.
    job : Job
    engines : tuple of Contender
        pyinit, first on its own choice of instruction set, then on forced ones.
    peers : tuple of Contender
    targets : mapping of str to float
        Peer name to the least median of peer's seconds over pyinit's.
    quick : bool
        Whether a quick run includes it; a race that is named always runs.
    """

    name: str
    job: Job
    engines: tuple[Contender, ...]
    peers: tuple[Contender, ...]
    targets: Mapping[str, float] = field(default_factory=dict)
    quick: bool = True

    def target(self, peer: str, isa: str | None) -> float | None:
        """Return the least ratio required against `peer`, or None."""
        target = self.targets.get(peer)
        return target if target is None or isa is None else target * _FORCED_SHARE


def races(elements: int, threads: int) -> tuple[Race, ...]:
    """Return every race, for `elements` numbers a pass and `threads` threads (0: each one's default)."""

    def job(distribution: str, dtype: str = "float32", memory: str = "warm") -> Job:
        return Job(distribution, dtype, (elements,), memory, threads)

    engines = (Engine(), Engine("avx2"))
    torch, numpy, jax, mkl, roofline = Torch(), NumPy(), Jax(), OneMKL(), Roofline()
    return (
        Race(
            "normal",
            job("normal"),
            engines,
            (torch, numpy, jax, mkl, roofline),
            {"torch": 9, "numpy": 20, "jax": 25, "write roofline": 0.33},
        ),
        Race("uniform", job("uniform"), engines, (torch, numpy, jax, mkl, roofline), {"torch": 9}),
        Race(
            "truncated_normal",
            job("truncated_normal"),
            engines,
            (torch, jax, roofline),
            {"torch": 14},
        ),
        Race("normal_bfloat16", job("normal", "bfloat16"), engines, (torch,), {"torch": 9}),
        Race("normal_float64", job("normal", "float64"), engines, (torch, numpy, mkl), {"torch": 12}),
        Race("normal_fresh", job("normal", memory="fresh"), engines[:1], (torch, numpy, jax)),
        Race(
            "normal_64x64",
            Job("normal", "float32", (64, 64), "warm", threads),
            engines[:1],
            (Torch(through_init=True), numpy),
            {"torch.nn.init": 1},
        ),
        Race(
            "write_checkpoint",
            Job("normal", "float32", (elements,), "disk", threads),
            (CheckpointWriter(),),
            (PlainWriter(),),
            {"plain write": 1 / 1.15},
        ),
        *_products(threads),
        *_orthogonals(threads),
    )


def _products(threads: int) -> tuple[Race, ...]:
    """Return the races of square products."""
    jobs = [Job("matmul", "float32", (n, n), "warm", threads) for n in (1024, 2048, 4096)]
    return tuple(
        Race(
            f"matmul_{job.shape[0]}",
            job,
            (fixed_order(),),
            (numpys(), TorchProduct()),
            {"numpy": 0.9},
            quick=job.elements <= _QUICK_MATRIX,
        )
        for job in jobs
    )


def _orthogonals(threads: int) -> tuple[Race, ...]:
    """Return the races of orthogonal matrices: square, large, tall, wide, and many small ones."""
    wanted = {
        (1024, 1024): {"torch.nn.init": 2.0},
        (64, 128, 128): {"torch.nn.init": 5.0},
        (4096, 4096): {"torch.nn.init": 3.0, "own product": 1 / 1.4},
        (16384, 1024): {"torch.nn.init": 3.0},
        (1024, 16384): {"torch.nn.init": 3.0},
    }
    races = []
    for shape, targets in wanted.items():
        job = Job("orthogonal", "float32", shape, "warm", threads)
        peers: tuple[Contender, ...] = (TorchQR(), ScipyQR(), JaxQR())
        if "own product" in targets:
            peers = (*peers, OwnProduct())
        name = "orthogonal_" + "x".join(map(str, shape))
        races.append(
            Race(
                name,
                job,
                (Drawn(),),
                peers,
                targets,
                quick=job.elements <= _QUICK_MATRIX,
            )
        )
    return tuple(races)


@dataclass(frozen=True)
class Entrant:
    """A contender that can do a race's job and has given the right answer."""

    contender: Contender
    trial: Trial


def enter(race: Race, isa: str, directory: Path, *, only: str | None = None) -> list[Entrant]:
    """Start every contender that can do the job, and check each one's answer before any clock runs.

    Parameters
    ----------
    race : Race
    isa : str
        The instruction set that pyinit chose; a contender that would force the same is left out.
    directory : Path
        Where races on disk write.
    only : str, optional
        Enter only the contender of this name.

    Raises
    ------
    AnswerError
        If an installed contender makes something else than the job requires.
    """
    place: Place = None
    if race.job.memory == "warm":
        place = race.job.buffer()
    elif race.job.memory == "disk":
        place = directory
    entrants = []
    for contender in (*race.engines, *race.peers):
        if only not in (None, contender.name):
            continue
        trial = None if contender.isa == isa else contender.start(race.job, place)
        if trial is not None:
            with forced(contender.isa):
                trial.check(trial.step())
            entrants.append(Entrant(contender, trial))
    return entrants
