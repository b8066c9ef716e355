// .npy reading and writing; the header is a Python dictionary of three known keys.
#include "base/npy.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/byte_reader.h"
#include "base/data_type.h"
#include "base/file.h"

namespace tendon {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kHeaderAlignment = 64;
constexpr uint32_t kMaxHeader = 1 << 16;

struct NumpyType {
  std::string_view code;
  DataType type;
};
constexpr NumpyType kTypes[] = {
    {"f2", DataType::kFloat16}, {"f4", DataType::kFloat32}, {"f8", DataType::kFloat64},
    {"i1", DataType::kInt8},    {"i2", DataType::kInt16},   {"i4", DataType::kInt32},
    {"i8", DataType::kInt64},   {"u1", DataType::kUInt8},   {"b1", DataType::kBool},
};

struct NpyHeader {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<Shape> shape;
};

/// Parses "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }".
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !header.descr) {
        header.descr = peek() == '[' ? structured() : quoted();
      } else if (key == "fortran_order" && !header.fortran_order) {
        header.fortran_order = boolean();
      } else if (key == "shape" && !header.shape) {
        header.shape = shape();
      } else {
        fail_input("{}: unexpected key '{}' in the .npy header", name_, key);
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size()) refuse("the end of the header");
    if (!header.descr || !header.fortran_order || !header.shape) {
      fail_input("{}: the .npy header lacks descr, fortran_order or shape", name_);
    }
    return header;
  }

 private:
  [[noreturn]] void refuse(std::string_view expected) {
    fail_input("{}: .npy header, column {}: expected {}, found '{}'", name_, at_, expected,
               text_.substr(std::min(at_, text_.size()), 16));
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip_blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) refuse(std::string_view(&wanted, 1));
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') refuse("a quoted string");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) refuse("a closed string");
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }
  std::string structured() {
    fail_input("{}: structured arrays ({}…) are not read; save plain arrays", name_,
               text_.substr(at_, 24));
  }
  bool boolean() {
    for (const auto& [word, value] : {std::pair{"True", true}, std::pair{"False", false}}) {
      if (peek() == word[0] && text_.substr(at_).starts_with(word)) {
        at_ += std::string_view(word).size();
        return value;
      }
    }
    refuse("True or False");
  }
  Shape shape() {
    Shape result;
    expect('(');
    while (!accept(')')) {
      peek();
      int64_t dim = 0;
      const char* begin = text_.data() + at_;
      const auto [end, status] = std::from_chars(begin, text_.data() + text_.size(), dim);
      if (status != std::errc{}) refuse("a dimension");
      try {
        result.push_back(dim);
      } catch (const Error& error) {
        throw error.within(name_);
      }
      at_ += static_cast<size_t>(end - begin);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  std::string_view text_;
  std::string_view name_;
  size_t at_ = 0;
};

DataType data_type_from_descr(const std::string& descr, std::string_view name) {
  if (descr.starts_with('>')) {
    fail_input("{}: big-endian type '{}'; save it as little-endian", name, descr);
  }
  const bool has_order = descr.starts_with('<') || descr.starts_with('|');
  return data_type_from_numpy(std::string_view(descr).substr(has_order ? 1 : 0), name);
}

void require_byte_size(const TensorType& type, size_t found, std::string_view name) {
  // size_of is at most 8 and element_count at most 2^62, so the quotient avoids an overflow.
  const size_t element = size_of(type.dtype);
  int64_t count = 0;
  try {
    count = type.shape.element_count();
  } catch (const Error& error) {
    throw error.within(name);
  }
  if (found % element != 0 || static_cast<uint64_t>(count) != found / element) {
    fail_input("{}: {} needs {} elements of {} bytes, found {} bytes", name, type, count, element,
               found);
  }
}

Tensor from_fortran_order(const Tensor& source, const Shape& shape) {
  Tensor result(source.dtype(), shape);
  visit_type(source.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto from = source.data<T>();
    const auto to = result.mutable_data<T>();
    std::array<int64_t, Shape::kMaxRank> strides{};
    int64_t stride = 1;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      strides[static_cast<size_t>(axis)] = stride;
      stride *= shape[axis];
    }
    std::array<int64_t, Shape::kMaxRank> index{};
    int64_t at = 0;
    for (T& value : to) {
      value = from[static_cast<size_t>(at)];
      for (int axis = shape.rank() - 1; axis >= 0; --axis) {
        const auto a = static_cast<size_t>(axis);
        at += strides[a];
        if (++index[a] < shape[axis]) break;
        at -= strides[a] * shape[axis];
        index[a] = 0;
      }
    }
  });
  return result;
}

}  // namespace

DataType data_type_from_numpy(std::string_view code, std::string_view name) {
  for (const NumpyType& known : kTypes) {
    if (known.code == code) return known.type;
  }
  if (code.starts_with('O')) {
    fail_input("{}: an object array, which is a pickle; expected numbers", name);
  }
  fail_input("{}: numpy type '{}' is not read; expected one of f2 f4 f8 i1 i2 i4 i8 u1 b1", name,
             code);
}

Tensor tensor_from_numpy(std::span<const std::byte> data, const TensorType& type,
                         bool fortran_order, std::string_view name) {
  require_byte_size(type, data.size(), name);
  Tensor tensor(type.dtype, type.shape);
  if (type.dtype == DataType::kBool) {
    std::ranges::transform(data, tensor.mutable_data<bool>().begin(),
                           [](std::byte value) { return value != std::byte{0}; });
  } else if (!data.empty()) {
    std::memcpy(tensor.mutable_raw(), data.data(), data.size());
  }
  return fortran_order && tensor.rank() > 1 ? from_fortran_order(tensor, type.shape) : tensor;
}

Tensor parse_npy(std::span<const std::byte> bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  if (bytes.size() < kMagic.size() || reader.take_text(kMagic.size()) != kMagic) {
    fail_input("{}: no .npy magic at the start; expected an array saved by numpy", name);
  }
  const auto major = reader.read<uint8_t>();
  reader.take(1);
  if (major < 1 || major > 3) {
    fail_input("{}: .npy version {}; expected 1, 2 or 3", name, major);
  }
  const uint32_t length = major == 1 ? reader.read<uint16_t>() : reader.read<uint32_t>();
  if (length > kMaxHeader) {
    fail_input("{}: a .npy header of {} bytes, more than the limit of {}", name, length,
               kMaxHeader);
  }
  const NpyHeader header = HeaderParser(reader.take_text(length), name).parse();
  const DataType type = data_type_from_descr(*header.descr, name);
  const auto data = reader.take(reader.remaining());
  return tensor_from_numpy(data, {type, *header.shape}, *header.fortran_order, name);
}

Tensor load_npy(const std::string& path) {
  const auto file = MappedFile::open(path);
  return parse_npy(file->bytes(), path);
}

std::string npy_header(const TensorType& type) {
  const auto known = std::ranges::find(kTypes, type.dtype, &NumpyType::type);
  if (known == std::end(kTypes)) {
    fail(ErrorKind::kUnsupported, ".npy cannot hold {}; cast the tensor to float32 first",
         type.dtype);
  }
  const char order = size_of(type.dtype) == 1 ? '|' : '<';
  std::string text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': {}, }}",
                                 order, known->code, type.shape);
  const size_t prefix = kMagic.size() + 4;
  const size_t total =
      (prefix + text.size() + 1 + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment;
  text.append(total - prefix - text.size() - 1, ' ');
  text += '\n';
  std::string header(kMagic);
  header += {'\x01', '\x00'};
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

void save_npy(const std::string& path, const Tensor& tensor) {
  AtomicFileWriter file(path);
  file.write(npy_header(tensor.type()));
  file.write(tensor.raw(), tensor.byte_size());
  file.commit();
}

}  // namespace tendon
