"""Saved tensors that a library computes in a way that is no rectangle: made whole, where they are small."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, ClassVar

import torch

from ...checkpoint.contents import Bytes, Content
from ...errors import RecipeError
from ...stream.window import Shape, Window
from .following import Following

__all__ = ["Converted"]

# Bytes of all the tensors that one is computed from.
_LARGEST = 64 << 20


class Converted:
    """What a library makes of tensors when it saves them.

    Parameters
    ----------
    name : str
        Of the saved tensor, for messages.
    tensor : torch.Tensor
        The saved one, on the meta device.
    following : Following
        Which knows what it is made of.
    contents : mapping of str to Content
        What makes the tensors of `following`.

    Raises
    ------
    RecipeError
        If it is not known what it is made of, or that is large.
    """

    kind: ClassVar[str] = "converted"

    def __init__(
        self, name: str, tensor: torch.Tensor, following: Following, contents: Mapping[str, Content]
    ) -> None:
        sources = following.sources(tensor)
        why = "reads or writes in a way that cannot be followed" if sources is None else ""
        total = sum(following.tensors[source].nbytes for source in sources or ())
        if total > _LARGEST:
            why = f"needs {total} bytes at once"
        if why:
            raise RecipeError(
                f"write_checkpoint needs saved tensors to be parts of the module's; the conversion of "
                f"'{name}' {why}. Make the module real with materialize, and save it with save_pretrained."
            )
        self._tensor, self._following = tensor, following
        self._contents = {source: contents[source] for source in sorted(sources or ())}

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Make all that the tensor is made of, and then a rectangle of it."""

        def real(source: str) -> torch.Tensor:
            like = self._following.tensors[source]
            made = torch.empty(like.shape, dtype=like.dtype)
            whole = Window((0,) * like.dim(), tuple(like.shape))
            data = made.reshape(-1).view(torch.uint8).numpy()
            self._contents[source].fill(whole, tuple(like.shape), data, threads)
            return made

        place = tuple(slice(first, first + n) for first, n in zip(window.start, extent, strict=True))
        with torch.no_grad():
            value = self._following.value(self._tensor, real)[place]
            torch.from_numpy(out).view(value.dtype).reshape(extent).copy_(value)

    def at_once(self, shape: Shape) -> int:
        """Return all elements."""
        return math.prod(shape)

    def to_dict(self) -> dict[str, Any]:
        """Return what it is made of, and a digest of how: other versions of a library may differ."""
        description = json.dumps(self._following.description(self._tensor)).encode()
        return {
            "kind": self.kind,
            "conversion": blake2b(description, digest_size=16).hexdigest(),
            "of": {source: content.to_dict() for source, content in self._contents.items()},
            "at_once": self.at_once(tuple(self._tensor.shape)),
        }
