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
#include "engine/file_packed.h"
#include "engine/graph_codec.h"
#include "engine/manifest.h"
#include "engine/plan.h"
#include "engine/profile.h"
#include "engine/scales.h"
#include "ir/infer.h"

namespace tendon {
namespace {

using namespace engine_file;

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

template <size_t N>
std::string text_of_field(const std::array<char, N>& field) {
  return {field.data(), strnlen(field.data(), N)};
}

class Reader {
 public:
  /// `file` is null for bytes in memory.
  Reader(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, std::string name,
         const MappedFile* file)
      : bytes_(bytes), owner_(std::move(owner)), name_(std::move(name)), file_(file) {}

  std::shared_ptr<const CompiledEngine> read(const BackendLookup& lookup) {
    check_header();
    check_sections();
    read_contents();
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
      weights_->check_all();
      parts.plan =
          decode_recorded_plan(text_of(section(Section::kManifest)), in_section(Section::kManifest),
                               plan_record().kernels, parts.graph);
    }
    parts.check_rest = [owner = owner_, weights = weights_, packed = packed_] {
      weights->check_all();
      packed->check_all();
    };
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
  PlanRecord plan_record() const {
    return decode_plan(text_of(section(Section::kPlan)), in_section(Section::kPlan));
  }

  void check_header() {
    if (!is_engine_file(bytes_)) {
      fail_input("'{}' is not an engine file: it does not start with Tendon's mark", name_);
    }
    const std::optional<Header> header = header_from(bytes_);
    if (!header) {
      fail_input("'{}' is truncated: {} bytes, the header alone has more", name_, bytes_.size());
    }
    header_ = *header;
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
    if (header_.section_count != section_count(header_.version)) {
      fail_input("'{}' has {} sections, expected {}", name_, header_.section_count,
                 section_count(header_.version));
    }
  }

  void check_sections() {
    uint64_t expected = header_size(header_.version);
    for (size_t i = 0; i < section_count(header_.version); ++i) {
      const SectionEntry& entry = header_.sections[i];
      const auto id = static_cast<Section>(i + 1);
      const std::string place = in_section(id);
      if (entry.id != i + 1 || entry.reserved != 0) {
        fail_input("{}: has number {}, expected {}", place, entry.id, i + 1);
      }
      if (entry.offset != expected || entry.size > bytes_.size() - entry.offset) {
        fail_input("{}: starts at {} with {} bytes, expected to start at {} in a file of {}", place,
                   entry.offset, entry.size, expected, bytes_.size());
      }
      const uint64_t end = entry.offset + entry.size;
      expected = aligned(end);
      if (expected > bytes_.size() || !is_zero(bytes_.subspan(end, expected - end))) {
        fail_input("{}: is not followed by zeros up to a multiple of {}", place, kSectionAlignment);
      }
      const auto release_section = [&] { release(section(id)); };
      const bool summed = !has_contents(header_.version, id);
      const uint32_t crc = summed ? checksum(section(id), release_section) : 0;
      if (crc != entry.crc) {
        fail_input("{}: is damaged: its checksum is {:08x}, expected {:08x}", place, crc,
                   entry.crc);
      }
    }
    if (expected != bytes_.size()) {
      fail_input("'{}' has {} bytes after its last section", name_, bytes_.size() - expected);
    }
  }

  void release(std::span<const std::byte> pages) const {
    if (file_ != nullptr) file_->release_pages(pages);
  }
  void release_weights() const { release(section(Section::kWeights)); }

  void read_contents() {
    if (header_.version < 3) return;
    const std::string place = in_section(Section::kContents);
    ByteReader reader(section(Section::kContents), place);
    const auto next = [&](Section id) {
      return std::make_shared<const Contents>(in_section(id), section(id), reader);
    };
    weights_ = next(Section::kWeights);
    packed_ = next(Section::kPacked);
    if (reader.remaining() != 0) {
      fail_input("{}: {} bytes follow the lists", place, reader.remaining());
    }
  }

  void read_graphs(EngineParts& parts) const {
    const WeightsReader weights(section(Section::kWeights), owner_,
                                header_.version < 3 ? nullptr : weights_.get());
    const std::string place = in_section(Section::kGraph);
    ByteReader reader(section(Section::kGraph), place);
    const auto has_symbolic = reader.read<uint64_t>();
    if (has_symbolic > 1) fail_input("{}: starts with {}, expected 0 or 1", place, has_symbolic);
    const auto next_graph = [&] {
      return decode_graph(reader.take(reader.read<uint64_t>()), place, weights, header_.version);
    };
    parts.graph = next_graph();
    if (has_symbolic == 1) {
      // Its constants are read whenever a plan for further shapes is made.
      parts.symbolic = next_graph();
      weights_->check_all(std::vector<bool>(weights_->count(), true), [&] { release_weights(); });
    }
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
    const PlanRecord record = plan_record();
    const std::string fingerprint = fingerprint_of(parts.backends);
    const bool same = fingerprint_field(fingerprint) == text_of_field(header_.fingerprint);
    if (!same) {
      log_info(
          "'{}' was built for another machine ({}); its kernels are chosen again for this one "
          "({}), in their fixed order; build it here to have them timed",
          name_, parts.info.fingerprint, fingerprint);
    }
    if (parts.info.bf16) {
      if (const auto missing = parts.backends.front()->without_bfloat16()) {
        log_warning(
            "'{}' was built for bfloat16 arithmetic, but {}: an engine built here is faster", name_,
            *missing);
      }
    }
    ChooseOptions options{
        parts.info.threads, {}, [&] { release_weights(); }, parts.info.tf32, parts.info.winograd};
    if (same) options.hints = record.kernels;
    const ThreadCountScope threads(parts.info.threads);
    const std::string no_packed = why_not_packed(record, parts.backends);
    std::vector<std::vector<PackedWeight>> known;
    if (no_packed.empty()) {
      packed_->check_all();
      known = known_weights(record, *packed_, owner_, in_section(Section::kPlan));
      options.packed = known;
    }
    parts.packed = {section(Section::kPacked).size(), record.packer};
    try {
      const auto plan = make_plan(parts.graph, parts.backends, options);
      weights_->check_all(needed_parts(parts.graph, *plan, *weights_), [&] { release_weights(); });
      tally_packed(parts.graph, *plan, *weights_, name_, no_packed, parts.packed);
      parts.plan = plan;
      if (!same) parts.info.fingerprint = fingerprint;
    } catch (const Error& error) {
      // A device may lack memory, or this build may have no kernels for it.
      if (error.kind() != ErrorKind::kUnsupported || parts.backends.front()->device() == nullptr) {
        throw;
      }
      parts.unavailable = cannot_run(parts.info, error.what());
    }
  }

  /// Nothing where the file's packed weights fit these backends.
  std::string why_not_packed(const PlanRecord& record, std::span<Backend* const> backends) const {
    if (header_.version < 3) {
      return fmt::format("files of format version {} have none", header_.version);
    }
    if (record.packer.empty()) return "the file was built without them";
    if (record.packer == packer_of(backends)) return {};
    return fmt::format("the file's are for {}, this is {}", record.packer, packer_of(backends));
  }

  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::string name_;
  const MappedFile* file_;
  Header header_{};
  std::shared_ptr<const Contents> weights_ = std::make_shared<Contents>(), packed_ = weights_;
};

std::shared_ptr<const CompiledEngine> read(std::span<const std::byte> bytes,
                                           std::shared_ptr<const void> owner, std::string name,
                                           const BackendLookup& backends, const MappedFile* file) {
  try {
    return Reader(bytes, std::move(owner), name, file).read(backends);
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
  return read(file->bytes(), file, path, backends, file.get());
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
