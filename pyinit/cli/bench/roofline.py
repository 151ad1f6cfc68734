"""The write roofline: a constant streamed past the cache, the fastest any fill could be."""

from __future__ import annotations

import numpy as np

from ... import _core
from .answer import AnswerError
from .contender import Job, Place, Trial


class Roofline:
    """Non-temporal stores of a constant over the whole buffer, by as many threads as pyinit uses."""

    name = "write roofline"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial over a warm buffer; fresh pages and files have other limits."""
        if not isinstance(place, np.ndarray):
            return None
        octets = place.reshape(-1).view(np.uint8)

        def check(_: None) -> None:
            words = octets.view(np.uint32)
            if not (words == words[0]).all():
                raise AnswerError(f"{self.name}: needs one constant everywhere; got others. It is not timed.")

        return Trial(lambda: _core.write_roofline(octets, job.threads), check)
