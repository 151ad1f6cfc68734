"""What making an extent answers: numbers, never weights."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ArgumentError
from .digest import Digest
from .extents import Extent
from .found import Found
from .plan import CheckpointPlan

__all__ = ["ExtentResult", "check_result"]


@dataclass(frozen=True)
class ExtentResult:
    """An extent that was made and written.

    Parameters
    ----------
    index : int
        Its number in the plan.
    crc32 : int or None
        CRC-32 of its bytes, where it was requested.
    nbytes : int
        Its bytes.
    found : Found or None
        Mean and std of its numbers, where a checksum was asked for and they are floating.
    """

    index: int
    crc32: int | None
    nbytes: int
    found: Found | None = None

    @property
    def digest(self) -> Digest | None:
        """Checksum, mean and std, where they were asked for."""
        return None if self.crc32 is None else Digest(self.crc32, self.nbytes, self.found)


def check_result(plan: CheckpointPlan, result: ExtentResult) -> Extent:
    """Return the extent of a result; one that another plan's extent must be is refused."""
    is_known = 0 <= result.index < len(plan.extents)
    if not is_known or plan.extents[result.index].nbytes != result.nbytes:
        raise ArgumentError(
            f"{result} is no result of this plan, which has {len(plan.extents)} extents; run its own extents"
        )
    return plan.extents[result.index]
