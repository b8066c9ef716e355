// Standard output, checked.
#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/format.h"
#include "base/printable.h"

namespace tendon::cli {
namespace {

void write(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace

void print_text(std::string_view text) { write(printable(text)); }

void print_json(const Json& result) {
  write(result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fail_input("cannot write to standard output: {}", std::strerror(errno));
  }
}

}  // namespace tendon::cli
