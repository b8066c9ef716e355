#include "base/cpu_model.h"

#include <fstream>

namespace tendon {

std::string cpuinfo(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with(key) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

std::string cpu_model() {
  std::string model = cpuinfo("model name");
  return model.empty() ? "unknown processor" : model;
}

}  // namespace tendon
