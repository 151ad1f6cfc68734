#include "fill/region.hpp"

#include <cstddef>

namespace pyinit::fill {

Region::Region(const std::vector<uint64_t>& global_shape, const std::vector<uint64_t>& start,
               const std::vector<uint64_t>& shape) {
  std::vector<Axis> axes;  // innermost first, merged
  uint64_t stride = 1;
  for (size_t d = global_shape.size(); d-- > 0;) {
    size_ *= shape[d];
    base_ += start[d] * stride;
    if (shape[d] != 1) {
      if (!axes.empty() && stride == axes.back().extent * axes.back().stride) {
        axes.back().extent *= shape[d];
      } else {
        axes.push_back({shape[d], stride});
      }
    }
    stride *= global_shape[d];
  }
  if (size_ == 0) return;
  size_t next = 0;
  if (next < axes.size() && axes[next].stride == 1) length_ = axes[next++].extent;
  if (next < axes.size()) {
    count_ = axes[next].extent;
    stride_ = axes[next++].stride;
  }
  outer_.assign(axes.rbegin(), axes.rend() - static_cast<std::ptrdiff_t>(next));
}

uint64_t Region::first(uint64_t number) const {
  uint64_t element = base_ + number % count_ * stride_;
  uint64_t rest = number / count_;
  for (size_t d = outer_.size(); d-- > 0;) {
    element += rest % outer_[d].extent * outer_[d].stride;
    rest /= outer_[d].extent;
  }
  return element;
}

}  // namespace pyinit::fill
