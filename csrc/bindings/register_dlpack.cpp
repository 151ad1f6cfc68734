// Borrows another library's memory through DLPack, for what NumPy's own import cannot hold (bfloat16).
#include <type_traits>
#include <utility>

#include "bindings/register.hpp"

namespace {

// The C structures of DLPack. Source: dmlc/dlpack, include/dlpack/dlpack.h, version 1.1.
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
// What every exporter speaks. It cannot say that memory is read-only.
struct DLManagedTensor {
  DLTensor tensor;
  void* manager;
  void (*deleter)(DLManagedTensor*);
};
struct DLPackVersion {
  uint32_t major;
  uint32_t minor;
};
// Version 1 can say so.
struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager;
  void (*deleter)(DLManagedTensorVersioned*);
  uint64_t flags;
  DLTensor tensor;
};

constexpr int32_t kDeviceCpu = 1;
constexpr uint8_t kCodeFloat = 2;
constexpr uint8_t kCodeBfloat = 4;
constexpr uint8_t kCodeComplex = 5;
constexpr uint8_t kCodeFloat8E4m3fn = 10;
constexpr uint8_t kCodeFloat8E5m2 = 12;
constexpr uint32_t kMajor = 1;
constexpr uint64_t kReadOnly = 1;
constexpr uint64_t kCopied = 2;

template <class Managed>
struct Names;
template <>
struct Names<DLManagedTensor> {
  static constexpr const char* kFresh = "dltensor";
  static constexpr const char* kUsed = "used_dltensor";
};
template <>
struct Names<DLManagedTensorVersioned> {
  static constexpr const char* kFresh = "dltensor_versioned";
  static constexpr const char* kUsed = "used_dltensor_versioned";
};

const char* name_of(DLDataType dtype) {
  if (dtype.lanes != 1) return nullptr;
  if (dtype.code == kCodeBfloat && dtype.bits == 16) return "bfloat16";
  if (dtype.code == kCodeFloat8E4m3fn && dtype.bits == 8) return "float8_e4m3fn";
  if (dtype.code == kCodeFloat8E5m2 && dtype.bits == 8) return "float8_e5m2";
  if (dtype.code == kCodeComplex && dtype.bits == 64) return "complex64";
  if (dtype.code == kCodeComplex && dtype.bits == 128) return "complex128";
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
  if (name == "float8_e4m3fn" || name == "float8_e5m2") return py::dtype("uint8");
  return py::dtype(name);
}

// Returns the tensor of a fresh capsule as an array that owns it, and its dtype's name.
template <class Managed>
std::pair<py::array, std::string> taken(const py::object& capsule) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), Names<Managed>::kFresh));
  if (managed == nullptr) throw py::error_already_set();
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    // Of another major version only the number and the deleter may be read.
    if (managed->version.major != kMajor) {
      throw py::buffer_error("it speaks DLPack " + std::to_string(managed->version.major) + "." +
                             std::to_string(managed->version.minor) + ", and not 1");
    }
  }
  const DLTensor& tensor = managed->tensor;
  if (tensor.device.type != kDeviceCpu) throw py::value_error("a DLPack tensor must live in CPU memory");
  const char* name = name_of(tensor.dtype);
  if (name == nullptr) {
    throw py::value_error("a DLPack tensor must hold a format that pyinit writes");
  }
  const py::dtype storage = storage_of(name);
  std::vector<py::ssize_t> shape(tensor.shape, tensor.shape + tensor.ndim);
  std::vector<py::ssize_t> strides(shape.size());
  py::ssize_t step = storage.itemsize();
  for (size_t d = shape.size(); d-- > 0;) {
    strides[d] = tensor.strides != nullptr ? tensor.strides[d] * storage.itemsize() : step;
    step *= shape[d];
  }
  // From here on the tensor is ours to release, when the array goes.
  if (PyCapsule_SetName(capsule.ptr(), Names<Managed>::kUsed) != 0) throw py::error_already_set();
  const py::capsule owner(managed, [](void* p) {
    auto* held = static_cast<Managed*>(p);
    if (held->deleter != nullptr) held->deleter(held);
  });
  void* data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  py::array array(storage, shape, strides, data, owner);
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    if ((managed->flags & kReadOnly) != 0) array.attr("setflags")(py::arg("write") = false);
  }
  return {array, name};
}

// Returns a capsule of version 1 where the exporter speaks it.
py::object capsule_of(const py::object& exporter) {
  const py::object dlpack = exporter.attr("__dlpack__");
  try {
    return dlpack(py::arg("max_version") = py::make_tuple(kMajor, 0));
  } catch (py::error_already_set& error) {
    // An exporter from before version 1 knows no such argument.
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return dlpack();
}

py::tuple dlpack_view(const py::object& exporter) {
  const py::object capsule = capsule_of(exporter);
  if (PyCapsule_IsValid(capsule.ptr(), Names<DLManagedTensorVersioned>::kFresh) != 0) {
    const auto* managed = static_cast<const DLManagedTensorVersioned*>(
        PyCapsule_GetPointer(capsule.ptr(), Names<DLManagedTensorVersioned>::kFresh));
    const bool copied = managed->version.major == kMajor && (managed->flags & kCopied) != 0;
    const auto [array, name] = taken<DLManagedTensorVersioned>(capsule);
    return py::make_tuple(array, name, true, copied);
  }
  if (PyCapsule_IsValid(capsule.ptr(), Names<DLManagedTensor>::kFresh) != 0) {
    const auto [array, name] = taken<DLManagedTensor>(capsule);
    return py::make_tuple(array, name, false, false);
  }
  throw py::buffer_error("__dlpack__() gave no fresh capsule of DLPack");
}

}  // namespace

void register_dlpack(py::module_& module) {
  module.def("dlpack_view", &dlpack_view, py::arg("exporter"),
             "The exporter's memory, its dtype's name, if it tells what may be written, if it is a copy.");
}
