// kLazy<function>: every loader as an immediate function and as one that returns a callable.
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

/// A callable that keeps a function's arguments and calls it with them, each time it is called.
template <class Function>
class Lazy;

template <class Result, class... Args>
class Lazy<Result (*)(Args...)> {
 public:
  using Arguments = std::tuple<Args...>;
  Lazy(Result (*function)(Args...), Arguments arguments)
      : function_(function), arguments_(std::move(arguments)) {}

  Result operator()() const { return std::apply(function_, arguments_); }

 private:
  Result (*function_)(Args...);
  Arguments arguments_;
};

/// Ends the chain of LazyCalls.
struct NoLazyCalls {
  void operator()(NoLazyCalls) const = delete;
};

/// One call operator for each number of arguments from kLeast to the length of Indices, with the
/// function's own parameter types, so that braces work. What is left out is value-initialised.
template <auto kFunction, size_t kLeast, class Indices>
class LazyCalls;

template <auto kFunction, size_t kLeast, size_t kCount>
using FewerLazyCalls = std::conditional_t<
    (kCount > kLeast),
    LazyCalls<kFunction, kLeast, std::make_index_sequence<kCount == 0 ? 0 : kCount - 1>>,
    NoLazyCalls>;

template <auto kFunction, size_t kLeast, size_t... kIndices>
class LazyCalls<kFunction, kLeast, std::index_sequence<kIndices...>>
    : public FewerLazyCalls<kFunction, kLeast, sizeof...(kIndices)> {
  using Result = Lazy<decltype(kFunction)>;
  using Arguments = typename Result::Arguments;

 public:
  using FewerLazyCalls<kFunction, kLeast, sizeof...(kIndices)>::operator();
  Result operator()(std::tuple_element_t<kIndices, Arguments>... given) const {
    return Result(kFunction, complete(std::forward_as_tuple(std::move(given)...),
                                      std::make_index_sequence<std::tuple_size_v<Arguments>>{}));
  }

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
  static Arguments complete(Given given, std::index_sequence<kAll...>) {
    return Arguments(argument<kAll>(given)...);
  }
};

/// The lazy twin of `kFunction`: takes its arguments and returns a Lazy. The last `kOptional`
/// arguments may be left out; they are then value-initialised, as the function's own defaults are.
template <auto kFunction, size_t kOptional = 0>
inline constexpr auto kLazy = []<class Result, class... Args>(Result (*)(Args...)) {
  return LazyCalls<kFunction, sizeof...(Args) - kOptional, std::index_sequence_for<Args...>>{};
}(kFunction);

}  // namespace tendon
