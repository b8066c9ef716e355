#include "policy/image_inputs.h"

#include <cstring>

#include "policy/backbone.h"
#include "policy/positions.h"

namespace tendon {
namespace {

constexpr int64_t kColors = 3;
constexpr float kPixelRange = 255.0F;

/// Size of one camera's features.
struct Grid {
  int64_t rows;
  int64_t columns;
};
Grid grid_of(const Act& act, const CameraInput& camera) {
  const ResNet& resnet = act.backbones.front();
  return {feature_size(resnet, camera.height), feature_size(resnet, camera.width)};
}

/// An input of images in front of whose last three dimensions stand `lead`; the result is float32
/// (lead…, 3, height, width), normalised.
ValueId add_image_input(NetworkBuilder& builder, const std::string& name, std::vector<Dim> lead,
                        const CameraInput& camera, bool raw) {
  const int rank = static_cast<int>(lead.size()) + 3;
  std::vector<Dim> dims = std::move(lead);
  ValueId x = kNone;
  if (raw) {
    dims.insert(dims.end(), {{camera.height, ""}, {camera.width, ""}, {kColors, ""}});
    x = builder.graph().add_input(name, DataType::kUInt8, dims);
    std::vector<int64_t> perm;
    for (int axis = 0; axis < rank - 3; ++axis) perm.push_back(axis);
    perm.insert(perm.end(), {rank - 1, rank - 3, rank - 2});
    x = builder.node(Transpose{.perm = perm}, {x}, name + ".planes");
    x = builder.node(Cast{.to = DataType::kFloat32}, {x}, name + ".pixels");
    // A division, as a caller with float images makes it: then both give the same bits.
    const ValueId range = builder.constant(Tensor::scalar(kPixelRange), "pixel_range");
    x = builder.node(Binary{BinaryKind::kDiv}, {x, range}, name + ".unit");
  } else {
    dims.insert(dims.end(), {{kColors, ""}, {camera.height, ""}, {camera.width, ""}});
    x = builder.graph().add_input(name, DataType::kFloat32, dims);
  }
  return add_scaling(builder, x, camera.scaling, rank - 3, rank, name);
}

/// (batch, hidden, rows, columns) of one camera.
ValueId add_features(NetworkBuilder& builder, const Act& act, size_t camera, ValueId image,
                     const std::string& name) {
  const ResNet& resnet = act.backbones[act.backbones.size() == 1 ? 0 : camera];
  const ValueId features = add_backbone(builder, resnet, image, name + ".");
  const std::string projection = act.name(names_of(act.layout).image_projection);
  Conv point;
  point.kernel_shape = {1, 1};
  return builder.node(
      point, {features, builder.weight(projection + "weight"), builder.weight(projection + "bias")},
      name + ".projection");
}

}  // namespace

ValueId add_scaling(NetworkBuilder& builder, ValueId x, const Scaling& scaling, int axis, int rank,
                    const std::string& name) {
  if (scaling.empty()) return x;
  const std::vector<int64_t> ones(static_cast<size_t>(rank), 1);
  Shape shape{std::span<const int64_t>(ones)};
  shape[axis] = static_cast<int64_t>(scaling.center.size());
  const auto constant = [&](const std::vector<float>& values, const char* what) {
    return builder.constant(Tensor::from<float>(shape, values), name + what);
  };
  x = builder.node(Binary{BinaryKind::kSub}, {x, constant(scaling.center, ".mean")},
                   name + ".centered");
  x = builder.node(Binary{BinaryKind::kDiv}, {x, constant(scaling.scale, ".std")},
                   name + ".normalized");
  if (scaling.offset == 0) return x;
  const ValueId offset = builder.constant(Tensor::scalar(scaling.offset), name + ".offset");
  return builder.add(x, offset, name + ".shifted");
}

std::vector<ValueId> add_image_inputs(NetworkBuilder& builder, const ActInterface& interface) {
  std::vector<ValueId> images;
  const Dim batch{-1, "batch"};
  if (interface.image.empty()) {
    for (const CameraInput& camera : interface.cameras) {
      images.push_back(
          add_image_input(builder, camera.name, {batch}, camera, interface.raw_images));
    }
    return images;
  }
  const Dim cameras{static_cast<int64_t>(interface.cameras.size()), ""};
  const ValueId all = add_image_input(builder, interface.image, {batch, cameras},
                                      interface.cameras.front(), interface.raw_images);
  for (size_t i = 0; i < interface.cameras.size(); ++i) {
    const ValueId index =
        builder.constant(Tensor::scalar(static_cast<int64_t>(i)), fmt::format("camera_{}", i));
    images.push_back(
        builder.node(Gather{.axis = 1}, {all, index}, interface.cameras[i].name + ".image"));
  }
  return images;
}

ValueId add_image_tokens(NetworkBuilder& builder, const Act& act, const ActInterface& interface,
                         const std::vector<ValueId>& images) {
  std::vector<ValueId> features;
  for (size_t i = 0; i < images.size(); ++i) {
    const CameraInput& camera = interface.cameras[i];
    ValueId x = add_features(builder, act, i, images[i], camera.name);
    if (act.layout == ActLayout::kLeRobot) {
      const Grid grid = grid_of(act, camera);
      x = builder.reshape(x, {-1, act.hidden, grid.rows * grid.columns}, camera.name + ".places");
    }
    features.push_back(x);
  }
  // The original joins the maps side by side, LeRobot one camera's places after another's.
  ValueId x = builder.node(Concat{.axis = act.layout == ActLayout::kOriginal ? 3 : 2}, features,
                           "features");
  if (act.layout == ActLayout::kOriginal) {
    x = builder.reshape(x, {-1, act.hidden, image_token_count(act, interface)}, "places");
  }
  return builder.node(Transpose{.perm = {0, 2, 1}}, {x}, "image_tokens");
}

int64_t image_token_count(const Act& act, const ActInterface& interface) {
  int64_t count = 0;
  for (const CameraInput& camera : interface.cameras) {
    const Grid grid = grid_of(act, camera);
    count += grid.rows * grid.columns;
  }
  return count;
}

Tensor image_positions(const Act& act, const ActInterface& interface) {
  Tensor table(DataType::kFloat32, {image_token_count(act, interface), act.hidden});
  float* to = table.mutable_data<float>().data();
  if (act.layout == ActLayout::kLeRobot) {
    for (const CameraInput& camera : interface.cameras) {
      const Grid grid = grid_of(act, camera);
      const Tensor one = sine_positions(act.hidden, grid.rows, grid.columns);
      to = std::ranges::copy(one.data<float>(), to).out;
    }
    return table;
  }
  const Grid grid = grid_of(act, interface.cameras.front());
  const Tensor one = sine_positions(act.hidden, grid.rows, grid.columns);
  const auto row_size = static_cast<size_t>(grid.columns * act.hidden);
  for (int64_t row = 0; row < grid.rows; ++row) {
    const auto places = one.data<float>().subspan(static_cast<size_t>(row) * row_size, row_size);
    for (size_t camera = 0; camera < interface.cameras.size(); ++camera) {
      to = std::ranges::copy(places, to).out;
    }
  }
  return table;
}

}  // namespace tendon
