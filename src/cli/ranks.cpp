// MPI where the build has it; its headers are included nowhere else.
#include "cli/ranks.h"

#include <cstdlib>
#include <limits>

#include "base/format.h"
#ifdef TENDON_MPI
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>
#endif

namespace tendon::cli {
namespace {

/// What Open MPI's, MPICH's and Slurm's launchers set.
int launched_processes() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && std::atoi(value) > 0) return std::atoi(value);
  }
  return 1;
}

}  // namespace

#ifdef TENDON_MPI

Ranks::Ranks() {
  if (launched_processes() == 1) return;
  MPI_Init(nullptr, nullptr);
  MPI_Comm_size(MPI_COMM_WORLD, &count_);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
}

Ranks::~Ranks() {
  if (count_ > 1) MPI_Finalize();
}

std::vector<std::string> Ranks::gather(const std::string& bytes) const {
  if (count_ == 1) return {bytes};
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max() / count_)) {
    fail(ErrorKind::kUnsupported, "{} bytes are too many for one message", bytes.size());
  }
  const int size = static_cast<int>(bytes.size());
  std::vector<int> sizes(static_cast<size_t>(count_));
  MPI_Gather(&size, 1, MPI_INT, sizes.data(), 1, MPI_INT, 0, MPI_COMM_WORLD);
  std::vector<int> offsets(1);
  for (const int part : sizes) offsets.push_back(offsets.back() + part);
  std::string all(static_cast<size_t>(offsets.back()), '\0');
  MPI_Gatherv(bytes.data(), size, MPI_CHAR, all.data(), sizes.data(), offsets.data(), MPI_CHAR, 0,
              MPI_COMM_WORLD);
  std::vector<std::string> parts;
  for (size_t i = 0; is_first() && i < sizes.size(); ++i) {
    parts.push_back(all.substr(static_cast<size_t>(offsets[i]), static_cast<size_t>(sizes[i])));
  }
  return parts;
}

void Ranks::wait_for_all() const {
  if (count_ > 1) MPI_Barrier(MPI_COMM_WORLD);
}

void Ranks::abort_all(int status) const {
  if (count_ > 1) MPI_Abort(MPI_COMM_WORLD, status);
}

#else

Ranks::Ranks() {
  if (launched_processes() == 1) return;
  fail(ErrorKind::kUnsupported,
       "this program was started by an MPI launcher, but built without MPI; configure it with "
       "-DTENDON_MPI=ON (Debian: libopenmpi-dev), or use --shard");
}
Ranks::~Ranks() = default;
std::vector<std::string> Ranks::gather(const std::string& bytes) const { return {bytes}; }
void Ranks::wait_for_all() const {}
void Ranks::abort_all(int) const {}

#endif

}  // namespace tendon::cli
