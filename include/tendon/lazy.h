// Lazy<function>: every loader as an immediate function and as a callable that runs it later.
#pragma once

#include <concepts>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tendon {

/// A T, or anything that returns a T when it is called, such as a lazy loader or a lambda. Nothing
/// is called before operator().
template <class T>
class Loadable {
 public:
  Loadable() requires std::default_initializable<T> : Loadable(T{}) {}
  Loadable(T value) : load_([value = std::move(value)] { return value; }) {}
  template <class Value>
  requires(!std::same_as<std::remove_cvref_t<Value>, T> &&
           !std::same_as<std::remove_cvref_t<Value>, Loadable> && std::convertible_to<Value, T>)
      Loadable(Value&& value)
      : Loadable(static_cast<T>(std::forward<Value>(value))) {}
  template <class Loader>
  requires(!std::same_as<Loader, Loadable> && !std::convertible_to<Loader, T> &&
           std::is_invocable_r_v<T, const Loader&>) Loadable(Loader loader)
      : load_(std::move(loader)) {}

  T operator()() const { return load_(); }

 private:
  std::function<T()> load_;
};

/// A callable that keeps the arguments of `kFunction` and calls it with them, each time it is
/// called. The last `kOptional` arguments may be left out and are then value-initialised, as the
/// function's own defaults are.
template <auto kFunction, size_t kOptional = 0>
class Lazy;

template <class Result, class... Args, Result (*kFunction)(Args...), size_t kOptional>
class Lazy<kFunction, kOptional> {
 public:
  explicit Lazy(Args... args) : args_(std::move(args)...) {}

  template <class... Given>
  requires(sizeof...(Given) < sizeof...(Args) &&
           sizeof...(Given) + kOptional >= sizeof...(Args)) explicit Lazy(Given&&... given)
      : args_(complete(std::forward_as_tuple(std::forward<Given>(given)...),
                       std::index_sequence_for<Args...>{})) {}

  Result operator()() const { return std::apply(kFunction, args_); }

 private:
  using Tuple = std::tuple<Args...>;

  template <size_t kIndex, class Given>
  static std::tuple_element_t<kIndex, Tuple> argument(Given&& given) {
    if constexpr (kIndex < std::tuple_size_v<std::remove_cvref_t<Given>>) {
      return std::get<kIndex>(std::forward<Given>(given));
    } else {
      return {};
    }
  }
  template <class Given, size_t... kIndices>
  static Tuple complete(Given&& given, std::index_sequence<kIndices...>) {
    return Tuple(argument<kIndices>(std::forward<Given>(given))...);
  }

  Tuple args_;
};

}  // namespace tendon
