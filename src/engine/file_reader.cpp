// Reading an engine file: nothing in it is believed before it is checked.
#include <algorithm>
#include <cstring>

#include "base/byte_reader.h"
#include "base/checksum.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parallel.h"
#include "engine/build.h"
#include "engine/engine_file.h"
#include "engine/file_format.h"
#include "engine/graph_codec.h"
#include "engine/manifest.h"
#include "engine/plan.h"
#include "engine/profile.h"
#include "engine/scales.h"
#include "ir/infer.h"

namespace tendon {
namespace {

using namespace engine_file;

/// Bytes that are summed before their pages are given back.
constexpr size_t kChecksumChunk = size_t{8} << 20;

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

template <size_t N>
std::string text_of_field(const std::array<char, N>& field) {
  return {field.data(), strnlen(field.data(), N)};
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, std::string name,
         std::function<void()> release_pages)
      : bytes_(bytes),
        owner_(std::move(owner)),
        name_(std::move(name)),
        release_pages_(std::move(release_pages)) {}

  std::shared_ptr<const CompiledEngine> read(const BackendLookup& lookup) {
    check_header();
    check_sections();
    const Manifest manifest =
        decode_manifest(text_of(section(Section::kManifest)), in_section(Section::kManifest));
    EngineParts parts;
    parts.info = manifest.info;
    parts.info.quantization =
        decode_scales(text_of(section(Section::kScales)), in_section(Section::kScales));
    parts.info.threads = std::min(parts.info.threads, thread_count());
    parts.inputs = manifest.inputs;
    parts.outputs = manifest.outputs;
    read_graphs(parts);
    check_ports(parts);
    find_backends(parts, lookup);
    if (parts.unavailable.empty()) make_plan_for(parts);
    if (!parts.unavailable.empty()) {
      parts.plan = decode_recorded_plan(
          text_of(section(Section::kManifest)), in_section(Section::kManifest),
          decode_plan(text_of(section(Section::kPlan)), in_section(Section::kPlan)), parts.graph);
    }
    return std::make_shared<const CompiledEngine>(std::move(parts));
  }

 private:
  std::string in_section(Section id) const {
    return fmt::format("'{}', section {}", name_, kSectionNames[static_cast<size_t>(id) - 1]);
  }
  std::span<const std::byte> section(Section id) const {
    const SectionEntry& entry = header_.sections[static_cast<size_t>(id) - 1];
    return bytes_.subspan(entry.offset, entry.size);
  }

  void check_header() {
    if (!is_engine_file(bytes_)) {
      fail_input("'{}' is not an engine file: it does not start with Tendon's mark", name_);
    }
    if (bytes_.size() < sizeof(Header)) {
      fail_input("'{}' is truncated: {} bytes, the header alone has {}", name_, bytes_.size(),
                 sizeof(Header));
    }
    std::memcpy(&header_, bytes_.data(), sizeof(Header));
    if (header_.endian_mark != kEndianMark) {
      fail_input("'{}' is damaged or from a machine of the other byte order; build it again here",
                 name_);
    }
    if (header_.version == 0 || header_.version > kFormatVersion) {
      fail_input("'{}' has format version {}, this version of Tendon reads 1 to {}; build it again",
                 name_, header_.version, kFormatVersion);
    }
    if (header_.header_crc != checksum_of(header_)) {
      fail_input("'{}' is damaged: the header's checksum is {:08x}, expected {:08x}", name_,
                 checksum_of(header_), header_.header_crc);
    }
    if (header_.file_size != bytes_.size()) {
      fail_input("'{}' has {} bytes, but its header says {}; it is truncated or has been added to",
                 name_, bytes_.size(), header_.file_size);
    }
    if (header_.section_count != kSectionCount) {
      fail_input("'{}' has {} sections, expected {}", name_, header_.section_count, kSectionCount);
    }
  }

  void check_sections() {
    uint64_t expected = sizeof(Header);
    for (size_t i = 0; i < kSectionCount; ++i) {
      const SectionEntry& entry = header_.sections[i];
      const std::string place = in_section(static_cast<Section>(i + 1));
      if (entry.id != i + 1 || entry.reserved != 0) {
        fail_input("{}: has number {}, expected {}", place, entry.id, i + 1);
      }
      if (entry.offset != expected || entry.size > bytes_.size() - entry.offset) {
        fail_input("{}: starts at {} with {} bytes, expected to start at {} in a file of {}", place,
                   entry.offset, entry.size, expected, bytes_.size());
      }
      const uint64_t end = entry.offset + entry.size;
      expected = (end + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
      if (expected > bytes_.size() || !is_zero(bytes_.subspan(end, expected - end))) {
        fail_input("{}: is not followed by zeros up to a multiple of {}", place, kSectionAlignment);
      }
      const uint32_t crc = checksum(bytes_.subspan(entry.offset, entry.size));
      if (crc != entry.crc) {
        fail_input("{}: is damaged: its checksum is {:08x}, expected {:08x}", place, crc,
                   entry.crc);
      }
    }
    if (expected != bytes_.size()) {
      fail_input("'{}' has {} bytes after its last section", name_, bytes_.size() - expected);
    }
  }

  uint32_t checksum(std::span<const std::byte> bytes) const {
    uint32_t crc = 0;
    while (!bytes.empty()) {
      const auto chunk = bytes.first(std::min(bytes.size(), kChecksumChunk));
      crc = crc32c(chunk, crc);
      bytes = bytes.subspan(chunk.size());
      if (release_pages_ && chunk.size() == kChecksumChunk) release_pages_();
    }
    return crc;
  }

  void read_graphs(EngineParts& parts) const {
    const WeightsReader weights(section(Section::kWeights), owner_);
    const std::string place = in_section(Section::kGraph);
    ByteReader reader(section(Section::kGraph), place);
    const auto has_symbolic = reader.read<uint64_t>();
    if (has_symbolic > 1) fail_input("{}: starts with {}, expected 0 or 1", place, has_symbolic);
    const auto next_graph = [&] {
      return decode_graph(reader.take(reader.read<uint64_t>()), place, weights, header_.version);
    };
    parts.graph = next_graph();
    if (has_symbolic == 1) parts.symbolic = next_graph();
    if (reader.remaining() != 0) {
      fail_input("{}: {} bytes follow the graphs", place, reader.remaining());
    }
    for (const GraphInput& input : parts.graph.inputs()) {
      if (!std::ranges::all_of(input.dims, &Dim::fixed)) {
        fail_input("{}: input '{}' has an open shape", place, parts.graph.value(input.value).name);
      }
    }
    infer_shapes(parts.graph);
  }

  void check_ports(EngineParts& parts) const {
    const std::string place = in_section(Section::kManifest);
    const Graph& graph = parts.graph;
    bool fits = parts.inputs.size() == graph.inputs().size() &&
                parts.outputs.size() == graph.outputs().size();
    ShapeProfile profile;
    for (size_t i = 0; fits && i < parts.inputs.size(); ++i) {
      const ValueId id = graph.inputs()[i].value;
      const EnginePort& port = parts.inputs[i];
      fits = port.name == graph.value(id).name &&
             TensorType{port.dtype, port.range.opt} == graph.type(id);
      profile[port.name] = port.range;
    }
    for (size_t i = 0; fits && i < parts.outputs.size(); ++i) {
      const EnginePort& port = parts.outputs[i];
      fits = TensorType{port.dtype, port.range.opt} == graph.type(graph.outputs()[i]);
    }
    const bool ranged = fits && has_range(parts.inputs);
    if (!fits || ranged == parts.symbolic.outputs().empty()) {
      fail_input("{}: inputs and outputs are not those of the graph", place);
    }
    if (ranged) parts.inputs = resolve_profile(parts.symbolic, profile);
  }

  /// An engine of a device that is not here can still be looked at.
  void find_backends(EngineParts& parts, const BackendLookup& lookup) const {
    try {
      parts.backends = lookup(parts.info.device);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
      parts.unavailable = cannot_run(parts.info, error.what());
    }
  }

  std::string cannot_run(const BuildInfo& info, std::string_view found) const {
    return fmt::format(
        "'{}' cannot run here: it was built for device '{}' ({}), but {}. Run it on a machine with "
        "such a device, or build its model for this one; 'tendon inspect' shows what it holds",
        name_, info.device, info.fingerprint, found);
  }

  void make_plan_for(EngineParts& parts) const {
    const std::vector<KernelName> hints =
        decode_plan(text_of(section(Section::kPlan)), in_section(Section::kPlan));
    const std::string fingerprint = fingerprint_of(parts.backends);
    const bool same = fingerprint_field(fingerprint) == text_of_field(header_.fingerprint);
    if (!same) {
      log_info(
          "'{}' was built for another machine ({}); its kernels are chosen again for this one "
          "({}), in their fixed order; build it here to have them timed",
          name_, parts.info.fingerprint, fingerprint);
    }
    const auto missing = parts.backends.front()->without_bfloat16();
    if (parts.info.bf16 && missing) {
      log_warning("'{}' was built for bfloat16 arithmetic, but {}: an engine built here is faster",
                  name_, *missing);
    }
    ChooseOptions options{
        parts.info.threads, {}, release_pages_, parts.info.tf32, parts.info.winograd};
    if (same) options.hints = hints;
    const ThreadCountScope threads(parts.info.threads);
    try {
      parts.plan = make_plan(parts.graph, parts.backends, options);
      if (!same) parts.info.fingerprint = fingerprint;
    } catch (const Error& error) {
      // A device may lack memory, or this build may have no kernels for it.
      if (error.kind() != ErrorKind::kUnsupported || parts.backends.front()->device() == nullptr) {
        throw;
      }
      parts.unavailable = cannot_run(parts.info, error.what());
    }
  }

  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::string name_;
  std::function<void()> release_pages_;
  Header header_{};
};

std::shared_ptr<const CompiledEngine> read(std::span<const std::byte> bytes,
                                           std::shared_ptr<const void> owner, std::string name,
                                           const BackendLookup& backends,
                                           std::function<void()> release_pages) {
  try {
    return Reader(bytes, std::move(owner), name, std::move(release_pages)).read(backends);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUnsupported) throw;
    const std::string_view text = error.what();
    if (text.starts_with('\'')) throw Error(ErrorKind::kBadInput, error.what());
    throw Error(ErrorKind::kBadInput, fmt::format("'{}': {}", name, text));
  } catch (const std::bad_alloc&) {
    fail_input("'{}' asks for more memory than there is", name);
  }
}

}  // namespace

bool is_engine_file(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagic.size() &&
         std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

std::shared_ptr<const CompiledEngine> read_engine_file(const std::string& path,
                                                       const BackendLookup& backends) {
  const auto file = MappedFile::open(path);
  return read(file->bytes(), file, path, backends, [&] { file->release_pages(); });
}

std::shared_ptr<const CompiledEngine> compiled_engine_from_bytes(std::span<const std::byte> bytes,
                                                                 std::shared_ptr<const void> owner,
                                                                 std::string_view name,
                                                                 const BackendLookup& backends) {
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % kSectionAlignment == 0;
  if (owner == nullptr || !aligned) {
    const auto copy =
        std::make_shared<Tensor>(DataType::kUInt8, Shape{static_cast<int64_t>(bytes.size())});
    if (!bytes.empty()) std::memcpy(copy->mutable_raw(), bytes.data(), bytes.size());
    bytes = {static_cast<const std::byte*>(copy->raw()), bytes.size()};
    owner = copy;
  }
  return read(bytes, std::move(owner), std::string(name), backends, nullptr);
}

}  // namespace tendon
