// A draw made step by step: the words of many blocks, then each step of the formula over all of them, each in
// a loop of its own, through a stage of a few KiB in the nearest cache.
// Why: a step is a chain in which each operation waits for the last one (a round of Philox 6 cycles, a
// logarithm 72), and schedulers see some hundred operations ahead. A draw that is made at once has as many
// chains as its longest step has registers for, two with the 16 of AVX2, and the ports stand idle half of the
// time; a step by itself has as many as it needs.
// Contract: the operations of the draw's own operator(), on the same numbers: the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler.hpp"
#include "fill/direct.hpp"
#include "fill/prefetch.hpp"
#include "rng/bits.hpp"
#include "rng/normal.hpp"
#include "rng/stream.hpp"
#include "rng/transformed.hpp"
#include "rng/truncated.hpp"
#include "simd/interface.hpp"

namespace pyinit::fill {

// What all staged draws share. A stage is some groups of S, and a whole number of vectors of every width.
template <class S>
struct StageSizes {
  using WordSet = simd::WordSet<S>;
  using ChainSet = simd::ChainSet<S>;

  // 6 KiB of words with AVX2, 12 with AVX-512.
  static constexpr size_t kGroups = 48;
  static constexpr size_t kBlocks = kGroups * S::kBlocks;
  // The last vector of one step may reach past the last group, and begin past what the step before made.
  static constexpr size_t kBlocksAhead = WordSet::kGroups * WordSet::kBlocks + ChainSet::kBlocks;

  static constexpr size_t rounded_up(size_t count, size_t step) { return (count + step - 1) / step * step; }
};

// Words in pairs: even ones make the radius, odd ones the turn.
template <class S>
class StagedNormal {
  using Sizes = StageSizes<S>;
  using ChainSet = typename Sizes::ChainSet;
  static constexpr size_t kPairs = 2 * Sizes::kBlocks;

 public:
  using Value = float;
  using WordSet = typename Sizes::WordSet;
  static constexpr size_t kBlocksAhead = Sizes::kBlocksAhead;

  explicit StagedNormal(const rng::Normal<S, float>& draw) : draw_(draw) {}

  template <class Blocks, class To>
  PYINIT_INLINE void operator()(const Blocks& blocks, size_t count, To out, const char* soon) const {
    if (soon == nullptr) soon = asked_for(out);
    Stage stage;
    for (size_t group = 0; group < count; group += Sizes::kGroups) {
      const size_t now = count - group < Sizes::kGroups ? count - group : Sizes::kGroups;
      const size_t pairs = now * S::kLanes;
      const To to = out + group * 2 * S::kLanes;
      words(blocks, group * S::kBlocks, Sizes::rounded_up(pairs, ChainSet::kLanes), stage,
            soon == nullptr ? nullptr : soon + group * 2 * S::kLanes * sizeof(float));
      radii(pairs, stage);
      draw_.centred() ? weights<true>(pairs, stage, to) : weights<false>(pairs, stage, to);
    }
  }

 private:
  struct Stage {
    alignas(64) uint32_t draw[kPairs + 2 * Sizes::kBlocksAhead];
    alignas(64) uint32_t turn[kPairs + 2 * Sizes::kBlocksAhead];
  };

  template <class Blocks>
  PYINIT_NOINLINE static void words(const Blocks& blocks, size_t first, size_t pairs, Stage& stage,
                                    const char* soon) {
    for (size_t p = 0; p < pairs;) {
      rng::Words<WordSet> words[WordSet::kGroups];
      blocks.words(first + p / 2, words);
      if (soon != nullptr)
        prefetch_to_write<2 * WordSet::kGroups * WordSet::kLanes * sizeof(float)>(soon +
                                                                                  2 * p * sizeof(float));
      PYINIT_UNROLL(8)
      for (const rng::Words<WordSet>& w : words) {
        WordSet::store(stage.draw + p, WordSet::pair32(w.w0, w.w2));
        WordSet::store(stage.turn + p, WordSet::pair32(w.w1, w.w3));
        p += WordSet::kLanes;
      }
    }
  }

  // In place of the draws.
  PYINIT_NOINLINE static void radii(size_t pairs, Stage& stage) {
    for (size_t p = 0; p < pairs; p += ChainSet::kLanes) {
      const auto radius = rng::Normal<ChainSet, float>::radius(ChainSet::load(stage.draw + p));
      ChainSet::store(stage.draw + p, ChainSet::bits(radius));
    }
  }

  template <bool kCentred, class To>
  PYINIT_NOINLINE void weights(size_t pairs, const Stage& stage, To out) const {
    const rng::Normal<S, float> draw = draw_;
    for (size_t p = 0; p < pairs; p += S::kLanes) {
      const auto radius = S::as_float(S::load(stage.draw + p));
      draw.template weights<kCentred>(radius, S::load(stage.turn + p), out + 2 * p);
    }
  }

  rng::Normal<S, float> draw_;
};

// The words of `count` blocks from number `first` on, in the stream's order. Apart from the draws that begin with
// them, so that they are compiled once.
template <class S>
struct OrderedWords {
  using WordSet = simd::WordSet<S>;

  template <class Blocks>
  PYINIT_NOINLINE static void make(const Blocks& blocks, size_t first, size_t count, uint32_t* stage,
                                   const char* soon) {
    Direct<WordSet, rng::Bits<WordSet>>({})(blocks.from(first), count / WordSet::kBlocks, stage, soon);
  }
};

// Words in order, then what a draw of the chains' set makes of each. kSoonStored: its stores follow so closely
// that memory must be asked for while words are made. A long draw hides the wait by itself; asked for early, the
// truncated normal took 1.06 times as long.
template <class S, class Draw, bool kSoonStored>
class StagedInOrder {
  using Sizes = StageSizes<S>;
  using ChainSet = typename Sizes::ChainSet;
  static constexpr size_t kPerGroup = S::kBlocks * rng::kPerBlock<float>;
  static_assert(kPerGroup % ChainSet::kLanes == 0);

 public:
  using Value = float;
  using WordSet = typename Sizes::WordSet;
  static constexpr size_t kBlocksAhead = 0;

  explicit StagedInOrder(const Draw& draw) : draw_(draw) {}

  template <class Blocks, class To>
  PYINIT_INLINE void operator()(const Blocks& blocks, size_t count, To out, const char* soon) const {
    if (kSoonStored && soon == nullptr) soon = asked_for(out);
    alignas(64) uint32_t stage[Sizes::kGroups * kPerGroup];
    for (size_t group = 0; group < count; group += Sizes::kGroups) {
      const size_t now = count - group < Sizes::kGroups ? count - group : Sizes::kGroups;
      OrderedWords<S>::make(blocks, group * S::kBlocks, now * S::kBlocks, stage,
                            soon == nullptr ? nullptr : soon + group * kPerGroup * sizeof(float));
      weights(stage, now * kPerGroup, out + group * kPerGroup);
    }
  }

 private:
  template <class To>
  PYINIT_NOINLINE void weights(const uint32_t* stage, size_t count, To out) const {
    const Draw draw = draw_;
    for (size_t k = 0; k < count; k += ChainSet::kLanes)
      ChainSet::store(out + k, draw.weight(ChainSet::load(stage + k)));
  }

  Draw draw_;
};

template <class S, class Draw>
struct ChosenLoop {
  using Loop = Direct<S, Draw>;
};
template <simd::StagedSet S>
struct ChosenLoop<S, rng::Normal<S, float>> {
  using Loop = StagedNormal<S>;
};
template <simd::StagedSet S>
struct ChosenLoop<S, rng::SymmetricTruncatedNormal<simd::ChainSet<S>>> {
  using Loop = StagedInOrder<S, rng::SymmetricTruncatedNormal<simd::ChainSet<S>>, false>;
};
template <simd::StagedSet S, template <class, class> class Curve>
struct ChosenLoop<S, rng::Transformed<simd::ChainSet<S>, float, Curve>> {
  using Loop = StagedInOrder<S, rng::Transformed<simd::ChainSet<S>, float, Curve>, true>;
};

// How the groups of a draw are made.
template <class S, class Draw>
using LoopOf = typename ChosenLoop<S, Draw>::Loop;

}  // namespace pyinit::fill
