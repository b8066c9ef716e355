// Any bytes as a safetensors file, and its tensors as a policy.
#include <cstdint>
#include <cstdlib>

#include "base/log.h"
#include "policy/safetensors.h"
#include "policy_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tendon;
  Logger::global().set_severity(Severity::kCritical);
  fuzz::expect_no_defect([&] {
    fuzz::check_policy(
        parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz.safetensors", nullptr));
  });
  return 0;
}
