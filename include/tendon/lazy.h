// Lazy<function>: every loader as an immediate function and as a callable that runs it later.
#pragma once

#include <concepts>
#include <cstddef>
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

/// The arguments of a lazy call: a tuple with one constructor for each number of arguments from
/// kLeast on; those left out are value-initialised.
template <class Arguments, size_t kLeast, class Indices>
class LazyArguments;

/// The fewest arguments.
template <class Arguments, size_t kLeast, size_t... kIndices>
requires(sizeof...(kIndices) ==
         kLeast) class LazyArguments<Arguments, kLeast, std::index_sequence<kIndices...>> {
 public:
  explicit LazyArguments(std::tuple_element_t<kIndices, Arguments>... given)
      : LazyArguments(std::in_place, std::forward_as_tuple(std::move(given)...)) {}

 protected:
  template <class Given>
  LazyArguments(std::in_place_t, Given&& given)
      : arguments_(complete(given, std::make_index_sequence<std::tuple_size_v<Arguments>>{})) {}

  Arguments arguments_;

 private:
  template <size_t kIndex, class Given>
  static std::tuple_element_t<kIndex, Arguments> argument(Given& given) {
    if constexpr (kIndex < std::tuple_size_v<Given>) {
      return std::get<kIndex>(std::move(given));
    } else {
      return {};
    }
  }
  template <class Given, size_t... kAll>
  static Arguments complete(Given& given, std::index_sequence<kAll...>) {
    return Arguments(argument<kAll>(given)...);
  }
};

/// One argument more.
template <class Arguments, size_t kLeast, size_t... kIndices>
requires(sizeof...(kIndices) >
         kLeast) class LazyArguments<Arguments, kLeast, std::index_sequence<kIndices...>>
    : public LazyArguments<Arguments, kLeast, std::make_index_sequence<sizeof...(kIndices) - 1>> {
  using Fewer = LazyArguments<Arguments, kLeast, std::make_index_sequence<sizeof...(kIndices) - 1>>;

 public:
  using Fewer::Fewer;
  explicit LazyArguments(std::tuple_element_t<kIndices, Arguments>... given)
      : Fewer(std::in_place, std::forward_as_tuple(std::move(given)...)) {}
};

/// A callable that keeps the arguments of `kFunction` and calls it with them, each time it is
/// called. The last `kOptional` arguments may be left out; they are then value-initialised, as the
/// function's own defaults are.
template <auto kFunction, size_t kOptional = 0>
class Lazy;

template <class Result, class... Args, Result (*kFunction)(Args...), size_t kOptional>
class Lazy<kFunction, kOptional>
    : public LazyArguments<std::tuple<Args...>, sizeof...(Args) - kOptional,
                           std::index_sequence_for<Args...>> {
  using Kept = LazyArguments<std::tuple<Args...>, sizeof...(Args) - kOptional,
                             std::index_sequence_for<Args...>>;

 public:
  using Kept::Kept;
  Result operator()() const { return std::apply(kFunction, this->arguments_); }
};

}  // namespace tendon
