// Borrowing another library's memory: DLPack, for what NumPy's own import cannot hold (bfloat16).
#include "bindings/register.hpp"

namespace {

// The C structures of DLPack 0.x, which every exporter still speaks. Source: dmlc/dlpack, dlpack.h.
struct DLDevice {
  int32_t type;
  int32_t id;
};
struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* manager;
  void (*deleter)(DLManagedTensor*);
};

constexpr int32_t kDeviceCpu = 1;
constexpr uint8_t kCodeFloat = 2;
constexpr uint8_t kCodeBfloat = 4;
constexpr const char* kFresh = "dltensor";
constexpr const char* kUsed = "used_dltensor";

const char* name_of(DLDataType dtype) {
  if (dtype.lanes != 1) return nullptr;
  if (dtype.code == kCodeBfloat && dtype.bits == 16) return "bfloat16";
  if (dtype.code != kCodeFloat) return nullptr;
  switch (dtype.bits) {
    case 16:
      return "float16";
    case 32:
      return "float32";
    case 64:
      return "float64";
    default:
      return nullptr;
  }
}

py::dtype storage_of(const std::string& name) {
  if (name == "bfloat16") return py::dtype("uint16");
  return py::dtype(name);
}

py::tuple dlpack_view(const py::object& exporter) {
  const py::object capsule = exporter.attr("__dlpack__")();
  if (PyCapsule_IsValid(capsule.ptr(), kFresh) == 0) {
    throw py::buffer_error("__dlpack__() gave no fresh capsule of DLPack 0.x");
  }
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), kFresh));
  const DLTensor& tensor = managed->tensor;
  if (tensor.device.type != kDeviceCpu) throw py::value_error("a DLPack tensor must live in CPU memory");
  const char* name = name_of(tensor.dtype);
  if (name == nullptr) {
    throw py::value_error("a DLPack tensor must hold float32, float64, bfloat16 or float16");
  }
  const py::dtype storage = storage_of(name);
  std::vector<py::ssize_t> shape(tensor.shape, tensor.shape + tensor.ndim);
  std::vector<py::ssize_t> strides(shape.size());
  py::ssize_t step = storage.itemsize();
  for (size_t d = shape.size(); d-- > 0;) {
    strides[d] = tensor.strides != nullptr ? tensor.strides[d] * storage.itemsize() : step;
    step *= shape[d];
  }
  // From here the tensor is ours to release, when the array goes.
  if (PyCapsule_SetName(capsule.ptr(), kUsed) != 0) throw py::error_already_set();
  const py::capsule owner(managed, [](void* p) {
    auto* held = static_cast<DLManagedTensor*>(p);
    if (held->deleter != nullptr) held->deleter(held);
  });
  void* data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  return py::make_tuple(py::array(storage, shape, strides, data, owner), name);
}

}  // namespace

void register_dlpack(py::module_& module) {
  module.def("dlpack_view", &dlpack_view, py::arg("exporter"),
             "The exporter's memory as an array (bfloat16 as uint16), and the name of its dtype.");
}
