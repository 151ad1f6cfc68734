#include "dense/matmul.hpp"

#include <algorithm>

#include "dense/panels.hpp"

namespace pyinit::dense {

template <class Value>
void matmul(const Kernels& kernels, const ProductShape& shape, const Factor<Value>& a, const Factor<Value>& b,
            Value* c, int threads) {
  if (shape.rows == 0 || shape.columns == 0) return;
  if (shape.depth == 0) {
    std::fill(c, c + shape.rows * shape.columns, Value{0});
    return;
  }
  const auto pack = [&](Team& team, size_t, const PanelPart<Value>& part) noexcept {
    pack_part(kernels, team, b, part);
  };
  multiply_in_panels(kernels, shape, a, pack, c, shape.columns, product_members(kernels, shape, threads),
                     [](Team&, size_t, size_t, size_t) noexcept {});
}

template void matmul(const Kernels&, const ProductShape&, const Factor<float>&, const Factor<float>&, float*,
                     int);
template void matmul(const Kernels&, const ProductShape&, const Factor<double>&, const Factor<double>&,
                     double*, int);

}  // namespace pyinit::dense
