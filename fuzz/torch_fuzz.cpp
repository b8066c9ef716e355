// Any bytes as a checkpoint of torch.save, and as the pickle inside one: behind the checksums.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/log.h"
#include "policy/torch_checkpoint.h"
#include "policy/torch_pickle.h"
#include "policy_check.h"

namespace {

using namespace tendon;

void read_pickle(std::span<const std::byte> bytes) {
  static const std::string content(4096, '\1');
  TorchStorages storages{
      [](const std::string& key) {
        const size_t size = key == "0" ? content.size() : 24;
        return OwnedBytes{std::as_bytes(std::span(content)).first(size), nullptr};
      },
      1 << 16};
  const PickleRules rules = torch_pickle_rules(storages);
  parse_pickle(bytes, "fuzz.pkl", rules);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Logger::global().set_severity(Severity::kCritical);
  const auto bytes = std::as_bytes(std::span(data, size));
  fuzz::expect_no_defect([&] { read_pickle(bytes); });
  fuzz::expect_no_defect(
      [&] { fuzz::check_policy(parse_torch_checkpoint(bytes, "fuzz.ckpt", nullptr)); });
  return 0;
}
