// The globals that numpy's pickles name, each replaced by a function that only builds a Tensor.
#include "base/byte_reader.h"
#include "base/npy.h"
#include "base/pickle.h"

namespace tendon {
namespace {

using Arguments = std::span<const PickleRef>;

/// A dtype before its byte order is known and after.
struct NumpyType {
  std::string code;
  bool little_endian = true;
};

void require_count(PickleContext& context, Arguments arguments, size_t least, size_t most) {
  if (arguments.size() < least || arguments.size() > most) {
    context.refuse("{} arguments for a numpy object, expected {} to {}", arguments.size(), least,
                   most);
  }
}

Tensor make_tensor(PickleContext& context, const PickleValue& dtype, const Shape& shape,
                   bool fortran_order, std::span<const std::byte> data) {
  const auto* object = dtype.get<PickleObject>();
  const auto* type = object == nullptr ? nullptr : std::any_cast<NumpyType>(&object->content);
  if (type == nullptr) context.refuse("expected a numpy dtype, found {}", dtype.kind());
  const std::string place = fmt::format("{}: pickle offset {}", context.name, context.offset);
  const DataType element = data_type_from_numpy(type->code, place);
  if (!type->little_endian) {
    context.refuse("a big-endian array of type {}; save it as little-endian", type->code);
  }
  context.charge(data.size() * (fortran_order ? 2 : 1));
  return tensor_from_numpy(data, {element, shape}, fortran_order, place);
}

PickleContent call_dtype(PickleContext& context, Arguments arguments) {
  require_count(context, arguments, 1, 3);
  return PickleObject{"numpy.dtype",
                      NumpyType{context.string(*arguments[0], "the name of a dtype")}};
}

/// State: (version, byte order, subdtype, names, fields, size, alignment, flags, …).
void build_dtype(PickleContext& context, PickleValue& value, const PickleValue& state) {
  const auto& items = context.tuple(state, "the state of a dtype");
  if (items.size() < 5) context.refuse("the state of a dtype has {} items", items.size());
  for (size_t i = 2; i < 5; ++i) {
    if (items[i]->get<PickleNone>() == nullptr) {
      context.refuse("a structured dtype; expected plain numbers");
    }
  }
  auto& type = std::any_cast<NumpyType&>(std::get<PickleObject>(value.content).content);
  type.little_endian = context.string(*items[1], "the byte order of a dtype") != ">";
}

PickleContent call_reconstruct(PickleContext& context, Arguments arguments) {
  require_count(context, arguments, 3, 3);
  const auto* type = arguments[0]->get<PickleGlobal>();
  if (type == nullptr || type->rule->global != "numpy.ndarray") {
    context.refuse("an array of a class other than numpy.ndarray");
  }
  return Tensor{};
}

/// State: (version, shape, dtype, is Fortran order, bytes).
void build_array(PickleContext& context, PickleValue& value, const PickleValue& state) {
  const auto& items = context.tuple(state, "the state of an array");
  if (items.size() != 5) context.refuse("the state of an array has {} items", items.size());
  const bool* fortran_order = items[3]->get<bool>();
  if (fortran_order == nullptr) context.refuse("the order of an array is {}", items[3]->kind());
  if (items[4]->get<PickleList>() != nullptr) {
    context.refuse("an array of Python objects; expected numbers");
  }
  value.content = make_tensor(context, *items[2], context.shape(*items[1], "an array's shape"),
                              *fortran_order, context.bytes(*items[4], "an array's content"));
}

/// Protocol 5: (bytes, dtype, shape, order).
PickleContent call_from_buffer(PickleContext& context, Arguments arguments) {
  require_count(context, arguments, 4, 4);
  const std::string& order = context.string(*arguments[3], "an array's order");
  return make_tensor(context, *arguments[1], context.shape(*arguments[2], "an array's shape"),
                     order == "F", context.bytes(*arguments[0], "an array's content"));
}

PickleContent call_scalar(PickleContext& context, Arguments arguments) {
  require_count(context, arguments, 2, 2);
  return make_tensor(context, *arguments[0], Shape{}, false,
                     context.bytes(*arguments[1], "a scalar's content"));
}

/// Protocol 2 has no bytes: Python 3 writes them as text in which each character is one byte.
PickleContent call_encode(PickleContext& context, Arguments arguments) {
  require_count(context, arguments, 2, 2);
  const std::string& text = context.string(*arguments[0], "encoded bytes");
  if (context.string(*arguments[1], "an encoding") != "latin1") {
    context.refuse("bytes in an encoding other than latin1");
  }
  context.charge(text.size());
  auto bytes = std::make_shared<std::string>();
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<uint8_t>(text[i]);
    if (lead < 0x80) {
      bytes->push_back(text[i]);
    } else if ((lead == 0xc2 || lead == 0xc3) && i + 1 < text.size()) {
      bytes->push_back(static_cast<char>(((lead & 3) << 6) | (text[++i] & 0x3f)));
    } else {
      context.refuse("bytes written as text hold a character beyond 0xff");
    }
  }
  return PickleBytes{bytes_of(*bytes), bytes};
}

}  // namespace

PickleRules numpy_pickle_rules() {
  PickleRules rules;
  rules.globals.push_back({"numpy.ndarray", nullptr, nullptr});
  rules.globals.push_back({"numpy.dtype", call_dtype, build_dtype});
  rules.globals.push_back({"_codecs.encode", call_encode, nullptr});
  for (const std::string core : {"numpy.core", "numpy._core"}) {
    rules.globals.push_back({core + ".multiarray._reconstruct", call_reconstruct, build_array});
    rules.globals.push_back({core + ".multiarray.scalar", call_scalar, nullptr});
    rules.globals.push_back({core + ".numeric._frombuffer", call_from_buffer, nullptr});
  }
  return rules;
}

}  // namespace tendon
