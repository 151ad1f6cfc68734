"""Where a checkpoint lies: a path of this machine, or the URL of an object store."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..errors import ArgumentError
from ..masking import masked

__all__ = ["Location", "Url", "location"]

# two letters at least: a single one is a drive; "::" chains file systems, as fsspec writes it
_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*::)*([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
# what pathlib makes of a URL
_FLATTENED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/[^/]")


@dataclass(frozen=True)
class Url:
    """An address that fsspec reads, such as ``s3://bucket/models/one``, with the few words of a path.

    Parameters
    ----------
    text : str
        The address, without a slash at the end.

    Examples
    --------
    >>> from pyinit.checkpoint.locations import Url
    >>> url = Url("s3://bucket/models") / "model.safetensors"
    >>> print(url, url.name, url.parent)
    s3://bucket/models/model.safetensors model.safetensors s3://bucket/models
    """

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def protocol(self) -> str:
        """What stands before ``://``."""
        match = _URL.fullmatch(self.text)
        return match[1] if match else ""

    @property
    def name(self) -> str:
        """What stands after the last slash."""
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> Url:
        """The address without its name.

        Raises
        ------
        ArgumentError
            If nothing is left.
        """
        parent = self.text.rpartition("/")[0]
        if parent.endswith(":/"):
            raise ArgumentError(
                f"'{self}' names a bucket alone; give a bucket and a name, as s3://bucket/name"
            )
        return Url(parent)

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self.text}/{name}")


#: A path or a URL.
Location: TypeAlias = Path | Url


def location(place: str | os.PathLike[str] | Url) -> Location:
    """Return the path or URL that an argument names; ``file://`` is a path.

    Raises
    ------
    ArgumentError
        If a URL names no bucket or directory, or holds a password, a signature or a key, or pathlib has taken
        a slash from it.

    Examples
    --------
    >>> from pyinit.checkpoint.locations import location
    >>> location("memory://models/one/")
    Url(text='memory://models/one')
    >>> location("file:///models/one").as_posix()
    '/models/one'
    """
    text = place.text if isinstance(place, Url) else os.fspath(place)
    is_url = isinstance(text, str) and (_URL.fullmatch(text) or _FLATTENED.match(text))
    if is_url and (shown := masked(text)) != text:
        raise _secret(shown)
    if isinstance(place, Url):
        return place
    if isinstance(place, Path) and (flattened := _FLATTENED.match(text)):
        raise ArgumentError(
            f"'{text}' is a URL that went through pathlib, which takes a slash away; give it as text, "
            f"'{flattened[1]}://...'"
        )
    if isinstance(text, str) and "\0" in text:
        raise ArgumentError(f"a path or URL has no null character; got {text!r}")
    match = _URL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return Path(text)
    head, _, rest = text.partition("://")
    if head.lower() in ("file", "local"):
        return Path(rest)
    if not rest.strip("/"):
        raise ArgumentError(f"a URL names a bucket and a directory, such as s3://bucket/model; got '{text}'")
    return Url(f"{head.lower()}://{rest.rstrip('/')}")


def _secret(shown: str) -> ArgumentError:
    """Return the error of a URL that holds a secret, which is masked."""
    if "***@" in shown:
        protocol = shown[: shown.index("***@")].rpartition(":/")[0].rpartition("::")[2]
        return ArgumentError(
            f"a URL is printed and noted in plans, so it must not hold a password; got '{shown}'. Leave user "
            f"and password out, and set them as tools for {protocol} read them, or for fsspec in "
            f"FSSPEC_{protocol.upper()}_USERNAME and FSSPEC_{protocol.upper()}_PASSWORD"
        )
    return ArgumentError(
        f"a URL is printed and noted in plans, so it must not hold a signature, a token or a key; got "
        f"'{shown}'. Leave that out, and set credentials as tools for that store read them"
    )
