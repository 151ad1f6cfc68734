// The loop over a window: whole groups of values -> the part that is wanted -> the output type -> memory.
// Why a stage: a draw always makes whole groups, in order; the edges of a window and the half types need
// other steps. The stage is a few KiB in the nearest cache, written and read at once.
// Past the cache: long runs of values that are not narrowed, from where a block of the stream begins on a line's
// border; what comes before and after, and every other output, is written plainly. Through the stage a uniform
// went past the cache at 0.86 of the rate of plain stores; straight from registers, at 1.15. Halves that were put
// together to lines took 1.2 times as long.
// Contract: element i of the window depends on its global index alone; nothing outside `out` is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "compiler.hpp"
#include "dtype.hpp"
#include "fill/groups.hpp"
#include "fill/line.hpp"
#include "fill/runs.hpp"
#include "rng/float8.hpp"

namespace pyinit::fill {

inline constexpr size_t kStageBytes = 8192;

// S delivers what `Groups`, of the same set or of one of its widths, makes.
template <class S, class Groups, class Out>
class Filler {
  using Value = typename Groups::Value;
  static constexpr size_t kPerBlock = Groups::kPerBlock;
  static constexpr size_t kPerGroup = Groups::kPerGroup;
  static constexpr size_t kLanes = S::kLanes;
  static constexpr size_t kStage = kStageBytes / sizeof(Value);
  static constexpr size_t kBlocks = kStage / kPerBlock;
  static constexpr size_t kBlockBytes = kPerBlock * sizeof(Out);
  static constexpr bool kNarrows = !std::is_same_v<Value, Out>;
  // So every group begins on a line's border if the first one does, and reaches past the head of a run.
  static_assert(kPerGroup * sizeof(Value) % kLine == 0);
  // From here on a run is drawn alone: what that draws in vain at both ends costs less than to copy it.
  static constexpr size_t kLong = kStage / 2;

 public:
  template <class Draw>
  Filler(const Draw& draw, rng::Key key) : groups_(draw, key) {}

  void operator()(const Runs& runs, Out* out) {
    past_cache_ = runs.past_cache && simd::StreamingSet<S>;
    if (runs.stride == runs.length) {
      run(runs.first, runs.length * runs.count, out);
    } else if (runs.length < kLong && runs.count > 1) {
      short_runs(runs, out);
    } else {
      for (uint64_t r = 0; r < runs.count; ++r)
        run(runs.first + r * runs.stride, runs.length, out + r * runs.length);
    }
    if (past_cache_) S::stream_fence();
  }

 private:
  void run(uint64_t first, size_t count, Out* out) {
    while (count > 0) {
      const uint64_t block = first / kPerBlock;
      // The first block may begin before the run.
      const size_t skip = first % kPerBlock;
      size_t done;
      if constexpr (!kNarrows) {
        const size_t head = past_cache_ ? to_line(skip, out) : (kPerBlock - skip) % kPerBlock;
        if (head == 0 && count >= kPerGroup) {
          done = count / kPerGroup * kPerGroup;
          consecutive(block, count / kPerGroup, out);
        } else {
          // As much as one group makes, so that no group is drawn for the head alone.
          const size_t step = past_cache_ ? kLine / sizeof(Out) : kPerBlock;
          const size_t limit = head + (kPerGroup - skip - head) / step * step;
          done = staged(block, skip, count < limit ? count : limit, out);
        }
      } else {
        done = staged(block, skip, count < kStage - skip ? count : kStage - skip, out);
      }
      first += done;
      out += done;
      count -= done;
    }
  }

  PYINIT_INLINE void consecutive(uint64_t block, size_t groups, Value* out) const {
    if constexpr (simd::StreamingSet<S>) {
      if (past_cache_ && reinterpret_cast<uintptr_t>(out) % kLine == 0)
        return groups_.consecutive(block, groups, simd::PastCache<Value>{out});
    }
    groups_.consecutive(block, groups, out);
  }

  // How many elements come before the first one that begins a block of the stream and lies where a line
  // begins, if there is one; else before the next block.
  static size_t to_line(size_t skip, const Out* out) {
    const size_t to_block = (kPerBlock - skip) % kPerBlock;
    const size_t past_line = reinterpret_cast<uintptr_t>(out + to_block) % kLine;
    const size_t bytes = past_line % kBlockBytes == 0 ? (kLine - past_line) % kLine : 0;
    return to_block + bytes / sizeof(Out);
  }

  // Draws `count` values through the stage, after the first `skip` of a block; returns `count`.
  size_t staged(uint64_t block, size_t skip, size_t count, Out* out) {
    groups_.consecutive(block, (skip + count + kPerGroup - 1) / kPerGroup, stage_,
                        reinterpret_cast<const char*>(out));
    deliver(out, stage_ + skip, count);
    return count;
  }

  // Short runs: the blocks of as many runs as fill the stage are drawn together, so that few go to waste.
  void short_runs(const Runs& runs, Out* out) {
    // Where the values of a run, or of a part of it, lie in the stage.
    struct Piece {
      uint32_t begin, count;
    } pieces[kBlocks];
    uint64_t blocks[kBlocks + Groups::kBlocks + Groups::kBlocksAhead];
    size_t used = 0, parts = 0;
    [[maybe_unused]] const Out* const end = out + runs.length * runs.count;
    const auto flush = [&] {
      const size_t groups = (used + Groups::kBlocks - 1) / Groups::kBlocks;
      for (size_t k = used; k < groups * Groups::kBlocks + Groups::kBlocksAhead; ++k) blocks[k] = 0;
      groups_.scattered(blocks, groups, stage_);
      const auto pack = [&](Value* to, const Value* limit) {
        for (size_t k = 0; k < parts; ++k) to = copy(to, stage_ + pieces[k].begin, pieces[k].count, limit);
        return to;
      };
      if constexpr (kNarrows) {
        // Together in the stage first: no piece moves to the right.
        const auto count = static_cast<size_t>(pack(stage_, stage_ + kStage) - stage_);
        deliver(out, stage_, count);
        out += count;
      } else {
        out = pack(out, end);
      }
      used = parts = 0;
    };
    for (uint64_t r = 0; r < runs.count; ++r) {
      uint64_t element = runs.first + r * runs.stride;
      for (uint64_t left = runs.length; left > 0;) {
        const uint64_t skip = element % kPerBlock;
        const uint64_t room = (kBlocks - used) * kPerBlock - skip;
        const uint64_t taken = left < room ? left : room;
        pieces[parts++] = {static_cast<uint32_t>(used * kPerBlock + skip), static_cast<uint32_t>(taken)};
        for (uint64_t block = element / kPerBlock; block <= (element + taken - 1) / kPerBlock; ++block)
          blocks[used++] = block;
        element += taken;
        left -= taken;
        if (used == kBlocks) flush();
      }
    }
    if (used > 0) flush();
  }

  // Copies `count` values in steps of a block, of which the last may reach further, though never to `end`:
  // whatever comes next is written over it. Returns where that begins.
  PYINIT_INLINE static Value* copy(Value* to, const Value* from, size_t count, const Value* end) {
    if (static_cast<size_t>(end - to) < count + kPerBlock) {
      std::memmove(to, from, count * sizeof(Value));
    } else {
      for (size_t k = 0; k < count; k += kPerBlock) {
        Value block[kPerBlock];
        std::memcpy(block, from + k, sizeof(block));
        std::memcpy(to + k, block, sizeof(block));
      }
    }
    return to + count;
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

  PYINIT_INLINE static void narrow_vector(Out* to, const Value* from) {
    if constexpr (std::is_same_v<Out, Bfloat16>) S::store_bfloat16(to, S::load(from));
    if constexpr (std::is_same_v<Out, Float16>) S::store_float16(to, S::load(from));
    if constexpr (sizeof(Out) == 1) rng::store_float8<S>(to, S::load(from));
  }

  Groups groups_;
  bool past_cache_ = false;
  // Slack: the copy of the last piece reads a whole block.
  alignas(64) Value stage_[kStage + kPerBlock];
};

}  // namespace pyinit::fill
