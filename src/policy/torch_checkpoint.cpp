#include "policy/torch_checkpoint.h"

#include <algorithm>
#include <map>

#include "base/byte_reader.h"
#include "base/limits.h"
#include "base/log.h"
#include "policy/torch_pickle.h"

namespace tendon {
namespace {

constexpr std::string_view kPickle = "/data.pkl";
constexpr std::string_view kOldStream = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
/// Where training scripts put the state dict when they save more than that.
constexpr std::string_view kStateDictKeys[] = {"state_dict", "model_state_dict", "model",
                                               "policy_state_dict"};

/// The entry "<stem>/data.pkl", or null.
const ZipEntry* pickle_entry(const ZipReader& zip) {
  const auto& entries = zip.entries();
  const auto found = std::ranges::find_if(entries, [](const ZipEntry& entry) {
    return entry.name.ends_with(kPickle) &&
           entry.name.find('/') == entry.name.size() - kPickle.size();
  });
  return found == entries.end() ? nullptr : &*found;
}

/// The archive's entries as the pickle refers to them.
class Archive {
 public:
  Archive(ZipReader zip, const std::string& name) : zip_(std::move(zip)), name_(name) {
    const ZipEntry* pickle = pickle_entry(zip_);
    if (pickle == nullptr) {
      fail_input("{}: a ZIP archive without <name>/data.pkl, so no checkpoint of torch.save", name);
    }
    stem_ = pickle->name.substr(0, pickle->name.size() - kPickle.size() + 1);
    if (zip_.find(stem_ + "constants.pkl") != nullptr) {
      fail_input("{}: a TorchScript archive; expected the state dict that training saved", name);
    }
    const ZipEntry* order = zip_.find(stem_ + "byteorder");
    if (order != nullptr && text_of(read(*order).bytes) != "little") {
      fail_input("{}: written on a big-endian machine; save it again on a little-endian one", name);
    }
    if (pickle->size > limits().max_pickle_bytes) {
      fail_input("{}: a pickle of {} bytes, more than the limit of {}", name, pickle->size,
                 limits().max_pickle_bytes);
    }
    pickle_ = read(*pickle);
  }

  std::span<const std::byte> pickle() const { return pickle_.bytes; }

  /// Each checksum is computed once, however many tensors share the storage.
  OwnedBytes storage(const std::string& key) {
    const auto known = storages_.find(key);
    if (known != storages_.end()) return known->second;
    const ZipEntry* entry = zip_.find(stem_ + "data/" + key);
    if (entry == nullptr) {
      fail_input("{}: the pickle refers to storage '{}', which the archive lacks", name_, key);
    }
    return storages_[key] = read(*entry);
  }

 private:
  OwnedBytes read(const ZipEntry& entry) const {
    if (entry.deflated) {
      fail_input(
          "{}: entry '{}' is compressed, which torch.save never does; save the checkpoint "
          "again with torch",
          name_, entry.name);
    }
    return zip_.read(entry);
  }

  ZipReader zip_;
  const std::string& name_;
  std::string stem_;
  OwnedBytes pickle_;
  std::map<std::string, OwnedBytes> storages_;
};

bool holds_tensors(const PickleValue& value) {
  const auto* dict = value.get<PickleDict>();
  return dict != nullptr && std::ranges::any_of(dict->items, [](const auto& item) {
           return item.first->template get<std::string>() != nullptr &&
                  item.second->template get<Tensor>() != nullptr;
         });
}

std::vector<std::string> keys_of(const PickleDict& dict) {
  constexpr size_t kMostShown = 8;
  std::vector<std::string> keys;
  for (const auto& [key, value] : dict.items) {
    if (const auto* text = key->get<std::string>()) keys.push_back(*text);
    if (keys.size() == kMostShown) break;
  }
  return keys;
}

/// The dictionary of tensors in what was saved.
const PickleDict& state_dict_in(const PickleValue& root, const std::string& name) {
  const auto* top = root.get<PickleDict>();
  if (top == nullptr) {
    fail_input("{}: holds {}, expected the state dict of a policy", name, root.kind());
  }
  if (holds_tensors(root)) return *top;
  for (const std::string_view key : kStateDictKeys) {
    const PickleValue* value = root.find(key);
    if (value == nullptr || !holds_tensors(*value)) continue;
    log_info("{}: the state dict lies under '{}'", name, key);
    return *value->get<PickleDict>();
  }
  fail_input(
      "{}: no tensors at the top of the file, which holds {}; expected the state dict of an ACT "
      "policy, as torch.save(policy.state_dict(), …) writes it",
      name, keys_of(*top).empty() ? "nothing" : fmt::format("{}", fmt::join(keys_of(*top), ", ")));
}

}  // namespace

bool is_torch_archive(std::span<const std::byte> bytes, const std::string& name) {
  return text_of(bytes).starts_with("PK") &&
         pickle_entry(ZipReader::parse(bytes, name, nullptr)) != nullptr;
}

bool is_old_torch_stream(std::span<const std::byte> bytes) {
  return text_of(bytes).starts_with(kOldStream);
}

StateDict load_torch_checkpoint(const std::string& path) {
  auto file = MappedFile::open(path);
  StateDict weights = parse_torch_checkpoint(file->bytes(), path, file);
  // Checking the sums has read all of it, and the network needs less than half.
  file->release_pages();
  return weights;
}

StateDict parse_torch_checkpoint(std::span<const std::byte> bytes, const std::string& name,
                                 std::shared_ptr<const void> owner) {
  refuse_lfs_pointer(bytes, name);
  if (is_old_torch_stream(bytes)) {
    fail_input(
        "{}: in the format of torch before 1.6, which is not read; save it again with "
        "torch.save(torch.load(f, map_location='cpu'), f)",
        name);
  }
  Archive archive(ZipReader::parse(bytes, name, std::move(owner)), name);
  TorchStorages storages{[&](const std::string& key) { return archive.storage(key); },
                         bytes.size()};
  const PickleRules rules = torch_pickle_rules(storages);
  const PickleDocument document = parse_pickle(archive.pickle(), name, rules);
  StateDict weights(name);
  for (const auto& [key, value] : state_dict_in(*document.root, name).items) {
    const auto* text = key->get<std::string>();
    const auto* tensor = value->get<Tensor>();
    if (text != nullptr && tensor != nullptr && tensor->defined()) weights.add(*text, *tensor);
  }
  return weights;
}

}  // namespace tendon
