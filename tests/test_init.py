"""The package: its names, its version, and what it says of the machine."""

from __future__ import annotations

from importlib.metadata import version

import pytest

import pyinit as pi


def test_every_public_name_exists() -> None:
    assert sorted(set(pi.__all__)) == sorted(pi.__all__)
    for name in pi.__all__:
        assert getattr(pi, name).__doc__, name


def test_info() -> None:
    info = pi.info()
    assert set(info) >= {"version", "stream_version", "isa", "threads"}
    assert info["version"] == pi.__version__ == version("pyinit-nn")
    assert info["stream_version"] == 1
    assert info["isa"] in ("avx512", "avx2", "neon", "scalar")
    assert info["threads"] >= 1


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match=r"module 'pyinit' has no attribute 'xavier'"):
        pi.xavier  # noqa: B018
    assert callable(pi.fill)
    assert callable(pi.gain)
    assert callable(pi.pretrained)
