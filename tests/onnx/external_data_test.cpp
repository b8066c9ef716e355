#include "onnx/external_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "onnx/importer.h"
#include "support/onnx_builder.h"

namespace tendon {
namespace {

namespace fs = std::filesystem;
using testing::external_message;
using ::testing::HasSubstr;
using testing::OnnxBuilder;

using Entries = std::map<std::string, std::string>;

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A folder with model, weights, and what an attacker could put beside them.
class ExternalDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("tendon_external_" + std::to_string(getpid()));
    folder_ = root_ / "model";
    fs::create_directories(folder_ / "inner");
    fs::create_directories(root_ / "outside");
    const std::vector<float> values = {1, 2, 3, 4};
    const std::string bytes(reinterpret_cast<const char*>(values.data()), 16);
    write(folder_ / "weights.bin", bytes);
    write(folder_ / "inner" / "weights.bin", bytes);
    write(root_ / "outside" / "secret.bin", bytes);
    write(folder_ / "linked_twice.bin", bytes);
    fs::create_hard_link(folder_ / "linked_twice.bin", root_ / "outside" / "other_name.bin");
    fs::create_symlink(root_ / "outside" / "secret.bin", folder_ / "link.bin");
    fs::create_symlink("weights.bin", folder_ / "inner_link.bin");
    fs::create_directory_symlink(root_ / "outside", folder_ / "link_folder");
    mkfifo((folder_ / "fifo").c_str(), 0600);
  }
  void TearDown() override { fs::remove_all(root_); }

  Graph import(const Entries& entries) {
    OnnxBuilder model;
    model.graph_field(5, external_message("w", {DataType::kFloat32, {2}}, entries));
    model.node("Relu", {"w"}, {"y"});
    model.output("y");
    write(folder_ / "model.onnx", model.text());
    return graph_from_onnx_path((folder_ / "model.onnx").string());
  }
  std::string error_of(const Entries& entries) {
    try {
      import(entries);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      EXPECT_THAT(error.what(), HasSubstr("model.onnx': initializer 'w': external data: "));
      return error.what();
    }
    return "no error";
  }

  fs::path root_;
  fs::path folder_;
};

TEST_F(ExternalDataTest, ReadsTheModelsOwnFolder) {
  for (const Entries& entries :
       {Entries{{"location", "weights.bin"}, {"offset", "4"}},
        Entries{
            {"location", "inner/weights.bin"}, {"offset", "4"}, {"length", "8"}, {"checksum", "0"}},
        Entries{{"location", "./weights.bin"}, {"offset", "4"}}}) {
    const Graph graph = import(entries);
    const Tensor& weight = *graph.value(graph.find_value("w")).constant;
    EXPECT_EQ(weight, (Tensor::from<float>({2}, {2, 3})));
  }
}

TEST_F(ExternalDataTest, RefusesEverythingElse) {
  const struct {
    Entries entries;
    std::string_view message;
  } cases[] = {
      {{{"location", "../outside/secret.bin"}}, "is not a plain path inside the model's folder"},
      {{{"location", "inner/../../outside/secret.bin"}}, "is not a plain path"},
      {{{"location", (root_ / "outside" / "secret.bin").string()}}, "is not a plain path"},
      {{{"location", std::string("weights.bin\0", 12)}}, "the location holds a zero byte"},
      {{{"location", "inner//weights.bin"}}, "is not a plain path"},
      {{{"location", "."}}, "names no file"},
      {{{"location", ""}}, "no location"},
      {{{"offset", "0"}}, "no location"},
      {{{"location", "link.bin"}}, "is a symbolic link"},
      {{{"location", "inner_link.bin"}}, "is a symbolic link"},
      {{{"location", "link_folder/secret.bin"}},
       "'link_folder' of location 'link_folder/secret.bin' is a symbolic link"},
      {{{"location", "linked_twice.bin"}}, "has 2 hard links, expected 1"},
      {{{"location", "fifo"}}, "is not a regular file"},
      {{{"location", "inner"}}, "is not a regular file"},
      {{{"location", "weights.bin/x"}}, "cannot open"},
      {{{"location", "missing.bin"}}, "cannot open 'missing.bin' in the model's folder"},
      {{{"location", "weights.bin"}, {"offset", "12"}},
       "8 bytes at offset 12 reach beyond 'weights.bin', which has 16"},
      {{{"location", "weights.bin"}, {"offset", "17"}}, "reach beyond"},
      {{{"location", "weights.bin"}, {"offset", "18446744073709551615"}}, "reach beyond"},
      {{{"location", "weights.bin"}, {"offset", "18446744073709551616"}}, "expected a number"},
      {{{"location", "weights.bin"}, {"offset", "-4"}}, "offset is '-4', expected a number"},
      {{{"location", "weights.bin"}, {"offset", "4k"}}, "expected a number"},
      {{{"location", "weights.bin"}, {"offset", ""}}, "expected a number"},
      {{{"location", "weights.bin"}, {"length", "9223372036854775808"}},
       "length is 9223372036854775808 bytes, but type and shape need 8"},
      {{{"location", "weights.bin"}, {"length", "4"}}, "type and shape need 8"},
      {{{"location", "weights.bin"}, {"basepath", "/"}}, "unknown key 'basepath'"},
  };
  for (const auto& [entries, message] : cases) {
    EXPECT_THAT(error_of(entries), HasSubstr(message));
  }
}

}  // namespace
}  // namespace tendon
