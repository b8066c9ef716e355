// The two file forms of RunResults.
#pragma once

#include <tendon/run_results.h>

#include <string>
#include <vector>

#include "base/zip.h"

namespace tendon {

/// Writes an .npz as results come, so that nothing is held.
class ResultsWriter {
 public:
  explicit ResultsWriter(std::string path) : zip_(std::move(path)) {}
  /// The next iteration of runner `runner`, counted from 0.
  void add(size_t runner, const IterationResult& iteration);
  /// One name for each runner; the file appears now.
  void finish(const std::vector<std::string>& names);

 private:
  ZipWriter zip_;
  std::vector<std::vector<double>> runtimes_;
};

RunResults results_from_npz(const std::string& path);
RunResults results_from_json(const std::string& path);
void save_results_as_json(const RunResults& results, const std::string& path);

}  // namespace tendon
