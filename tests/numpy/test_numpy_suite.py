"""NumPy's own tests of bit generators, pointed at pyinit's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, RandomState, SeedSequence

import pyinit as pi
from pyinit import reference
from pyinit.numpy import Philox4x32, philox

direct = pytest.importorskip("numpy.random.tests.test_direct")
smoke = pytest.importorskip("numpy.random.tests.test_smoke")

# Set to None is what does not apply: arrays are no keys (a list could be a seed or a Key), and cffi may be
# missing; test_philox_errors.py and test_philox_draws.py say what holds instead.


class TestDirect(direct.Base):  # type: ignore[name-defined, misc]
    """Draws, seeds, pickles and interfaces; a seed sequence, for its tests look into it."""

    test_cffi = None

    @classmethod
    def setup_class(cls) -> None:
        cls.bit_generator = Philox4x32
        cls.bits = 64
        cls.dtype = np.uint64
        cls.data1, cls.data2 = ({"seed": [SeedSequence(n)], "data": cls.expected(n)} for n in (1, 2))
        cls.seed_error_type = ValueError
        cls.invalid_init_types = [(3.2,), (-0.5,), ([None],), ("1",), (1, None), (1, 2)]
        cls.invalid_init_values = [(-1,), (2**64,)]

    @staticmethod
    def expected(seed: int) -> np.ndarray:
        words = SeedSequence(seed).generate_state(2, np.uint64).tolist()
        return reference.words64(pi.Key(*words), np.arange(1000, dtype=np.uint64))

    # The lower 53 bits are the uniform, NumPy's own take the upper.
    @staticmethod
    def doubles(draws: np.ndarray) -> np.ndarray:
        return (draws & np.uint64(2**53 - 1)) * 2.0**-53

    def test_uniform_double(self) -> None:
        for data in (self.data1, self.data2):
            made = Generator(Philox4x32(*data["seed"])).random(1000)
            assert (made == self.doubles(data["data"])).all()

    # NumPy's other float32 of a 64-bit draw is its lower half first.
    def test_uniform_float(self) -> None:
        for data in (self.data1, self.data2):
            draws = data["data"]
            words = np.stack([draws >> np.uint64(32), draws & np.uint64(2**32 - 1)], axis=1).ravel()
            made = Generator(Philox4x32(*data["seed"])).random(2000, dtype=np.float32)
            assert (made == direct.uniform32_from_uint32(words.astype(np.uint32))).all()

    def test_gauss_inv(self) -> None:
        for data in (self.data1, self.data2):
            # undo the shift that the oracle begins with
            upper = data["data"] << np.uint64(11)
            expected = direct.gauss_from_uint(upper, 25, 64)
            made = RandomState(Philox4x32(*data["seed"])).standard_normal(25)
            np.testing.assert_allclose(made, expected)

    # As PCG64's, in a stream of 2^65 draws.
    def test_advance_symmetry(self) -> None:
        rng = Generator(self.bit_generator(*self.data1["seed"]))
        state, step = rng.bit_generator.state, -0x9E3779B97F4A7C15
        values = []
        for delta in (step, 2**65 + step, 10 * 2**65 + step):
            rng.bit_generator.state = state
            rng.bit_generator.advance(delta)
            values.append(rng.integers(1000))
        assert values == values[:1] * 3


@pytest.mark.skipif(not hasattr(smoke, "RNGData"), reason="an older NumPy's suite is set up otherwise")
class TestSmoke(smoke.RNG):  # type: ignore[name-defined, misc]
    """Every distribution once, state and output arrays."""

    test_seed_array = None

    @classmethod
    def _create_rng(cls) -> Any:
        return smoke.RNGData(Philox4x32, 2**63 + 2**31, [12345], Generator(Philox4x32(12345)), None)


def test_the_extension_is_the_installed_one() -> None:
    assert philox.Philox4x32 is Philox4x32
