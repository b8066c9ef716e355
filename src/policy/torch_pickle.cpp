#include "policy/torch_pickle.h"

#include <algorithm>
#include <cstring>

namespace tendon {
namespace {

using Arguments = std::span<const PickleRef>;

struct StorageType {
  const char* name;
  DataType dtype;
};
constexpr StorageType kStorageTypes[] = {
    {"FloatStorage", DataType::kFloat32}, {"DoubleStorage", DataType::kFloat64},
    {"HalfStorage", DataType::kFloat16},  {"BFloat16Storage", DataType::kBFloat16},
    {"LongStorage", DataType::kInt64},    {"IntStorage", DataType::kInt32},
    {"ShortStorage", DataType::kInt16},   {"CharStorage", DataType::kInt8},
    {"ByteStorage", DataType::kUInt8},    {"BoolStorage", DataType::kUInt8},
};
constexpr std::string_view kStoragePrefix = "torch.";

/// What a persistent id stands for.
struct Storage {
  DataType dtype = DataType::kFloat32;
  OwnedBytes content;
  int64_t count = 0;
};

void require_count(PickleContext& context, Arguments arguments, size_t least, size_t most,
                   std::string_view what) {
  if (arguments.size() < least || arguments.size() > most) {
    context.refuse("{} with {} arguments, expected {} to {}", what, arguments.size(), least, most);
  }
}

DataType storage_type(PickleContext& context, const PickleValue& value) {
  const auto* global = value.get<PickleGlobal>();
  if (global != nullptr) {
    for (const StorageType& type : kStorageTypes) {
      if (global->rule->global == std::string(kStoragePrefix) + type.name) return type.dtype;
    }
  }
  context.refuse("expected a type of storage, found {}", value.kind());
}

/// Id: ("storage", type, key, device, element count). The device does not matter.
PickleContent load_storage(TorchStorages& storages, PickleContext& context, const PickleValue& id) {
  const auto& items = context.tuple(id, "a storage's id");
  if (items.size() != 5 || context.string(*items[0], "the kind of an id") != "storage") {
    context.refuse("a persistent id that names no storage");
  }
  Storage storage{storage_type(context, *items[1]), {}, 0};
  const std::string& key = context.string(*items[2], "a storage's key");
  storage.count = context.integer(*items[4], "a storage's size");
  storage.content = storages.read(key);
  const size_t bytes = storage.content.bytes.size();
  const size_t size = size_of(storage.dtype);
  if (storage.count < 0 || bytes % size != 0 ||
      static_cast<uint64_t>(storage.count) != bytes / size) {
    context.refuse("storage '{}' is said to hold {} elements of type {}, but has {} bytes", key,
                   storage.count, storage.dtype, bytes);
  }
  return PickleObject{"a storage", std::move(storage)};
}

std::vector<int64_t> strides_of(PickleContext& context, const PickleValue& value, int rank) {
  std::vector<int64_t> strides;
  for (const PickleRef item : context.tuple(value, "a tensor's strides")) {
    strides.push_back(context.integer(*item, "a stride"));
  }
  const bool negative = std::ranges::any_of(strides, [](int64_t stride) { return stride < 0; });
  if (negative || static_cast<int>(strides.size()) != rank) {
    context.refuse("strides {} of a tensor of rank {}; expected one each, none negative", strides,
                   rank);
  }
  return strides;
}

/// Throws unless every element that shape and strides reach lies inside the storage.
void require_inside(PickleContext& context, const Storage& storage, int64_t offset,
                    const Shape& shape, std::span<const int64_t> strides) {
  const bool empty = shape.element_count() == 0;
  int64_t last = offset;
  bool overflow = offset < 0;
  for (int axis = 0; axis < shape.rank() && !empty; ++axis) {
    int64_t reach = 0;
    overflow =
        overflow ||
        __builtin_mul_overflow(shape[axis] - 1, strides[static_cast<size_t>(axis)], &reach) ||
        __builtin_add_overflow(last, reach, &last);
  }
  if (overflow || (empty ? last > storage.count : last >= storage.count)) {
    context.refuse(
        "a tensor of shape {} and strides {} from element {} on reaches past its storage"
        " of {} elements",
        shape, strides, offset, storage.count);
  }
}

bool is_contiguous(const Shape& shape, std::span<const int64_t> strides) {
  int64_t expected = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (shape[axis] != 1 && strides[static_cast<size_t>(axis)] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

Tensor gathered(const std::byte* elements, DataType dtype, const Shape& shape,
                std::span<const int64_t> strides) {
  Tensor result(dtype, shape);
  const size_t size = size_of(dtype);
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  std::vector<int64_t> index(strides.size());
  for (int64_t i = 0; i < shape.element_count(); ++i, to += size) {
    int64_t at = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) at += index[axis] * strides[axis];
    std::memcpy(to, elements + static_cast<size_t>(at) * size, size);
    for (size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < shape[static_cast<int>(axis)]) break;
      index[axis] = 0;
    }
  }
  return result;
}

void charge(PickleContext& context, TorchStorages& storages, size_t bytes) {
  if (bytes > storages.copy_budget) {
    context.refuse(
        "tensors that overlap or lie across their storage need more memory than the "
        "file has bytes");
  }
  storages.copy_budget -= bytes;
}

/// Arguments: (storage, offset, shape, strides, requires_grad, hooks[, metadata]).
PickleContent rebuild_tensor(TorchStorages& storages, PickleContext& context, Arguments arguments) {
  require_count(context, arguments, 6, 7, "a tensor");
  const auto* object = arguments[0]->get<PickleObject>();
  const auto* storage = object == nullptr ? nullptr : std::any_cast<Storage>(&object->content);
  if (storage == nullptr) {
    context.refuse("expected a tensor's storage, found {}", arguments[0]->kind());
  }
  const int64_t offset = context.integer(*arguments[1], "a tensor's offset");
  const Shape shape = context.shape(*arguments[2], "a tensor's shape");
  const std::vector<int64_t> strides = strides_of(context, *arguments[3], shape.rank());
  require_inside(context, *storage, offset, shape, strides);
  const size_t size = size_of(storage->dtype);
  if (shape.element_count() == 0) return Tensor(storage->dtype, shape);
  const std::byte* elements = storage->content.bytes.data() + static_cast<size_t>(offset) * size;
  const bool aligned = reinterpret_cast<uintptr_t>(elements) % size == 0;
  const bool contiguous = is_contiguous(shape, strides);
  if (contiguous && aligned) {
    return Tensor::view(storage->dtype, shape, elements, storage->content.owner);
  }
  if (shape.element_count() > storage->count) {
    context.refuse("a tensor of shape {} repeats the {} elements of its storage", shape,
                   storage->count);
  }
  charge(context, storages, static_cast<size_t>(shape.element_count()) * size);
  return gathered(elements, storage->dtype, shape, strides);
}

/// Arguments: (tensor, requires_grad, hooks).
PickleContent rebuild_parameter(PickleContext& context, Arguments arguments) {
  require_count(context, arguments, 3, 3, "a parameter");
  const auto* tensor = arguments[0]->get<Tensor>();
  if (tensor == nullptr) {
    context.refuse("a parameter of {}, expected a tensor", arguments[0]->kind());
  }
  return *tensor;
}

PickleContent ordered_dict(PickleContext& context, Arguments arguments) {
  require_count(context, arguments, 0, 0, "an ordered dictionary");
  return PickleDict{};
}

/// The state is the versions of the modules that made the dictionary.
void ignore_metadata(PickleContext&, PickleValue&, const PickleValue&) {}

}  // namespace

PickleRules torch_pickle_rules(TorchStorages& storages) {
  PickleRules rules = numpy_pickle_rules();
  rules.expected = "tensors and plain data: save policy.state_dict(), not the policy itself";
  rules.globals.push_back({"collections.OrderedDict", ordered_dict, ignore_metadata});
  rules.globals.push_back({"torch._utils._rebuild_tensor_v2",
                           [&storages](PickleContext& context, Arguments arguments) {
                             return rebuild_tensor(storages, context, arguments);
                           },
                           nullptr});
  rules.globals.push_back({"torch._utils._rebuild_parameter", rebuild_parameter, nullptr});
  for (const StorageType& type : kStorageTypes) {
    rules.globals.push_back({std::string(kStoragePrefix) + type.name, nullptr, nullptr});
  }
  rules.load_persistent = [&storages](PickleContext& context, const PickleValue& id) {
    return load_storage(storages, context, id);
  };
  return rules;
}

}  // namespace tendon
