// DataLoader and DataSource: inputs for runners, random or from anywhere.
#pragma once

#include <tendon/lazy.h>
#include <tendon/tensor_info.h>

#include <concepts>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tendon {

/// Both ends belong to it.
struct ValueRange {
  double min = 0;
  double max = 1;
};

struct DataLoaderOptions {
  /// Item i is drawn with seed + i.
  uint32_t seed = 1;
  int64_t iterations = 1;
  /// By input name; "" is for all others, without it (0, 1). Throws Error{kUsage} for min > max.
  std::map<std::string, ValueRange> val_range = {};
  /// What to generate; empty: whatever the first runner takes. An axis that is not fixed gets its
  /// smallest size, with one warning.
  std::vector<TensorInfo> input_metadata = {};
};

/// Random inputs: floating types uniform, integers and bool uniform with both ends included, so
/// the default range gives 0 or 1. The same options give the same values everywhere, and the ones
/// that Polygraphy's DataLoader gives.
class DataLoader {
 public:
  explicit DataLoader(DataLoaderOptions options = {});

  int64_t iterations() const { return options_.iterations; }
  /// Used when the options name no inputs.
  void set_input_metadata(std::vector<TensorInfo> input_metadata);
  /// Throws Error{kUsage} when `index` is outside [0, iterations) or the inputs are unknown.
  TensorMap operator[](int64_t index) const;

 private:
  DataLoaderOptions options_;
  std::vector<TensorInfo> input_metadata_;
};

/// What a range must yield to be a DataSource: TensorMaps, or objects with a TensorMap `inputs`.
template <class Item>
concept InputItem = std::convertible_to<Item, TensorMap> || requires(const Item& item) {
  { item.inputs } -> std::convertible_to<TensorMap>;
};

/// Anything that yields inputs: a DataLoader, or a range such as a vector of TensorMaps or the
/// observations of episodes. A range that is passed by name is not copied and must outlive the
/// source.
class DataSource {
 public:
  /// The next item of one pass, or nothing at its end.
  using Next = std::function<std::optional<TensorMap>()>;

  DataSource(DataLoader loader);
  /// `start` begins a pass; it is given what the first runner takes.
  explicit DataSource(std::function<Next(const std::vector<TensorInfo>&)> start)
      : start_(std::move(start)) {}
  template <class Range>
  requires(!std::same_as<std::remove_cvref_t<Range>, DataSource> &&
           requires(Range & range) {
             { *std::begin(range) } -> InputItem;
             std::end(range);
           }) DataSource(Range&& range)
      : start_(from_range(std::forward<Range>(range))) {}

  Next start(const std::vector<TensorInfo>& input_metadata) const { return start_(input_metadata); }

 private:
  template <class Range>
  static std::function<Next(const std::vector<TensorInfo>&)> from_range(Range&& range) {
    using Held = std::remove_reference_t<Range>;
    std::shared_ptr<Held> held;
    if constexpr (std::is_lvalue_reference_v<Range>) {
      held = std::shared_ptr<Held>(&range, [](Held*) {});
    } else {
      held = std::make_shared<Held>(std::move(range));
    }
    return [held](const std::vector<TensorInfo>&) -> Next {
      using Iterator = decltype(std::begin(*held));
      const auto position = std::make_shared<std::optional<Iterator>>();
      return [held, position]() -> std::optional<TensorMap> {
        if (!position->has_value()) {
          position->emplace(std::begin(*held));
        } else if (**position != std::end(*held)) {
          ++**position;
        }
        if (**position == std::end(*held)) return std::nullopt;
        const auto& item = ***position;
        if constexpr (std::convertible_to<decltype(item), TensorMap>) {
          return TensorMap(item);
        } else {
          return TensorMap(item.inputs);
        }
      };
    };
  }

  std::function<Next(const std::vector<TensorInfo>&)> start_;
};

/// Inputs or outputs of several iterations from a file: Polygraphy's JSON (a list of objects), or
/// .npz whose members are "<iteration>/<name>", or plain names for a single iteration. Throws
/// Error{kBadInput} naming the file and the place.
std::vector<TensorMap> tensor_maps_from_path(std::string path);
inline constexpr auto TensorMapsFromPath = kLazy<tensor_maps_from_path>;
/// Writes what tensor_maps_from_path reads; the ending .json or .npz decides. Returns the maps.
std::vector<TensorMap> save_tensor_maps(Loadable<std::vector<TensorMap>> maps, std::string path);
inline constexpr auto SaveTensorMaps = kLazy<save_tensor_maps>;

/// Cuts tensors that share their first axis, such as (8, 100, 14), into one map for each index of
/// that axis, each tensor keeping the axis with size 1: (1, 100, 14). Throws Error{kUsage} when the
/// first axes differ.
std::vector<TensorMap> unstack(const TensorMap& stacked);

}  // namespace tendon
