// Typed access to pickle values, with messages that say what stood there instead.
#include <algorithm>
#include <array>

#include "base/limits.h"
#include "base/pickle.h"

namespace tendon {

const PickleValue* PickleValue::find(std::string_view key) const {
  const auto* dict = get<PickleDict>();
  if (dict == nullptr) return nullptr;
  const auto found = std::find_if(dict->items.rbegin(), dict->items.rend(), [&](const auto& item) {
    const auto* text = item.first->template get<std::string>();
    return text != nullptr && *text == key;
  });
  return found == dict->items.rend() ? nullptr : found->second;
}

std::string_view PickleValue::kind() const {
  static constexpr std::array<std::string_view, std::variant_size_v<PickleContent>> kKinds = {
      "None",   "a boolean", "an integer",   "a float",  "a string",  "bytes",
      "a list", "a tuple",   "a dictionary", "an array", "an object", "a class"};
  return kKinds[content.index()];
}

PickleContext::PickleContext(std::string_view file_name)
    : name(file_name), budget_(2 * limits().max_pickle_bytes) {}

void PickleContext::charge(size_t bytes) {
  if (bytes > budget_) {
    refuse("the arrays need more than {} bytes, twice the size limit of a pickle",
           2 * limits().max_pickle_bytes);
  }
  budget_ -= bytes;
}

const std::vector<PickleRef>& PickleContext::tuple(const PickleValue& value,
                                                   std::string_view what) const {
  const auto* found = value.get<PickleTuple>();
  if (found == nullptr) refuse("expected {} as a tuple, found {}", what, value.kind());
  return found->items;
}

int64_t PickleContext::integer(const PickleValue& value, std::string_view what) const {
  const auto* found = value.get<int64_t>();
  if (found == nullptr) refuse("expected {} as an integer, found {}", what, value.kind());
  return *found;
}

const std::string& PickleContext::string(const PickleValue& value, std::string_view what) const {
  const auto* found = value.get<std::string>();
  if (found == nullptr) refuse("expected {} as a string, found {}", what, value.kind());
  return *found;
}

std::span<const std::byte> PickleContext::bytes(const PickleValue& value,
                                                std::string_view what) const {
  const auto* found = value.get<PickleBytes>();
  if (found == nullptr) refuse("expected {} as bytes, found {}", what, value.kind());
  return found->bytes;
}

Shape PickleContext::shape(const PickleValue& value, std::string_view what) const {
  Shape result;
  try {
    for (const PickleRef dim : tuple(value, what)) result.push_back(integer(*dim, what));
    result.element_count();
  } catch (const Error& error) {
    refuse("{}: {}", what, error.what());
  }
  return result;
}

}  // namespace tendon
