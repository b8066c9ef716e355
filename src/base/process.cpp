// posix_spawn, a pipe and waitpid.
#include "base/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/format.h"

namespace tendon {
namespace {

constexpr size_t kMaxOutputBytes = size_t{16} << 20;

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> chunk;
  while (true) {
    const ssize_t count = read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    if (text.size() < kMaxOutputBytes) text.append(chunk.data(), static_cast<size_t>(count));
  }
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& command, ProcessOutput output) {
  TENDON_ASSERT(!command.empty());
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    fail(ErrorKind::kInternal, "cannot make a pipe for '{}': {}", command[0], std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(
      &actions, output == ProcessOutput::kCapture ? ends[1] : STDERR_FILENO, STDOUT_FILENO);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  ProcessResult result;
  if (error == 0) {
    result.output = read_all(ends[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  close(ends[0]);
  if (error == ENOENT || error == EACCES) {
    result.exit_status = 127;
  } else if (error != 0) {
    fail(ErrorKind::kInternal, "cannot start '{}': {}", command[0], std::strerror(error));
  }
  return result;
}

}  // namespace tendon
