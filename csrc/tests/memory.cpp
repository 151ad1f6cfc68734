// Which memory goes without huge pages: where two of them in a row were slow, for a while.
#include "memory.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  ++failures;
  std::printf("%s\n", what);
}

}  // namespace

int main() {
  using pyinit::HugePageJudge;
  constexpr size_t kBuffer = size_t{64} << 20;
  HugePageJudge judge;
  expect(!judge.goes_without(kBuffer), "huge pages are not asked for at first");
  judge.note(true);
  expect(!judge.goes_without(kBuffer),
         "one slow page, which may be a thread that waited, decides for others");
  judge.note(false);
  judge.note(true);
  expect(!judge.goes_without(kBuffer), "slow pages with a fast one between them decide");
  judge.note(true);
  int without = 0;
  while (judge.goes_without(kBuffer)) ++without;
  expect(without == HugePageJudge::kWithout / static_cast<int64_t>(kBuffer), "it does not last for 1 GiB");
  judge.note(true);
  expect(judge.goes_without(kBuffer), "a slow page after that is not one more in a row");
  judge.note(false);
  expect(!judge.goes_without(kBuffer), "a fast page does not end it");

  constexpr size_t kBytes = size_t{16} << 20;
  auto* fresh = static_cast<unsigned char*>(std::malloc(kBytes));
  if (fresh == nullptr) return 1;
  pyinit::advise_huge_pages(fresh, kBytes);
  pyinit::supply(fresh, kBytes);
  for (size_t i = 0; i < kBytes; i += 4096) fresh[i] = 1;
  expect(pyinit::advise_huge_pages(fresh, kBytes) == pyinit::Pages::kAsTheyAre,
         "touched memory is not left alone");
  std::free(fresh);
  expect(pyinit::advise_huge_pages(&failures, sizeof(failures)) == pyinit::Pages::kAsTheyAre,
         "small memory is not left alone");
  std::printf("%d failures\n", failures);
  return failures > 0 ? 1 : 0;
}
