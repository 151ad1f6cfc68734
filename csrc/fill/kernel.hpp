// The loop over a window: blocks of the stream -> values (rng/) -> the output type -> memory.
// Why a stage: a draw always makes whole groups, in registers and in order; the edges of a window and the
// half types need other steps. The stage is a few KiB in the nearest cache, written and read at once.
// Why not past the cache: drawing, not memory, is the limit; through the stage and around the cache a large
// float32 normal ran at 0.84 times the rate of plain stores, a uniform at 0.86 (2^26 elements, two cores
// with AVX-512).
// Contract: element i of the window depends on its global index alone; nothing outside `out` is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dtype.hpp"
#include "fill/runs.hpp"
#include "rng/stream.hpp"

namespace pyinit::fill {

inline constexpr size_t kStageBytes = 8192;

// Whole groups of values, by the stream's order: all that depends on the distribution, compiled once for
// every output type.
template <class S, class Draw>
class Groups {
 public:
  using Value = typename Draw::Value;
  static constexpr size_t kPerBlock = rng::kPerBlock<Value>;
  static constexpr size_t kPerGroup = S::kBlocks * kPerBlock;

  Groups(const Draw& draw, rng::Key key)
      : draw_(draw), keys_(key.seed), seed_(key.seed), offset_(key.offset) {}

  // `count` groups from group number `group` of the tensor.
  [[gnu::noinline]] void consecutive(uint64_t group, size_t count, Value* out) const {
    uint64_t block = offset_ + group * S::kBlocks;
    while (count > 0) {
      const uint64_t to_carry = (uint64_t{1} << 32) - static_cast<uint32_t>(block);
      const size_t near = to_carry / S::kBlocks < count ? to_carry / S::kBlocks : count;
      if (near == 0) {
        // The high counter word changes inside this group.
        uint64_t blocks[S::kBlocks];
        for (size_t k = 0; k < S::kBlocks; ++k) blocks[k] = block - offset_ + k;
        scattered(blocks, out);
      } else {
        draw_shared(block, near, out);
      }
      const size_t drawn = near > 0 ? near : 1;
      block += drawn * S::kBlocks;
      out += drawn * kPerGroup;
      count -= drawn;
    }
  }

  // One group, of any S::kBlocks blocks of the tensor.
  [[gnu::noinline]] void scattered(const uint64_t* blocks, Value* out) const {
    typename S::U64 counters[1] = {S::add(S::load_counters(blocks), S::all64(offset_))};
    rng::Words<S> words[1];
    rng::philox<S, 1>(counters, keys_, words);
    draw_(words[0], out);
  }

 private:
  // Groups whose blocks share the high counter word.
  [[gnu::always_inline]] void draw_shared(uint64_t block, size_t count, Value* out) const {
    const rng::SharedHigh<S> shared(static_cast<uint32_t>(block >> 32), seed_);
    for (; count >= S::kGroups; count -= S::kGroups) {
      draw_some<S::kGroups>(block, shared, out);
      block += S::kGroups * S::kBlocks;
      out += S::kGroups * kPerGroup;
    }
    for (; count > 0; --count) {
      draw_some<1>(block, shared, out);
      block += S::kBlocks;
      out += kPerGroup;
    }
  }

  template <int kCount>
  [[gnu::always_inline]] void draw_some(uint64_t block, const rng::SharedHigh<S>& shared, Value* out) const {
    typename S::U64 counters[kCount];
    rng::Words<S> words[kCount];
#pragma GCC unroll 8
    for (int g = 0; g < kCount; ++g) {
      counters[g] = S::block_counters(block + static_cast<uint64_t>(g) * S::kBlocks);
    }
    rng::philox_shared<S, kCount>(counters, keys_, shared, words);
#pragma GCC unroll 8
    for (int g = 0; g < kCount; ++g) draw_(words[g], out + static_cast<size_t>(g) * kPerGroup);
  }

  Draw draw_;
  rng::PhiloxKeys<S> keys_;
  uint64_t seed_, offset_;
};

template <class S, class Draw, class Out>
class Filler {
  using Value = typename Draw::Value;
  static constexpr size_t kBlock = Groups<S, Draw>::kPerBlock;
  static constexpr size_t kGroup = Groups<S, Draw>::kPerGroup;
  static constexpr size_t kLanes = S::kLanes;
  static constexpr size_t kStage = kStageBytes / sizeof(Value);
  static constexpr bool kNarrows = !std::is_same_v<Value, Out>;

 public:
  Filler(const Draw& draw, rng::Key key) : groups_(draw, key) {}

  void operator()(const Runs& runs, Out* out) {
    if (runs.length < kGroup && runs.count > 1) {
      narrow_runs(runs, out);
    } else {
      for (uint64_t r = 0; r < runs.count; ++r)
        run(runs.first + r * runs.stride, runs.length, out + r * runs.length);
    }
  }

 private:
  void run(uint64_t first, size_t count, Out* out) {
    uint64_t group = first / kGroup;
    // The first group may begin before the run.
    size_t skip = first % kGroup;
    while (count > 0) {
      if constexpr (!kNarrows) {
        if (skip == 0 && count >= kGroup) {
          groups_.consecutive(group, count / kGroup, out);
          group += count / kGroup;
          out += count / kGroup * kGroup;
          count %= kGroup;
          continue;
        }
      }
      const size_t limit = kNarrows ? kStage : kGroup;
      const size_t wanted = skip + count < limit ? skip + count : limit;
      const size_t groups = (wanted + kGroup - 1) / kGroup;
      groups_.consecutive(group, groups, stage_);
      deliver(out, stage_ + skip, wanted - skip);
      group += groups;
      out += wanted - skip;
      count -= wanted - skip;
      skip = 0;
    }
  }

  // Runs shorter than a group: a group of blocks at a time, from as many runs as they come from.
  void narrow_runs(const Runs& runs, Out* out) {
    uint64_t blocks[S::kBlocks] = {};
    struct Piece {
      uint8_t skip, count;
    } pieces[S::kBlocks];
    size_t used = 0;
    size_t staged = 0;
    const auto draw_pieces = [&] {
      Value values[kGroup];
      groups_.scattered(blocks, values);
      for (size_t k = 0; k < used; ++k) {
        std::memcpy(stage_ + staged, values + k * kBlock + pieces[k].skip, pieces[k].count * sizeof(Value));
        staged += pieces[k].count;
      }
      used = 0;
      if (staged + kGroup > kStage) {
        deliver(out, stage_, staged);
        out += staged;
        staged = 0;
      }
    };
    for (uint64_t r = 0; r < runs.count; ++r) {
      uint64_t element = runs.first + r * runs.stride;
      for (uint64_t left = runs.length; left > 0;) {
        const uint64_t skip = element % kBlock;
        const uint64_t taken = left < kBlock - skip ? left : kBlock - skip;
        blocks[used] = element / kBlock;
        pieces[used] = {static_cast<uint8_t>(skip), static_cast<uint8_t>(taken)};
        element += taken;
        left -= taken;
        if (++used == S::kBlocks) draw_pieces();
      }
    }
    if (used > 0) draw_pieces();
    deliver(out, stage_, staged);
  }

  static void deliver(Out* out, const Value* from, size_t count) {
    if constexpr (kNarrows) {
      narrow(out, from, count);
    } else {
      std::memcpy(out, from, count * sizeof(Out));
    }
  }

  static void narrow(Out* to, const Value* from, size_t count) {
    size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) narrow_vector(to + i, from + i);
    if (i < count) {
      Value last[kLanes] = {};
      Out rounded[kLanes];
      std::memcpy(last, from + i, (count - i) * sizeof(Value));
      narrow_vector(rounded, last);
      std::memcpy(to + i, rounded, (count - i) * sizeof(Out));
    }
  }

  [[gnu::always_inline]] static void narrow_vector(Out* to, const Value* from) {
    if constexpr (std::is_same_v<Out, Bfloat16>) S::store_bfloat16(to, S::load(from));
    if constexpr (std::is_same_v<Out, Float16>) S::store_float16(to, S::load(from));
  }

  Groups<S, Draw> groups_;
  alignas(64) Value stage_[kStage];
};

}  // namespace pyinit::fill
