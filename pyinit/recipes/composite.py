"""The base class of recipes that draw a tensor by other recipes, each of which draws a smaller one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import PyinitError
from ..stream.window import Shape
from .fans import Axes
from .recipe import Recipe

__all__ = ["Composite", "about"]


class Composite(Recipe):
    """A recipe whose parts are recipes; they get the axes of the weight's owner as one recipe does."""

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes of the parts."""
        raise NotImplementedError

    @property
    def needs_axes(self) -> bool:
        """Whether it needs the owner's axes itself, whatever its parts need."""
        return False

    def each(self, shape: Shape) -> Iterator[tuple[int, Recipe, Shape]]:
        """Yield the number, the recipe and the shape of each part of a tensor."""
        raise NotImplementedError

    def fitted(self, axes: Axes, shape: Shape, fit: Callable[[Recipe, Axes, Shape], Recipe]) -> Composite:
        """Return the recipe in which each part has the axes of the weight's owner; itself if none changes."""
        raise NotImplementedError


@contextmanager
def about(part: str) -> Iterator[None]:
    """Say in an error which part it is about."""
    try:
        yield
    except PyinitError as error:
        raise type(error)(f"{part}: {error}") from None
