"""From what a caller names to an engine; only then is its library imported."""

from __future__ import annotations

from typing import Any

from ...errors import ArgumentError, MissingLibraryError
from .engine import Engine

__all__ = ["ENGINES", "engine_of"]

#: The names of engines.
ENGINES = ("ray", "dask")


def engine_of(engine: Any) -> Engine:
    """Return the engine of a name, or of a client of Dask.

    Raises
    ------
    ArgumentError
        If it is neither.
    MissingLibraryError
        If its library is not installed.
    """
    if isinstance(engine, str) and engine in ENGINES:
        try:
            return _named(engine)
        except ImportError as error:
            raise MissingLibraryError(
                f"the engine {engine} cannot be imported ({error}). Install pyinit-nn[{engine}]"
            ) from None
    if type(engine).__module__.partition(".")[0] == "distributed":
        from .dask import DaskEngine

        return DaskEngine(engine)
    raise ArgumentError(f"an engine is 'ray', 'dask' or a client of dask.distributed; got {engine!r:.100}")


def _named(engine: str) -> Engine:
    if engine == "ray":
        from .ray import RayEngine

        return RayEngine()
    from .dask import DaskEngine

    return DaskEngine()
