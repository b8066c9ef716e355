// Profiles: filled from the model, checked, and enforced on every new shape.
#include "engine/profile.h"

#include <algorithm>

#include "ir/infer.h"

namespace tendon {
namespace {

bool is_at_most(const Shape& a, const Shape& b) {
  for (int axis = 0; axis < a.rank(); ++axis) {
    if (a[axis] > b[axis]) return false;
  }
  return true;
}

bool is_inside(const ShapeRange& range, const Shape& shape) {
  return shape.rank() == range.opt.rank() && is_at_most(range.min, shape) &&
         is_at_most(shape, range.max);
}

std::vector<Shape> resolve(const Graph& graph, const ShapeProfile& profile,
                           Shape ShapeRange::*bound) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, range] : profile) shapes[name] = range.*bound;
  return resolve_input_shapes(graph, shapes);
}

}  // namespace

std::string to_string(const ShapeRange& range) {
  return fmt::format("[min={}, opt={}, max={}]", range.min, range.opt, range.max);
}

std::vector<EnginePort> resolve_profile(const Graph& graph, const ShapeProfile& profile) {
  for (const auto& [name, range] : profile) {
    const bool ranks_agree =
        range.min.rank() == range.opt.rank() && range.opt.rank() == range.max.rank();
    if (!ranks_agree || !is_at_most(range.min, range.opt) || !is_at_most(range.opt, range.max)) {
      fail(ErrorKind::kUsage,
           "the profile of input '{}' is {}, expected equal ranks and min <= opt <= max on every "
           "axis",
           name, to_string(range));
    }
  }
  const std::vector<Shape> min = resolve(graph, profile, &ShapeRange::min);
  const std::vector<Shape> opt = resolve(graph, profile, &ShapeRange::opt);
  const std::vector<Shape> max = resolve(graph, profile, &ShapeRange::max);
  std::vector<EnginePort> ports;
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    const GraphInput& input = graph.inputs()[i];
    ports.push_back({graph.value(input.value).name, input.dtype, {min[i], opt[i], max[i]}});
  }
  return ports;
}

bool has_range(std::span<const EnginePort> ports) {
  return std::ranges::any_of(ports, [](const EnginePort& port) { return !port.range.fixed(); });
}

void check_shapes(std::span<const EnginePort> ports, std::span<const Shape> shapes) {
  TENDON_ASSERT(ports.size() == shapes.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    const EnginePort& port = ports[i];
    if (is_inside(port.range, shapes[i])) continue;
    if (port.range.fixed()) {
      fail(ErrorKind::kUsage,
           "input '{}' has shape {}, but the engine was built for {}; give that shape, or build "
           "with a range of shapes for '{}'",
           port.name, shapes[i], port.range.opt, port.name);
    }
    fail(ErrorKind::kUsage,
         "input '{}' has shape {}, outside the engine's profile {}; build with a wider range",
         port.name, shapes[i], to_string(port.range));
  }
}

std::map<std::string, Shape> shapes_by_name(std::span<const EnginePort> ports,
                                            std::span<const Shape> shapes) {
  std::map<std::string, Shape> named;
  for (size_t i = 0; i < ports.size(); ++i) named[ports[i].name] = shapes[i];
  return named;
}

}  // namespace tendon
