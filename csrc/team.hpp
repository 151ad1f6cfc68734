// Steps that several threads take together, for a call that has more than one: the next step begins when all
// of the last one is done. For a single step, parallel.hpp does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "pool.hpp"
#include "steps.hpp"

namespace pyinit {

// Threads that take the same steps together, the work of each step shared among them; as one of them sees it.
class Team {
 public:
  // A team of one.
  Team() = default;
  Team(Steps& steps, size_t size) : steps_(&steps), size_(size) {}

  // The number of its members.
  size_t size() const { return size_; }

  // Calls work(i) for every i below `count`, each once, on whichever member is free; returns when all are
  // done. Every member calls it with the same count. A member that comes late finds its first steps done, and
  // the others at a later one: between two steps a member reads nothing that any step writes.
  template <class Work>
  void each(size_t count, const Work& work) {
    static_assert(std::is_nothrow_invocable_v<const Work&, size_t>, "the others would wait for ever");
    if (steps_ != nullptr) {
      steps_->take_part(step_++, count, work);
      return;
    }
    for (size_t i = 0; i < count; ++i) work(i);
  }

 private:
  // Null where there is only one member.
  Steps* steps_ = nullptr;
  size_t size_ = 1;
  // The number of the next step.
  uint32_t step_ = 0;
};

// Calls work(team, member) on each of at most as many threads as wanted, this one among them; members are
// numbered from 0. Where there are fewer threads the team is smaller.
template <class Work>
void run_team(const Demand& wanted, const Work& work) noexcept {
  static_assert(std::is_nothrow_invocable_v<const Work&, Team&, size_t>,
                "an exception in a thread ends the process");
  if (wanted.threads == 1) {
    Team alone;
    work(alone, size_t{0});
    return;
  }
  const Helpers helpers(wanted);
  Steps steps(helpers.stay_awake());
  helpers.share([&](size_t member) noexcept {
    Team team = helpers.size() == 0 ? Team() : Team(steps, 1 + helpers.size());
    work(team, member);
  });
}

}  // namespace pyinit
