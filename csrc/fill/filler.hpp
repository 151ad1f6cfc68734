// The loop over a window: whole groups of values -> the part that is wanted -> the output type -> memory.
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
#include "fill/groups.hpp"
#include "fill/runs.hpp"

namespace pyinit::fill {

inline constexpr size_t kStageBytes = 8192;

template <class S, class Draw, class Out>
class Filler {
  using Value = typename Draw::Value;
  static constexpr size_t kPerBlock = Groups<S, Draw>::kPerBlock;
  static constexpr size_t kPerGroup = Groups<S, Draw>::kPerGroup;
  static constexpr size_t kLanes = S::kLanes;
  static constexpr size_t kStage = kStageBytes / sizeof(Value);
  static constexpr bool kNarrows = !std::is_same_v<Value, Out>;

 public:
  Filler(const Draw& draw, rng::Key key) : groups_(draw, key) {}

  void operator()(const Runs& runs, Out* out) {
    if (runs.length < kPerGroup && runs.count > 1) {
      narrow_runs(runs, out);
    } else {
      for (uint64_t r = 0; r < runs.count; ++r)
        run(runs.first + r * runs.stride, runs.length, out + r * runs.length);
    }
  }

 private:
  void run(uint64_t first, size_t count, Out* out) {
    uint64_t group = first / kPerGroup;
    // The first group may begin before the run.
    size_t skip = first % kPerGroup;
    while (count > 0) {
      if constexpr (!kNarrows) {
        if (skip == 0 && count >= kPerGroup) {
          groups_.consecutive(group, count / kPerGroup, out);
          group += count / kPerGroup;
          out += count / kPerGroup * kPerGroup;
          count %= kPerGroup;
          continue;
        }
      }
      const size_t limit = kNarrows ? kStage : kPerGroup;
      const size_t wanted = skip + count < limit ? skip + count : limit;
      const size_t groups = (wanted + kPerGroup - 1) / kPerGroup;
      groups_.consecutive(group, groups, stage_);
      deliver(out, stage_ + skip, wanted - skip);
      group += groups;
      out += wanted - skip;
      count -= wanted - skip;
      skip = 0;
    }
  }

  // Runs shorter than a group: a group of blocks at a time, from as many runs as they come from.
  // Why no longer ones: a run that is drawn alone throws away less than a group at each end. Of a long run
  // that is little, and what lies between needs no copy.
  void narrow_runs(const Runs& runs, Out* out) {
    uint64_t blocks[S::kBlocks] = {};
    struct Piece {
      uint8_t skip, count;
    } pieces[S::kBlocks];
    size_t used = 0;
    size_t staged = 0;
    const auto flush = [&] {
      Value values[kPerGroup];
      groups_.scattered(blocks, values);
      for (size_t k = 0; k < used; ++k) {
        std::memcpy(stage_ + staged, values + k * kPerBlock + pieces[k].skip,
                    pieces[k].count * sizeof(Value));
        staged += pieces[k].count;
      }
      used = 0;
      if (staged + kPerGroup > kStage) {
        deliver(out, stage_, staged);
        out += staged;
        staged = 0;
      }
    };
    for (uint64_t r = 0; r < runs.count; ++r) {
      uint64_t element = runs.first + r * runs.stride;
      for (uint64_t left = runs.length; left > 0;) {
        const uint64_t skip = element % kPerBlock;
        const uint64_t taken = left < kPerBlock - skip ? left : kPerBlock - skip;
        blocks[used] = element / kPerBlock;
        pieces[used] = {static_cast<uint8_t>(skip), static_cast<uint8_t>(taken)};
        element += taken;
        left -= taken;
        if (++used == S::kBlocks) flush();
      }
    }
    if (used > 0) flush();
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
