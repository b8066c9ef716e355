// Files are whole or as before, whichever system call of their writing the process dies in or the
// disk fails at. This program's own write, fsync, … stand before those of the C library.
#include <dlfcn.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tendon/loaders.h>
#include <tendon/log.h>
#include <tendon/run_results.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "api/network_impl.h"
#include "base/file.h"
#include "base/parallel.h"
#include "support/files.h"
#include "support/graphs.h"

namespace {

enum class Fault { kNone, kKill, kFail, kShort };
struct {
  Fault fault = Fault::kNone;
  /// Calls until it strikes.
  int left = 0;
  bool struck = false;
} g_disk;

/// Whether this call is the one that fails; the process may end here.
bool strikes() {
  if (g_disk.fault == Fault::kNone || --g_disk.left != 0) return false;
  g_disk.struck = true;
  if (g_disk.fault == Fault::kKill) kill(getpid(), SIGKILL);
  errno = ENOSPC;
  return true;
}
bool fails() { return strikes() && g_disk.fault == Fault::kFail; }

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  if (strikes()) {
    if (g_disk.fault == Fault::kFail) return -1;
    size = (size + 1) / 2;
  }
  return syscall(SYS_write, fd, data, size);
}
int fsync(int fd) { return fails() ? -1 : static_cast<int>(syscall(SYS_fsync, fd)); }
int close(int fd) {
  const bool failed = fails();
  const auto result = static_cast<int>(syscall(SYS_close, fd));
  return failed ? -1 : result;
}
int fchmod(int fd, mode_t mode) noexcept {
  return fails() ? -1 : static_cast<int>(syscall(SYS_fchmod, fd, mode));
}
int rename(const char* from, const char* to) noexcept {
  return fails() ? -1 : static_cast<int>(syscall(SYS_rename, from, to));
}
int mkostemp(char* pattern, int flags) {
  return fails() ? -1 : next<int(char*, int)>("mkostemp")(pattern, flags);
}

}  // extern "C"

namespace tendon::testing {
namespace {

struct Writer {
  std::string name;
  /// Writes one of two contents.
  std::function<void(const std::string& path, bool newer)> write;
};

std::vector<Writer> writers() {
  std::vector<Writer> all;
  all.push_back({"report.html", [](const std::string& path, bool newer) {
                   write_file_atomically(path,
                                         std::string(newer ? 50'000 : 300, newer ? 'n' : 'o'));
                 }});
  RunResults results[2];
  for (const bool newer : {false, true}) {
    RunnerResults runner{"runner", {}};
    for (int i = 0; i < 2; ++i) {
      runner.iterations.push_back({{{"y", random_tensor(Shape{64}, newer ? 1 : 2)}}, 0.5});
    }
    results[newer].runners.push_back(runner);
  }
  all.push_back(
      {"results.npz", [old = results[0], young = results[1]](const std::string& path, bool newer) {
         (newer ? young : old).save(path);
       }});
  std::vector<Engine> engines;
  for (const auto kind : {UnaryKind::kRelu, UnaryKind::kTanh}) {
    GraphBuilder b;
    b.output(b.node(Unary{kind}, {b.input("x", {2, 3})}, "y"));
    engines.push_back(engine_from_network(network_from_graph(b.done()), EngineConfig{}));
  }
  all.push_back({"policy.engine", [engines](const std::string& path, bool newer) {
                   save_engine(engines[newer], path);
                 }});
  return all;
}

class KilledWriter : public ::testing::Test {
 protected:
  KilledWriter() { Logger::global().set_severity(Severity::kError); }
  ~KilledWriter() override { Logger::global().set_severity(Severity::kInfo); }

  /// The file of each content, written without trouble, ends up at path() with the old one.
  void prepare(const Writer& writer) {
    for (const bool newer : {true, false}) {
      writer.write(path(writer), newer);
      contents_[newer] = read_text(path(writer));
    }
    ASSERT_NE(contents_[0], contents_[1]);
  }
  std::string path(const Writer& writer) const { return folder_ / writer.name; }
  /// Whether the new content is there; anything but one of both is a failure.
  bool is_new(const Writer& writer) const {
    const std::string found = read_text(path(writer));
    EXPECT_TRUE(found == contents_[0] || found == contents_[1]) << found.size() << " bytes";
    return found == contents_[1];
  }
  size_t file_count() const {
    const std::filesystem::directory_iterator files(folder_.path());
    return static_cast<size_t>(std::distance(begin(files), end(files)));
  }

  const TempDir folder_;
  std::string contents_[2];
};

TEST_F(KilledWriter, LeavesTheOldFileOrTheNewOne) {
  for (const Writer& writer : writers()) {
    prepare(writer);
    bool alive = false;
    int calls = 0;
    while (!alive) {
      SCOPED_TRACE(writer.name + ", killed in call " + std::to_string(++calls));
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        const ThreadCountScope alone(1);
        g_disk = {Fault::kKill, calls};
        writer.write(path(writer), true);
        _exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      alive = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      ASSERT_TRUE(alive || WIFSIGNALED(status));
      if (is_new(writer)) writer.write(path(writer), false);
      ASSERT_LT(calls, 1000);
    }
    // mkostemp, fchmod, write, fsync, close, rename, and the folder's fsync and close.
    EXPECT_GE(calls, 9) << writer.name;
  }
}

TEST_F(KilledWriter, AFailingDiskIsReportedAndNothingIsLeftBehind) {
  for (const Writer& writer : writers()) {
    prepare(writer);
    const size_t files = file_count();
    bool over = false;
    for (int call = 1; !over; ++call) {
      SCOPED_TRACE(writer.name + ", call " + std::to_string(call) + " fails");
      std::string message;
      g_disk = {Fault::kFail, call};
      try {
        writer.write(path(writer), true);
      } catch (const Error& error) {
        message = error.what();
        EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      }
      over = !g_disk.struck;
      g_disk = {};
      EXPECT_EQ(file_count(), files);
      const bool newer = is_new(writer);
      EXPECT_TRUE(newer || !message.empty()) << "the old file without a word";
      if (!message.empty()) {
        EXPECT_THAT(message, ::testing::HasSubstr(writer.name));
        EXPECT_THAT(message, ::testing::HasSubstr("No space left"));
      }
      if (newer) writer.write(path(writer), false);
      ASSERT_LT(call, 1000);
    }
  }
}

TEST_F(KilledWriter, ShortWritesAreContinued) {
  for (const Writer& writer : writers()) {
    prepare(writer);
    bool over = false;
    for (int call = 1; !over; ++call) {
      g_disk = {Fault::kShort, call};
      writer.write(path(writer), true);
      over = !g_disk.struck;
      g_disk = {};
      EXPECT_TRUE(is_new(writer)) << writer.name << ", call " << call;
      writer.write(path(writer), false);
    }
  }
}

}  // namespace
}  // namespace tendon::testing
