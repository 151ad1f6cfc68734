# The stream for other people's Cython code, without the GIL:
#     from pyinit.numpy.philox cimport fill_normal_float32
# Nothing is linked: Cython fetches the functions from the module when it is imported.
# A key is (seed, offset), as pyinit.Key; `first` is the index of the first element, so that threads, or calls
# one after the other, draw parts of one tensor. Each function runs on the calling thread, allocates nothing
# and cannot fail. Values are those of stream version 1, element i of a tensor of the same width.
from libc.stdint cimport uint32_t, uint64_t

# The four words of block n.
cdef void block(uint64_t seed, uint64_t offset, uint64_t n, uint32_t *words) noexcept nogil

# The 32-bit draws themselves.
cdef void fill_words(uint64_t seed, uint64_t offset, uint64_t first, size_t count, uint32_t *out) noexcept nogil

# Uniform on [low, high): both finite, low < high.
cdef void fill_uniform_float32(uint64_t seed, uint64_t offset, uint64_t first, size_t count,
                               float low, float high, float *out) noexcept nogil
cdef void fill_uniform_float64(uint64_t seed, uint64_t offset, uint64_t first, size_t count,
                               double low, double high, double *out) noexcept nogil

# Normal; std is the standard deviation, 0 or more.
cdef void fill_normal_float32(uint64_t seed, uint64_t offset, uint64_t first, size_t count,
                              float mean, float std, float *out) noexcept nogil
cdef void fill_normal_float64(uint64_t seed, uint64_t offset, uint64_t first, size_t count,
                              double mean, double std, double *out) noexcept nogil
