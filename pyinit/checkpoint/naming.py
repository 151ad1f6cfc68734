"""Names for files: one that nobody has yet, which no other file loses."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["rename_new", "rename_over"]

# of linux/fs.h and linux/fcntl.h
_NOREPLACE = 1
_AT_FDCWD = -100
# what a file system answers that does not know the call
_UNKNOWN = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK)


def rename_new(source: Path, name: Path) -> None:
    """Give a file a name, unless another file has it: at once, where the system can.

    Looking first and renaming then would replace a file that appears in between. Linux and Windows can rename
    without replacing; elsewhere a second name is made, which never replaces, and the first one is removed.
    Only a file system that has neither is looked at before.

    Raises
    ------
    FileExistsError
        If there is another file, or anything else, of that name.
    """
    if any(_is_done(way, source, name) for way in (_rename_exclusively, _link)):
        return
    if os.path.lexists(name):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name))
    source.rename(name)


def rename_over(source: Path, name: Path) -> None:
    """Give a file a name, in place of the file that has it."""
    if _is_same(source, name):
        # to rename one name of a file to another does nothing
        source.unlink()
    else:
        source.replace(name)


def _is_done(way: Callable[[Path, Path], None], source: Path, name: Path) -> bool:
    """Tell whether the file has its name now; False if there is no such way here."""
    try:
        way(source, name)
    except FileExistsError:
        # a kill may have come between the second name and the end of the first one
        if not _is_same(source, name):
            raise
        source.unlink()
    except OSError as error:
        if error.errno in _UNKNOWN:
            return False
        raise
    return True


def _rename_exclusively(source: Path, name: Path) -> None:
    if sys.platform == "win32":
        # a rename replaces nothing there
        os.rename(source, name)
    else:
        _rename_exclusively_on_linux(source, name)


def _rename_exclusively_on_linux(source: Path, name: Path) -> None:
    function = _renameat2()
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if function(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(name), _NOREPLACE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(source), None, str(name))


def _link(source: Path, name: Path) -> None:
    os.link(source, name, follow_symlinks=False)
    source.unlink()


@lru_cache(maxsize=1)
def _renameat2() -> Any:
    """Return the function of the C library, or None where it has none."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    function.restype = ctypes.c_int
    return function


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False
