// fmt with formatters for Tendon's types, and throwing helpers built on it.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tendon/error.h>
#include <tendon/tensor.h>

#include <utility>

template <>
struct fmt::is_range<tendon::Shape, char> : std::false_type {};
template <>
struct fmt::formatter<tendon::Shape> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const tendon::Shape& shape, Context& context) const {
    return fmt::formatter<std::string_view>::format(tendon::to_string(shape), context);
  }
};
template <>
struct fmt::formatter<tendon::DataType> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(tendon::DataType type, Context& context) const {
    return fmt::formatter<std::string_view>::format(tendon::name_of(type), context);
  }
};
template <>
struct fmt::formatter<tendon::TensorType> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const tendon::TensorType& type, Context& context) const {
    return fmt::formatter<std::string_view>::format(tendon::to_string(type), context);
  }
};

namespace tendon {

/// fail(ErrorKind::kBadInput, "{} has rank {}", name, rank) throws Error.
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(kind, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
[[noreturn]] void fail_input(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(ErrorKind::kBadInput, fmt::format(text, std::forward<Args>(args)...));
}

/// A defect of ours when false; never used for data from outside.
#define TENDON_ASSERT(condition)                                                              \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      ::tendon::fail(::tendon::ErrorKind::kInternal, "internal error at {}:{}: {}", __FILE__, \
                     __LINE__, #condition);                                                   \
    }                                                                                         \
  } while (false)

}  // namespace tendon
