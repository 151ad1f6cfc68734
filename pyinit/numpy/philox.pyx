# cython: autotestdict=False, freethreading_compatible=True
"""NumPy's bit generator on stream version 1."""

cimport cython
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uint32_t, uint64_t
from numpy.random cimport BitGenerator

from collections.abc import Mapping

from numpy.random.bit_generator import ISpawnableSeedSequence

from .. import _core
from ..errors import SeedError, StateError
from ..stream.arguments import count
from ..stream.key import STREAM_VERSION, Key
from .ancestry import Ancestry, ancestor, described, spawned
from .seeding import counted, key_of, seed_sequence

__all__ = ["Philox4x32"]

cdef extern from "fill/sequence.hpp" namespace "pyinit::fill":
    cdef struct CKey "pyinit::rng::Key":
        uint64_t seed
        uint64_t offset

    cdef cppclass FillKernels "pyinit::fill::Kernels":
        pass

    cdef cppclass Sequence:
        void seek(const FillKernels& kernels, CKey key, uint64_t block, uint32_t word) noexcept nogil
        CKey key() noexcept nogil
        uint64_t block() noexcept nogil
        uint32_t word() noexcept nogil
        uint32_t next32() noexcept nogil
        uint64_t next64() noexcept nogil
        double next_double() noexcept nogil

    void c_block "pyinit::fill::block"(const FillKernels&, CKey, uint64_t, uint32_t *) noexcept nogil
    void c_words "pyinit::fill::words"(const FillKernels&, CKey, uint64_t, size_t, uint32_t *) noexcept nogil
    void c_uniform "pyinit::fill::uniform"(
        const FillKernels&, CKey, uint64_t, size_t, float, float, float *) noexcept nogil
    void c_uniform "pyinit::fill::uniform"(
        const FillKernels&, CKey, uint64_t, size_t, double, double, double *) noexcept nogil
    void c_normal "pyinit::fill::normal"(
        const FillKernels&, CKey, uint64_t, size_t, float, float, float *) noexcept nogil
    void c_normal "pyinit::fill::normal"(
        const FillKernels&, CKey, uint64_t, size_t, double, double, double *) noexcept nogil

# The core's table: this module has no kernels of its own.
# A wrong PYINIT_ISA is an error here, once, and not in functions that cannot raise.
cdef const FillKernels *kernels = <const FillKernels *>PyCapsule_GetPointer(
    _core.fill_kernels(), "pyinit.fill.Kernels")

cdef CKey key_from(uint64_t seed, uint64_t offset) noexcept nogil:
    cdef CKey key
    key.seed = seed
    key.offset = offset
    return key

cdef void block(uint64_t seed, uint64_t offset, uint64_t n, uint32_t *words) noexcept nogil:
    c_block(kernels[0], key_from(seed, offset), n, words)

cdef void fill_words(uint64_t seed, uint64_t offset, uint64_t first, size_t count, uint32_t *out) noexcept nogil:
    c_words(kernels[0], key_from(seed, offset), first, count, out)

cdef void fill_uniform_float32(uint64_t seed, uint64_t offset, uint64_t first, size_t count,
                               float low, float high, float *out) noexcept nogil:
    c_uniform(kernels[0], key_from(seed, offset), first, count, low, high, out)

cdef void fill_uniform_float64(uint64_t seed, uint64_t offset, uint64_t first, size_t count,
                               double low, double high, double *out) noexcept nogil:
    c_uniform(kernels[0], key_from(seed, offset), first, count, low, high, out)

cdef void fill_normal_float32(uint64_t seed, uint64_t offset, uint64_t first, size_t count,
                              float mean, float std, float *out) noexcept nogil:
    c_normal(kernels[0], key_from(seed, offset), first, count, mean, std, out)

cdef void fill_normal_float64(uint64_t seed, uint64_t offset, uint64_t first, size_t count,
                              double mean, double std, double *out) noexcept nogil:
    c_normal(kernels[0], key_from(seed, offset), first, count, mean, std, out)

cdef uint32_t next_uint32(void *sequence) noexcept nogil:
    return (<Sequence *>sequence).next32()

cdef uint64_t next_uint64(void *sequence) noexcept nogil:
    return (<Sequence *>sequence).next64()

cdef double next_double(void *sequence) noexcept nogil:
    return (<Sequence *>sequence).next_double()

# The stream has 2^64 blocks of four words.
_WORDS = 2**66
# 2^64 divided by the golden ratio: however many multiples of it are taken, they lie far apart.
_JUMP_BLOCKS = 0x9E3779B97F4A7C15


@cython.auto_pickle(False)
cdef class Philox4x32(BitGenerator):
    """A bit generator on pyinit's stream, for `numpy.random.Generator` and all that is built on it.

    A key and a position, the number of 32-bit words passed, decide its draws. ``next_uint32`` takes the next
    word w. ``next_uint64`` takes the next two whose first has an even number, x = (w_even << 32) | w_odd; at
    an odd position one word is passed over. ``next_double`` is (x mod 2^53) 2^-53, and ``random_raw`` gives x.

    Parameters
    ----------
    key : int, Key, SeedSequence or None
        An integer is the key of that seed, as everywhere in pyinit; it is not hashed as NumPy's seeds are.
        The key of a seed sequence is its first 128 bits. None draws entropy from the system.

    Raises
    ------
    SeedError
        If `key` is none of these. For another type it is a TypeError, too, as NumPy's generators raise.

    Notes
    -----
    From a fresh start, against a tensor of n elements under the same key:

    - ``Generator.random(n)`` has the bits of ``pyinit.uniform()(n, dtype="float64")``;
    - ``Generator.random(n, dtype=float32)`` takes the same words as ``pyinit.uniform()(n)``, but NumPy keeps
      the upper 24 bits of a word and pyinit, as torch, the lower: other values;
    - ``Generator.standard_normal`` is NumPy's ziggurat, ``pyinit.normal`` Box and Muller's transform: other
      values;
    - ``Generator.integers(0, 2**32, n, dtype=uint32)`` are the words themselves.

    As with NumPy's own, `Generator` holds `lock` while it draws, so threads may share one; for draws that
    do not depend on who comes first, give each thread a child of `spawn`.

    References
    ----------
    Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit.numpy import Philox4x32
    >>> rng = np.random.Generator(Philox4x32(7))
    >>> bool((rng.random(5) == pi.uniform()(5, key=7, dtype="float64")).all())
    True
    >>> rng.bit_generator.state["position"]
    10
    """

    cdef Sequence sequence
    cdef object ancestry

    def __init__(self, key=None):
        found = seed_sequence(key)
        start = key_of(found)
        self.ancestry = Ancestry()
        BitGenerator.__init__(self, found)
        self._bitgen.state = <void *>&self.sequence
        self._bitgen.next_uint64 = &next_uint64
        self._bitgen.next_uint32 = &next_uint32
        self._bitgen.next_double = &next_double
        self._bitgen.next_raw = &next_uint64
        self._seek(start, 0)

    cdef _seek(self, key, position):
        cdef CKey to = key_from(key.seed, key.offset)
        cdef uint64_t block = position >> 2
        self.sequence.seek(kernels[0], to, block, position & 3)

    cdef _position(self):
        return 4 * int(self.sequence.block()) + self.sequence.word()

    cdef _key(self):
        cdef CKey key = self.sequence.key()
        return Key(key.seed, key.offset)

    cdef _where(self):
        with self.lock:
            return self._key(), self._position()

    cdef _move(self, key, position, stated):
        self._seed_seq = self.ancestry.follow(self._seed_seq, self._key(), key, stated)
        self._seek(key, position)

    @property
    def key(self):
        """The key of the stream, a `pyinit.Key`."""
        return self._where()[0]

    @property
    def state(self):
        """What decides all further draws and children, as a dict that JSON can hold.

        ``position`` is the number of 32-bit words passed, modulo 2^66. ``n_children_spawned`` and
        ``seed_sequence`` say which child is the next: "KeySequence", or what a `numpy.random.SeedSequence` was
        made from; other sequences cannot be described, and both are left out.

        A generator that is set to a state continues with the children of that state. It never hands out a
        child again that it handed out itself: if it has spawned more from the same start, that count stays,
        also when its key is changed and changed back. A state of pyinit 0.1 has no count, only the key.

        Raises
        ------
        StateError
            If the value that is set is not such a dict; it is a TypeError and a ValueError.

        Examples
        --------
        >>> from pyinit.numpy import Philox4x32
        >>> first, second = Philox4x32(7), Philox4x32()
        >>> children = first.spawn(2)
        >>> second.state = first.state
        >>> second.spawn(1)[0].key == first.key.fold_in(2)
        True
        """
        with self.lock:
            key = self._key()
            return {
                "bit_generator": type(self).__name__,
                "stream_version": STREAM_VERSION,
                "key": {"seed": key.seed, "offset": key.offset},
                "position": self._position(),
                **described(self._seed_seq),
            }

    @state.setter
    def state(self, value):
        kind = type(self).__name__
        way_out = f"Use what {kind}.state returned."
        if not isinstance(value, Mapping):
            raise StateError(f"a state of {kind} is a dict; got {value!r}. {way_out}")
        for name, needed in (("bit_generator", kind), ("stream_version", STREAM_VERSION)):
            if value.get(name) != needed:
                raise StateError(f"a state of {kind} has {name} {needed!r}; got {value.get(name)!r}. {way_out}")
        try:
            key = Key(**value["key"])
            position = counted(value["position"], "position")
        except (KeyError, TypeError, SeedError) as wrong:
            raise StateError(f"a state of {kind} has a key and a position; got {value!r}. {way_out}") from wrong
        if position >= _WORDS:
            raise StateError(f"a position is below 2**66; got {position}. {way_out}")
        stated = ancestor(value, key, way_out)
        with self.lock:
            self._move(key, position, stated)

    def advance(self, delta):
        """Advance as if `delta` 64-bit draws had been made, and return this generator.

        Parameters
        ----------
        delta : int
            Calls of ``random_raw()`` or ``Generator.random()`` to pass over, modulo 2^65, the length of the
            stream: a negative number goes back.

        Returns
        -------
        Philox4x32
            This generator.

        Raises
        ------
        StateError
            If `delta` is not an integer.

        Examples
        --------
        >>> from pyinit.numpy import Philox4x32
        >>> bool(Philox4x32(7).advance(1000).random_raw() == Philox4x32(7).random_raw(1001)[-1])
        True
        """
        words = 2 * count("advance's delta", delta, None, error=StateError) % _WORDS
        with self.lock:
            position = self._position()
            if words:
                position += position % 2 + words
            self._seek(self._key(), position % _WORDS)
        return self

    def jumped(self, jumps=1):
        """Return a new generator, this one's state moved on by `jumps` times 2^64 / 1.618... blocks.

        Each jump passes over 11400714819323198485 blocks of two 64-bit draws, 2^64 blocks being the whole
        stream. The places reached by any n jumps in a row are at least 2^64 / (2.3 n) blocks apart.

        Parameters
        ----------
        jumps : int
            How many; a negative number jumps back.

        Returns
        -------
        Philox4x32
            A generator of the key ``Key(seed, offset + 11400714819323198485 jumps)``, at this one's position.

        Raises
        ------
        StateError
            If `jumps` is not an integer.

        Notes
        -----
        For independent streams, prefer `spawn`: their number is not limited by how far they may be read.

        Examples
        --------
        >>> from pyinit.numpy import Philox4x32
        >>> Philox4x32(7).jumped(2).state == Philox4x32(7).jumped().jumped().state
        True
        """
        blocks = count("jumped's jumps", jumps, None, error=StateError) * _JUMP_BLOCKS
        cdef Philox4x32 other
        with self.lock:
            key, position = self._key(), self._position()
            other = type(self)(self._seed_seq)
            other.ancestry = self.ancestry.copy()
            other._seek(key, 0)
            other._move(Key(key.seed, (key.offset + blocks) % 2**64), position, None)
            return other

    def spawn(self, n_children):
        """Return new generators of independent streams, whatever has been drawn from this one.

        No child is handed out twice, neither to two threads nor by two generators that were made from one
        sequence.

        The n-th child ever, counted from 0, has the key ``key.fold_in(n)``; where this generator was made
        from a `numpy.random.SeedSequence`, or without a key, the children are made from that one's children.

        Parameters
        ----------
        n_children : int
            Number of children.

        Returns
        -------
        list of Philox4x32

        Raises
        ------
        StateError
            If `n_children` is not a natural number, or the generator was made from a sequence that cannot
            spawn.

        Examples
        --------
        >>> import pyinit as pi
        >>> from pyinit.numpy import Philox4x32
        >>> [child.key == pi.key(7).fold_in(n) for n, child in enumerate(Philox4x32(7).spawn(2))]
        [True, True]
        """
        n_children = counted(n_children, "spawn's n_children")
        with self.lock:
            sequence = self._seed_seq
            if not isinstance(sequence, ISpawnableSeedSequence):
                raise StateError(
                    f"spawn needs a seed sequence that can spawn; got {sequence!r}. "
                    "Make the generator from a key."
                )
            return [type(self)(child) for child in spawned(sequence, n_children)]

    def __reduce__(self):
        return type(self), (self._seed_seq,), (self.state, self.ancestry)

    def __setstate__(self, found):
        # a pickle of pyinit 0.1 has the state alone
        state, ancestry = (found, None) if isinstance(found, Mapping) else found
        if ancestry is not None:
            self.ancestry = ancestry.copy()
        self.state = state
