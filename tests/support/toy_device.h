// A device made of host memory: what is enqueued runs when someone waits, so a missing wait shows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/kernel.h"

namespace tendon::testing {

/// What happened on a device, for tests to count.
struct ToyDeviceLog {
  int allocations = 0;
  int recordings = 0;
  int replays = 0;
  int waits = 0;
};

class ToyDevice : public Device {
 public:
  std::shared_ptr<std::byte> allocate(size_t bytes) override;
  std::shared_ptr<std::byte> allocate_host(size_t bytes) override;
  std::unique_ptr<DeviceQueue> make_queue() override;
  std::unique_ptr<Kernel> make_copy(CopyDirection direction, size_t bytes) override;
  void read(void* host, const void* device, size_t bytes) override;
  void write(void* device, const void* host, size_t bytes) override;
  int number() const override { return 0; }
  std::optional<std::string> misplaced(const Buffer&) const override { return std::nullopt; }

  ToyDeviceLog log;
};

/// Has rows for float32 Unary on a ToyDevice, all alike; one, "toy:unary", unless told otherwise.
class ToyDeviceBackend : public Backend {
 public:
  explicit ToyDeviceBackend(std::initializer_list<std::string_view> rows = {"toy:unary"});
  std::string_view name() const override { return "toydevice"; }
  std::span<const KernelRow> kernels() const override { return rows_; }
  std::string fingerprint() const override { return "toy device"; }
  Device* device() override { return &toy; }

  ToyDevice toy;

 private:
  std::vector<KernelRow> rows_;
};

}  // namespace tendon::testing
