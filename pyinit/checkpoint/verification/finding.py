"""What a verification found: data first, sentences from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...stream.strict_json import finite
from ..sizes import readable_size
from .sentences import sentence

__all__ = ["Finding", "Verification"]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as the receipt says.

    Parameters
    ----------
    kind : str
        Of a file: "missing_file", "extra_file", "truncated_file", "longer_file", "header", "index", "text"
        (config.json and the like). Of a tensor: "missing", "unexpected", "shape", "dtype", "truncated",
        "zeros", "constant", "rounded", "swapped", "key", "recipe", "scaled", "changed", "corrupt",
        "reinitialized", "values", "checksum", "untied". "unchecked" is no difference: nobody could tell.
    tensor, file : str or None
        Where it is.
    facts : mapping
        What is known of it, by names that depend on the kind; JSON values.

    Examples
    --------
    >>> import pyinit as pi
    >>> print(pi.Finding("shape", "w", facts={"found": [3, 4], "expected": [4, 3]}))
    w: the shape is (3, 4); (4, 3) was written
    """

    kind: str
    tensor: str | None = None
    file: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return sentence(self.kind, self.tensor, self.file, self.facts)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON values, its sentence with it."""
        place = {"tensor": self.tensor, "file": self.file}
        where = {name: value for name, value in place.items() if value is not None}
        return {"kind": self.kind, **where, **finite(dict(self.facts)), "sentence": str(self)}


@dataclass(frozen=True)
class Verification:
    """What was compared, and what differs.

    Parameters
    ----------
    place : str
        The files, or the module.
    source : str
        What the model is, as the receipt says.
    tensors, nbytes : int
        How many tensors there should be, and their bytes.
    compared, compared_bytes : int
        How many of them were looked at, also in part, and how many bytes.
    findings : tuple of Finding
        Files first, then tensors, in the order of the receipt.
    unsampled : tuple of str
        Tensors of which a sample took nothing: those that are drawn whole.

    Examples
    --------
    >>> import tempfile
    >>> import pyinit as pi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     receipt = pi.write_checkpoint({"w": (256, 784)}, "he_normal", path=folder, key=0)
    ...     _ = pi.write_checkpoint({"w": (256, 784)}, "he_normal", path=folder, key=1, overwrite=True)
    ...     found = pi.verify(folder, receipt)
    >>> found.is_same, found.findings[0].kind, dict(found.findings[0].facts)
    (False, 'key', {'seed': 1, 'folded': True})
    """

    place: str
    source: str
    tensors: int
    nbytes: int
    compared: int
    compared_bytes: int
    findings: tuple[Finding, ...] = ()
    unsampled: tuple[str, ...] = ()

    @property
    def differing(self) -> tuple[Finding, ...]:
        """The findings that are differences."""
        return tuple(each for each in self.findings if each.kind != "unchecked")

    @property
    def unchecked(self) -> tuple[Finding, ...]:
        """What could be compared with nothing."""
        return tuple(each for each in self.findings if each.kind == "unchecked")

    @property
    def is_same(self) -> bool:
        """Whether all that was compared is as the receipt says, and everything could be compared."""
        return not self.findings

    def sentences(self) -> Iterator[str]:
        """Yield one line for each finding, and one that sums up."""
        yield from map(str, self.findings)
        amount = f"{self.compared} of {self.tensors} tensors, {readable_size(self.compared_bytes)}"
        if self.compared_bytes < self.nbytes:
            amount += f" of {readable_size(self.nbytes)}"
        if self.unsampled:
            amount += f" ({len(self.unsampled)} drawn whole and not sampled)"
        tensors = len({each.tensor for each in self.differing if each.tensor is not None})
        files = len({each.file for each in self.differing if each.tensor is None})
        if self.differing:
            counts = ((tensors, "tensor"), (files, "file"))
            said = " and ".join(f"{n} {what}{'s' * (n > 1)}" for n, what in counts if n)
            yield f"{self.place}: {said} differ{'s' * (tensors + files == 1)}; compared {amount}"
        elif self.unchecked:
            n = len(self.unchecked)
            yield f"{self.place}: {n} tensor{'s' * (n > 1)} not checked; compared {amount}: as written"
        else:
            yield f"{self.place}: as written; compared {amount}"

    def __str__(self) -> str:
        return "\n".join(self.sentences())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "place": self.place,
            "source": self.source,
            "is_same": self.is_same,
            "tensors": self.tensors,
            "bytes": self.nbytes,
            "compared": self.compared,
            "compared_bytes": self.compared_bytes,
            "unsampled": list(self.unsampled),
            "findings": [each.to_dict() for each in self.findings],
        }
