"""Other people's Cython code on pyinit's stream: a random walk, and each function of philox.pxd."""

from libc.stdint cimport uint32_t, uint64_t

from pyinit.numpy.philox cimport (
    block,
    fill_normal_float32,
    fill_normal_float64,
    fill_uniform_float32,
    fill_uniform_float64,
    fill_words,
)

cdef enum:
    STEPS = 256


cdef double walk(uint64_t seed, uint64_t first, uint64_t last) noexcept nogil:
    """Return where normal steps first to last - 1 lead, drawn a few at a time."""
    cdef double[STEPS] steps
    cdef double place = 0
    cdef size_t count
    cdef size_t k
    while first < last:
        count = min(<uint64_t>STEPS, last - first)
        fill_normal_float64(seed, 0, first, count, 0, 1, steps)
        for k in range(count):
            place += steps[k]
        first += count
    return place


def distance(uint64_t seed, uint64_t first, uint64_t last):
    """Return where a walk leads; other threads of Python run meanwhile."""
    cdef double place
    with nogil:
        place = walk(seed, first, last)
    return place


def words_of_block(uint64_t seed, uint64_t offset, uint64_t n):
    """Return the four words of a block."""
    cdef uint32_t[4] words
    with nogil:
        block(seed, offset, n, words)
    return words[0], words[1], words[2], words[3]


def words(uint64_t seed, uint64_t offset, uint64_t first, uint32_t[::1] out):
    """Fill an array with 32-bit draws."""
    with nogil:
        fill_words(seed, offset, first, out.shape[0], &out[0])


def uniform32(uint64_t seed, uint64_t offset, uint64_t first, float low, float high, float[::1] out):
    """Fill an array of float32 with uniforms."""
    with nogil:
        fill_uniform_float32(seed, offset, first, out.shape[0], low, high, &out[0])


def uniform64(uint64_t seed, uint64_t offset, uint64_t first, double low, double high, double[::1] out):
    """Fill an array of float64 with uniforms."""
    with nogil:
        fill_uniform_float64(seed, offset, first, out.shape[0], low, high, &out[0])


def normal32(uint64_t seed, uint64_t offset, uint64_t first, float mean, float std, float[::1] out):
    """Fill an array of float32 with normals."""
    with nogil:
        fill_normal_float32(seed, offset, first, out.shape[0], mean, std, &out[0])


def normal64(uint64_t seed, uint64_t offset, uint64_t first, double mean, double std, double[::1] out):
    """Fill an array of float64 with normals."""
    with nogil:
        fill_normal_float64(seed, offset, first, out.shape[0], mean, std, &out[0])


def steps(uint64_t seed, uint64_t first, float[::1] out):
    """Elements first, first + 1, ... of pi.normal() under pi.key(seed)."""
    with nogil:
        fill_normal_float32(seed, 0, first, out.shape[0], 0, 1, &out[0])
