// Python pickles read as data: an allowlist of opcodes and globals, nothing is ever executed.
#pragma once

#include <tendon/tensor.h>

#include <any>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/format.h"

namespace tendon {

struct PickleValue;
/// Owned by the PickleDocument; containers may share values.
using PickleRef = PickleValue*;

struct PickleNone {};
struct PickleBytes {
  std::span<const std::byte> bytes;
  /// Null when `bytes` lies in the file.
  std::shared_ptr<const void> owner;
};
struct PickleList {
  std::vector<PickleRef> items;
};
struct PickleTuple {
  std::vector<PickleRef> items;
};
struct PickleDict {
  std::vector<std::pair<PickleRef, PickleRef>> items;
};
/// What a rule makes that none of the other alternatives can hold.
struct PickleObject {
  std::string type;
  std::any content;
};
struct PickleRule;
/// A global of the allowlist, such as the class numpy.ndarray.
struct PickleGlobal {
  const PickleRule* rule;
};
using PickleContent =
    std::variant<PickleNone, bool, int64_t, double, std::string, PickleBytes, PickleList,
                 PickleTuple, PickleDict, Tensor, PickleObject, PickleGlobal>;

struct PickleValue {
  PickleContent content;
  /// The global whose call made this value, if any.
  const PickleRule* made_by = nullptr;

  template <class T>
  const T* get() const {
    return std::get_if<T>(&content);
  }
  /// The value under a string key; null when this is no dictionary or has no such key.
  const PickleValue* find(std::string_view key) const;
  /// "a dictionary", "an integer", … for messages.
  std::string_view kind() const;
};

/// Where a rule stands in the file, and the memory it may still take.
class PickleContext {
 public:
  explicit PickleContext(std::string_view name);

  /// Throws Error{kBadInput} naming the file and the offset of the opcode.
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail_input("{}: pickle offset {}: {}", name, offset,
               fmt::format(text, std::forward<Args>(args)...));
  }
  /// To be called before memory is taken that the size of the file does not bound.
  void charge(size_t bytes);

  const std::vector<PickleRef>& tuple(const PickleValue& value, std::string_view what) const;
  int64_t integer(const PickleValue& value, std::string_view what) const;
  const std::string& string(const PickleValue& value, std::string_view what) const;
  std::span<const std::byte> bytes(const PickleValue& value, std::string_view what) const;
  Shape shape(const PickleValue& value, std::string_view what) const;

  std::string_view name;
  size_t offset = 0;

 private:
  size_t budget_;
};

/// One allowed global.
struct PickleRule {
  /// Module and name, such as "numpy.core.multiarray._reconstruct".
  std::string global;
  /// Stands for calling it; when empty the global may only be named.
  std::function<PickleContent(PickleContext&, std::span<const PickleRef>)> call;
  /// Stands for setting the state of a value that `call` made; when empty that is refused.
  std::function<void(PickleContext&, PickleValue&, const PickleValue& state)> build;
};

struct PickleRules {
  std::vector<PickleRule> globals;
  /// Stands for loading an external object by its id; when empty that is refused.
  std::function<PickleContent(PickleContext&, const PickleValue& id)> load_persistent;
  /// What a file with other globals should have held instead, for the message.
  std::string expected = "plain data and numpy arrays";
};

/// numpy arrays (as Tensor), dtypes and scalars, in the spellings of numpy 1 and 2.
PickleRules numpy_pickle_rules();

/// The values of one pickle.
struct PickleDocument {
  std::deque<PickleValue> values;
  const PickleValue* root = nullptr;
  /// Keeps alive what PickleBytes point into.
  std::shared_ptr<const void> owner;
};

/// Reads protocols 2 to 5. Unknown opcodes, foreign globals and anything beyond limits() are
/// Error{kBadInput} naming the offset. `bytes` and `rules` must outlive the document.
PickleDocument parse_pickle(std::span<const std::byte> bytes, std::string_view name,
                            const PickleRules& rules);
PickleDocument load_pickle(const std::string& path, const PickleRules& rules);

}  // namespace tendon
