// The processes of one mpirun, of which most runs of the program have exactly one.
#pragma once

#include <string>
#include <vector>

namespace tendon::cli {

/// Joins the other processes while it lives. Without MPI there is one process.
class Ranks {
 public:
  /// Throws Error{kUnsupported} under mpirun when the program was built without MPI.
  Ranks();
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int count() const { return count_; }
  int rank() const { return rank_; }
  bool is_first() const { return rank_ == 0; }

  /// Every process's bytes in order of rank, on the first; empty on the others.
  std::vector<std::string> gather(const std::string& bytes) const;
  /// Returns when all processes called it.
  void wait_for_all() const;
  /// Ends all processes at once, with `status`.
  void abort_all(int status) const;

 private:
  int count_ = 1;
  int rank_ = 0;
};

}  // namespace tendon::cli
