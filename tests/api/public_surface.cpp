// Compiled against the public headers alone: no include root of Tendon's own, no dependency.
#include <tendon/tendon.h>

bool runs_alone(const std::string& policy, const std::string& folder) {
  using namespace tendon;
  EpisodicDataset episodes(folder);
  NormStats stats = get_norm_stats(episodes);
  EngineRunner a(EngineFromNetwork(NetworkFromOnnxPath(policy)));
  EngineRunner b(EngineFromPath("policy.engine"), "b", {.threads = 1});
  RunResults results = Comparator::run({&a, &b}, observations(episodes, stats, {.frames = 8}));
  AccuracyResult verdict =
      Comparator::compare_accuracy(results, CompareFunc::simple({.atol = 1e-3}));
  return verdict && compare_actions(results, stats).overall.max < 1e-3;
}

void runs_on_a_stream(tendon::EngineRunner& runner, tendon::dlpack::DLManagedTensor* image,
                      float* action, void* stream) {
  using namespace tendon;
  const BufferMap outputs{{"action", Buffer::cuda(DataType::kFloat32, {1, 100, 14}, action)}};
  runner.enqueue({{"image", buffer_from_dlpack(image)}}, outputs, {stream});
  runner.infer_async({{"image", buffer_view_of_dlpack(image->dl_tensor)}}, outputs).wait();
}
