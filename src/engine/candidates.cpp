#include "engine/candidates.h"

namespace tendon {

std::string Candidate::name() const { return fmt::format("{}/{}", backend->name(), row->name); }

std::unique_ptr<Kernel> Candidate::ask(KernelRequest request,
                                       std::vector<Decline>& declines) const {
  request.device = backend->device();
  Packing packing(request.known);
  request.packing = &packing;
  Offer offer = row->make(request);
  if (auto* declined = std::get_if<Declined>(&offer)) {
    if (!declined->reason.empty()) declines.push_back({name(), std::move(declined->reason)});
    return nullptr;
  }
  TENDON_ASSERT(std::get<std::unique_ptr<Kernel>>(offer) != nullptr);
  std::unique_ptr<Kernel>& kernel = std::get<std::unique_ptr<Kernel>>(offer);
  kernel->keep(packing.take());
  return std::move(kernel);
}

void Candidate::take(std::unique_ptr<Kernel> kernel, ChosenKernel& chosen) const {
  chosen.device = backend->device();
  chosen.record.backend = backend->name();
  chosen.record.kernel = row->name;
  chosen.record.detail = kernel->detail();
  chosen.kernel = std::move(kernel);
}

bool Candidate::ask_and_take(const KernelRequest& request, ChosenKernel& chosen) const {
  std::unique_ptr<Kernel> kernel = ask(request, chosen.record.declines);
  if (kernel == nullptr) return false;
  take(std::move(kernel), chosen);
  return true;
}

}  // namespace tendon
