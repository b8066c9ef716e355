// Mutates an engine file by its fields, so that what comes out gets past the checksums: graphs as
// trees of records whose counts stay right, the manifest, scales and plan as JSON, weights as
// bytes.
#pragma once

#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/file_format.h"
#include "odd_numbers.h"

namespace tendon::fuzzing {

/// One field of a graph as engine/graph_codec.cpp writes it.
struct EngineField {
  enum class Kind : uint8_t { kNumber, kText, kList, kRecord };
  Kind kind = Kind::kRecord;
  /// Bytes of a number, or of a list's count.
  size_t width = 0;
  /// Of a number or text.
  std::string bytes;
  /// Of a list or record.
  std::vector<EngineField> fields;
};

/// Thrown where the bytes are no graph.
struct NotAGraph {};

class EngineGraphParser {
 public:
  EngineGraphParser(std::string_view rest, uint32_t version) : rest_(rest), version_(version) {}

  /// Throws NotAGraph.
  EngineField parse() {
    EngineField graph =
        record({text(),
                list(4,
                     [&] {
                       return record({text(), text()});
                     }),
                list(4, [&] { return input(); }),
                list(4,
                     [&] {
                       return record({text(), tensor()});
                     }),
                list(4, [&] { return node(); }), list(4, [&] { return number(4); })});
    if (!rest_.empty()) throw NotAGraph();
    return graph;
  }

 private:
  std::string_view take(size_t size) {
    if (size > rest_.size()) throw NotAGraph();
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  size_t count(size_t width) {
    uint32_t value = 0;
    std::memcpy(&value, take(width).data(), width);
    return value;
  }
  EngineField number(size_t width) {
    return {EngineField::Kind::kNumber, width, std::string(take(width)), {}};
  }
  EngineField text() { return {EngineField::Kind::kText, 0, std::string(take(count(4))), {}}; }
  template <class Element>
  EngineField list(size_t width, const Element& element) {
    EngineField result{EngineField::Kind::kList, width, {}, {}};
    const size_t size = count(width);
    if (size > rest_.size()) throw NotAGraph();
    for (size_t i = 0; i < size; ++i) result.fields.push_back(element());
    return result;
  }
  /// Braces are evaluated from left to right, which the arguments of a call need not be.
  static EngineField record(std::vector<EngineField> fields) {
    return {EngineField::Kind::kRecord, 0, {}, std::move(fields)};
  }
  EngineField input() {
    return record({text(), number(1), list(1, [&] { return record({number(8), text()}); })});
  }
  EngineField tensor() {
    EngineField result = record({number(1), list(1, [&] { return number(8); })});
    if (version_ > 1) result.fields.push_back(number(1));
    result.fields.push_back(number(8));
    return result;
  }
  EngineField node() {
    return record({text(), text(), text(),
                   list(4,
                        [&] {
                          return record({text(), attribute()});
                        }),
                   list(4, [&] { return number(4); }), list(4, [&] { return text(); })});
  }
  EngineField attribute() {
    EngineField result = record({number(1)});
    auto& fields = result.fields;
    switch (fields[0].bytes[0]) {
      case 0: fields.push_back(number(8)); break;
      case 1: fields.push_back(number(4)); break;
      case 2: fields.push_back(text()); break;
      case 3:
        fields.push_back(number(1));
        if (fields[1].bytes[0] != 0) fields.push_back(tensor());
        break;
      case 4: fields.push_back(list(4, [&] { return number(8); })); break;
      case 5: fields.push_back(list(4, [&] { return number(4); })); break;
      case 6: fields.push_back(list(4, [&] { return text(); })); break;
      default: throw NotAGraph();
    }
    return result;
  }

  std::string_view rest_;
  uint32_t version_;
};

inline void put_number(std::string& bytes, uint64_t value, size_t width) {
  bytes.append(reinterpret_cast<const char*>(&value), width);
}

inline void put_field(std::string& bytes, const EngineField& field) {
  if (field.kind == EngineField::Kind::kText) put_number(bytes, field.bytes.size(), 4);
  if (field.kind == EngineField::Kind::kList) put_number(bytes, field.fields.size(), field.width);
  bytes += field.bytes;
  for (const EngineField& inner : field.fields) put_field(bytes, inner);
}

class EngineMutator {
 public:
  explicit EngineMutator(uint64_t seed) : random_(seed) {}

  /// One to three changes. Nothing where the bytes are no engine file or would exceed `limit`.
  std::optional<std::string> mutate(std::string_view file, size_t limit) {
    if (!take_apart(file)) return {};
    for (size_t i = below(3) + 1; i > 0; --i) {
      const size_t dice = below(16);
      if (dice < 11 && !graphs_.empty()) {
        change_graph();
      } else if (dice < 15) {
        static constexpr Section kTexts[] = {Section::kManifest, Section::kManifest,
                                             Section::kScales, Section::kPlan};
        change_json(section(kTexts[below(std::size(kTexts))]));
      } else {
        static constexpr Section kBytes[] = {Section::kWeights, Section::kPacked,
                                             Section::kContents};
        change_bytes(section(kBytes[below(std::size(kBytes))]));
        if (below(4) == 0) header_.version = static_cast<uint32_t>(1 + below(3));
      }
    }
    std::string text = put_together();
    if (text.size() > limit) return {};
    return text;
  }

  /// The file taken apart and put together again, without a change.
  std::optional<std::string> rewritten(std::string_view file) {
    if (!take_apart(file)) return {};
    return put_together();
  }

  /// The file as if it were from a machine of this fingerprint, so that its packed weights are
  /// used. Nothing where it has none.
  std::optional<std::string> built_by(std::string_view file, std::string_view fingerprint,
                                      const std::string& packer) {
    constexpr size_t kLongestPlan = 16 * 1024;  // bounds how deep the JSON may be
    if (!take_apart(file) || section(Section::kPlan).size() > kLongestPlan) return {};
    Json plan = Json::parse(section(Section::kPlan), nullptr, false);
    if (!plan.is_object() || !plan.contains("packer")) return {};
    plan["packer"] = packer;
    section(Section::kPlan) = plan.dump(-1, ' ', false, Json::error_handler_t::replace);
    header_.fingerprint = {};
    std::memcpy(header_.fingerprint.data(), fingerprint.data(), fingerprint.size());
    return put_together();
  }

 private:
  using Section = engine_file::Section;
  using Kind = EngineField::Kind;
  using Json = nlohmann::json;

  size_t below(size_t count) { return count == 0 ? 0 : random_() % count; }
  uint64_t odd_number() { return kOddNumbers[below(std::size(kOddNumbers))]; }
  std::string& section(Section id) { return sections_[static_cast<size_t>(id) - 1]; }

  bool take_apart(std::string_view file) {
    const auto header = engine_file::header_from(std::as_bytes(std::span(file)));
    if (!header) return false;
    header_ = *header;
    for (size_t i = 0; i < engine_file::kSectionCount; ++i) {
      const engine_file::SectionEntry& entry = header_.sections[i];
      if (entry.offset > file.size() || entry.size > file.size() - entry.offset) return false;
      sections_[i] = file.substr(entry.offset, entry.size);
    }
    take_graphs(section(Section::kGraph));
    return true;
  }

  /// Leaves `graphs_` empty where the section is none.
  void take_graphs(std::string_view rest) {
    const auto number = [&] {
      uint64_t value = 0;
      if (rest.size() < sizeof(value)) throw NotAGraph();
      std::memcpy(&value, rest.data(), sizeof(value));
      rest.remove_prefix(sizeof(value));
      return value;
    };
    try {
      for (uint64_t left = number() == 0 ? 1 : 2; left > 0; --left) {
        const uint64_t size = number();
        if (size > rest.size()) throw NotAGraph();
        graphs_.push_back(EngineGraphParser(rest.substr(0, size), header_.version).parse());
        rest.remove_prefix(size);
      }
    } catch (const NotAGraph&) {
      graphs_.clear();
    }
  }

  std::string put_together() {
    if (!graphs_.empty()) {
      std::string& all = section(Section::kGraph);
      all.clear();
      put_number(all, graphs_.size() - 1, 8);
      for (const EngineField& graph : graphs_) {
        std::string bytes;
        put_field(bytes, graph);
        put_number(all, bytes.size(), 8);
        all += bytes;
      }
    }
    std::string file(engine_file::header_size(header_.version), '\0');
    for (size_t i = 0; i < engine_file::section_count(header_.version); ++i) {
      header_.sections[i].offset = file.size();
      header_.sections[i].size = sections_[i].size();
      file += sections_[i];
      while (file.size() % engine_file::kSectionAlignment != 0) file += '\0';
    }
    header_.file_size = file.size();
    std::memcpy(file.data(), &header_, engine_file::header_size(header_.version));
    engine_file::reseal(std::as_writable_bytes(std::span(file)));
    return file;
  }

  template <class Take>
  static void each_field(EngineField& field, const Take& take) {
    take(field);
    for (EngineField& inner : field.fields) each_field(inner, take);
  }

  void change_graph() {
    std::vector<EngineField*> leaves;
    std::vector<EngineField*> lists;
    for (EngineField& graph : graphs_) {
      each_field(graph, [&](EngineField& field) {
        if (field.kind == Kind::kList && !field.fields.empty()) lists.push_back(&field);
        if (field.kind == Kind::kNumber || field.kind == Kind::kText) leaves.push_back(&field);
      });
    }
    if (below(2) == 0 && !lists.empty()) {
      change_list(*lists[below(lists.size())], *lists[below(lists.size())]);
    } else if (!leaves.empty()) {
      change_leaf(*leaves[below(leaves.size())], *leaves[below(leaves.size())]);
    }
  }

  /// Elements of `other` fit where both hold nodes, say; elsewhere the reader has something to say.
  void change_list(EngineField& list, const EngineField& other) {
    const auto at = static_cast<ptrdiff_t>(below(list.fields.size()));
    EngineField& element = list.fields[static_cast<size_t>(at)];
    switch (below(4)) {
      case 0: list.fields.erase(list.fields.begin() + at); break;
      case 1: list.fields.insert(list.fields.begin() + at, EngineField(element)); break;
      case 2: std::swap(element, list.fields[below(list.fields.size())]); break;
      default: {
        EngineField moved = other.fields[below(other.fields.size())];
        if (moved.kind != element.kind || moved.width != element.width) break;
        list.fields.insert(list.fields.begin() + at, std::move(moved));
        break;
      }
    }
  }

  void change_leaf(EngineField& leaf, const EngineField& other) {
    if (leaf.kind == Kind::kText) {
      if (other.kind == Kind::kText && below(2) == 0) {
        leaf.bytes = other.bytes;
      } else {
        change_bytes(leaf.bytes);
      }
      return;
    }
    uint64_t value = 0;
    std::memcpy(&value, leaf.bytes.data(), leaf.width);
    switch (below(4)) {
      case 0: value = odd_number(); break;
      case 1: value += below(5) - 2; break;
      case 2: value = below(32); break;
      default: {
        if (other.kind != Kind::kNumber) break;
        value = 0;
        std::memcpy(&value, other.bytes.data(), other.width);
      }
    }
    leaf.bytes.clear();
    put_number(leaf.bytes, value, leaf.width);
  }

  static void collect(Json& value, std::vector<Json*>& values) {
    values.push_back(&value);
    if (value.is_structured()) {
      for (Json& inner : value) collect(inner, values);
    }
  }

  void change_json(std::string& text) {
    Json root = Json::parse(text, nullptr, false);
    if (root.is_discarded()) return change_bytes(text);
    std::vector<Json*> values;
    collect(root, values);
    Json& value = *values[below(values.size())];
    const Json other = *values[below(values.size())];
    if (value.is_array() && !value.empty() && below(2) == 0) {
      if (below(2) == 0) {
        value.erase(below(value.size()));
      } else {
        value.push_back(other);
      }
    } else if (value.is_object() && !value.empty() && below(2) == 0) {
      const auto member = std::next(value.begin(), static_cast<ptrdiff_t>(below(value.size())));
      value.erase(member);
    } else if (value.is_number_integer() && below(2) == 0) {
      value = std::bit_cast<int64_t>(odd_number());
    } else {
      value = other;
    }
    text = root.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  void change_bytes(std::string& bytes) {
    if (below(8) == 0) bytes.resize(below(2 * bytes.size() + 2));
    if (!bytes.empty()) bytes[below(bytes.size())] = static_cast<char>(random_());
  }

  std::mt19937_64 random_;
  engine_file::Header header_{};
  std::array<std::string, engine_file::kSectionCount> sections_;
  std::vector<EngineField> graphs_;
};

}  // namespace tendon::fuzzing
