// Writing an engine file: sections are laid out and checksummed first, then streamed.
#include <cstring>
#include <functional>

#include "base/byte_reader.h"
#include "base/checksum.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/build.h"
#include "engine/engine_file.h"
#include "engine/file_format.h"
#include "engine/file_packed.h"
#include "engine/graph_codec.h"
#include "engine/manifest.h"
#include "engine/scales.h"

namespace tendon {
namespace {

using namespace engine_file;
using Parts = std::vector<std::span<const std::byte>>;

constexpr std::array<std::byte, kSectionAlignment> kZeros{};

std::span<const std::byte> padding_after(uint64_t size) {
  return std::span(kZeros).first((kSectionAlignment - size % kSectionAlignment) %
                                 kSectionAlignment);
}

template <size_t N>
void set_text(std::array<char, N>& field, std::string_view text) {
  TENDON_ASSERT(text.size() < N);
  std::memcpy(field.data(), text.data(), text.size());
}

/// A complete file as a list of parts; the engine must outlive it.
class Image {
 public:
  explicit Image(const CompiledEngine& engine) {
    engine.check_constants();
    graphs_.push_back(engine.symbolic().outputs().empty() ? 0 : 1);
    graphs_.resize(8);
    append_graph(engine.graph());
    if (graphs_[0] != 0) append_graph(engine.symbolic());
    packed_ = packed_parts(engine, weights_);
    plan_ = encode_plan({engine.plan()->choice, packed_.records, packer_of(engine)});
    scales_ = encode_scales(engine.info().quantization, graphs_[0] != 0);

    sections_[index(Section::kGraph)] = {bytes_of(graphs_)};
    std::vector<std::span<const std::byte>> contents;
    for (const Tensor& tensor : weights_.tensors()) {
      contents.emplace_back(static_cast<const std::byte*>(tensor.raw()), tensor.byte_size());
    }
    add_contents(Section::kWeights, contents);
    contents.clear();
    for (const PackedWeight& weight : packed_.parts) {
      contents.emplace_back(weight.data.get(), weight.bytes);
    }
    add_contents(Section::kPacked, contents);
    sections_[index(Section::kContents)] = {bytes_of(contents_)};
    if (!scales_.empty()) sections_[index(Section::kScales)] = {bytes_of(scales_)};
    sections_[index(Section::kPlan)] = {bytes_of(plan_)};

    std::map<std::string, std::string> hashes;
    for (size_t i = 1; i < kSectionCount; ++i) {
      Sha256 hash;
      for (const auto part : sections_[i]) hash.update(part);
      hashes[std::string(kSectionNames[i])] = to_hex(hash.finish());
    }
    manifest_ = encode_manifest(engine, hashes);
    sections_[index(Section::kManifest)] = {bytes_of(manifest_)};
    fill_header(engine.info());
  }

  /// Calls write(bytes) for each part in order.
  template <class Write>
  void write(const Write& write) const {
    write(std::as_bytes(std::span(&header_, 1)));
    for (size_t i = 0; i < kSectionCount; ++i) {
      for (const auto part : sections_[i]) write(part);
      write(padding_after(header_.sections[i].size));
    }
  }

 private:
  static size_t index(Section section) { return static_cast<size_t>(section) - 1; }

  /// Length and bytes of a graph.
  void append_graph(const Graph& graph) {
    const std::string bytes = encode_graph(graph, weights_);
    const uint64_t size = bytes.size();
    graphs_.append(reinterpret_cast<const char*>(&size), sizeof(size));
    graphs_ += bytes;
  }

  /// The parts of a section, and their entries.
  void add_contents(Section section, std::span<const std::span<const std::byte>> parts) {
    const auto append = [&](const auto& value) {
      contents_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    };
    append(uint64_t{parts.size()});
    for (const auto part : parts) {
      const auto padding = padding_after(part.size());
      append(ContentEntry{part.size(), crc32c(padding, crc32c(part)), 0});
      sections_[index(section)].push_back(part);
      sections_[index(section)].push_back(padding);
    }
  }

  /// Of the packed weights; empty where the file has none.
  std::string packer_of(const CompiledEngine& engine) const {
    if (packed_.parts.empty()) return {};
    return tendon::packer_of(engine.backends());
  }

  void fill_header(const BuildInfo& info) {
    header_.magic = kMagic;
    header_.version = kFormatVersion;
    header_.endian_mark = kEndianMark;
    header_.section_count = kSectionCount;
    set_text(header_.tool_version, info.tool_version);
    set_text(header_.device, info.device);
    set_text(header_.fingerprint, fingerprint_field(info.fingerprint));
    uint64_t offset = sizeof(Header);
    for (size_t i = 0; i < kSectionCount; ++i) {
      SectionEntry& entry = header_.sections[i];
      entry.id = static_cast<uint32_t>(i + 1);
      entry.offset = offset;
      const bool summed = !has_contents(kFormatVersion, static_cast<Section>(i + 1));
      for (const auto part : sections_[i]) {
        if (summed) entry.crc = crc32c(part, entry.crc);
        entry.size += part.size();
      }
      offset += entry.size + padding_after(entry.size).size();
    }
    header_.file_size = offset;
    header_.header_crc = checksum_of(header_);
  }

  Header header_{};
  WeightsWriter weights_;
  PackedParts packed_;
  std::string contents_;
  std::string graphs_;
  std::string plan_;
  std::string scales_;
  std::string manifest_;
  std::array<Parts, kSectionCount> sections_;
};

}  // namespace

void write_engine_file(const CompiledEngine& engine, const std::string& path) {
  const Image image(engine);
  AtomicFileWriter file(path);
  image.write([&](std::span<const std::byte> bytes) { file.write(bytes); });
  file.commit();
  log_info("Engine size: {:.2f} MiB", static_cast<double>(file.size()) / (1024.0 * 1024.0));
}

std::vector<std::byte> bytes_from_compiled_engine(const CompiledEngine& engine) {
  std::vector<std::byte> all;
  Image(engine).write(
      [&](std::span<const std::byte> bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); });
  return all;
}

}  // namespace tendon
