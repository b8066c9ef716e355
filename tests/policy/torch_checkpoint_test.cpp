#include "policy/torch_checkpoint.h"

#include <limits>

#include "base/byte_reader.h"
#include "base/limits.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/torch_files.h"

namespace tendon {
namespace {

using testing::act_tensors;
using testing::expect_bad_input;
using testing::pickle_of;
using testing::torch_archive;
using testing::torch_file;
using testing::TorchTensor;
namespace pickle = testing::pickle;

StateDict checkpoint_of(const std::string& bytes) {
  return parse_torch_checkpoint(bytes_of(bytes), "p.ckpt", nullptr);
}

/// A file whose state dict holds one tensor "w" over storage "0".
std::string file_of(const TorchTensor& tensor, const std::string& storage) {
  return torch_archive(
      {{"data.pkl", pickle::kStart + pickle::dict({{"w", pickle_of(tensor)}}) + "."},
       {"data/0", storage}});
}

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

const std::string kSix = floats({0, 1, 2, 3, 4, 5});

TEST(TorchCheckpoint, GivesTensorsByNameInTheirOrder) {
  const auto tensors = act_tensors({});
  const std::string file = torch_file(tensors);
  const StateDict weights = checkpoint_of(file);
  ASSERT_EQ(weights.tensors().size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(weights.tensors()[i].name, tensors[i].name);
    EXPECT_EQ(weights.tensors()[i].tensor, tensors[i].tensor);
  }
  EXPECT_EQ(weights.find("model.query_embed.weight")->shape(), (Shape{3, 8}));
  EXPECT_EQ(weights.find("model.nothing"), nullptr);
}

TEST(TorchCheckpoint, WeightsAreViewsOfTheFile) {
  const std::string file = file_of({"FloatStorage", "0", 6, 2, {2, 2}, {2, 1}}, kSix);
  const StateDict weights = checkpoint_of(file);
  const Tensor& w = *weights.find("w");
  EXPECT_EQ(to_doubles(w), (std::vector<double>{2, 3, 4, 5}));
  const auto* bytes = static_cast<const char*>(w.raw());
  const bool inside = bytes >= file.data() && bytes < file.data() + file.size();
  EXPECT_EQ(inside, reinterpret_cast<uintptr_t>(file.data() + file.find(kSix)) % 4 == 0);
}

TEST(TorchCheckpoint, FollowsStridesAndTypes) {
  const struct {
    TorchTensor tensor;
    std::string storage;
    std::vector<double> values;
  } cases[] = {
      {{"FloatStorage", "0", 6, 0, {3, 2}, {1, 3}}, kSix, {0, 3, 1, 4, 2, 5}},
      {{"FloatStorage", "0", 6, 1, {2}, {4}}, kSix, {1, 5}},
      {{"FloatStorage", "0", 6, 5, {}, {}}, kSix, {5}},
      {{"FloatStorage", "0", 6, 6, {0, 3}, {3, 1}}, kSix, {}},
      {{"FloatStorage", "0", 6, 0, {1, 6}, {999, 1}}, kSix, {0, 1, 2, 3, 4, 5}},
      {{"ByteStorage", "0", 3, 0, {3}, {1}}, "\1\2\3", {1, 2, 3}},
      {{"BoolStorage", "0", 2, 0, {2}, {1}}, std::string("\0\1", 2), {0, 1}},
      {{"HalfStorage", "0", 1, 0, {1}, {1}}, std::string("\x00\x3c", 2), {1}},
      {{"BFloat16Storage", "0", 1, 0, {1}, {1}}, std::string("\x80\x3f", 2), {1}},
      {{"LongStorage", "0", 1, 0, {1}, {1}}, std::string("\xfe\xff\xff\xff\xff\xff\xff\xff"), {-2}},
  };
  for (const auto& [tensor, storage, values] : cases) {
    SCOPED_TRACE(pickle_of(tensor));
    EXPECT_EQ(to_doubles(*checkpoint_of(file_of(tensor, storage)).find("w")), values);
  }
}

TEST(TorchCheckpoint, FindsTheStateDictThatScriptsWrap) {
  const std::string w = pickle_of({"FloatStorage", "0", 6, 0, {6}, {1}});
  const auto wrapped = [&](const char* key) {
    return torch_archive(
        {{"data.pkl",
          pickle::kStart +
              pickle::dict({{"epoch", pickle::integer(3)}, {key, pickle::dict({{"w", w}})}}) + "."},
         {"data/0", kSix}});
  };
  for (const char* key : {"state_dict", "model_state_dict", "model"}) {
    EXPECT_EQ(checkpoint_of(wrapped(key)).tensors().size(), 1u) << key;
  }
  expect_bad_input({"p.ckpt", "no tensors at the top", "epoch, nets", "policy.state_dict()"},
                   [&] { checkpoint_of(wrapped("nets")); });
  const std::string parameter =
      pickle::call("torch._utils", "_rebuild_parameter",
                   pickle::tuple({w, "\x88", pickle::call("collections", "OrderedDict", ")")}));
  const std::string file = torch_archive(
      {{"data.pkl", pickle::kStart + pickle::dict({{"w", parameter}}) + "."}, {"data/0", kSix}});
  EXPECT_EQ(checkpoint_of(file).find("w")->shape(), (Shape{6}));
}

TEST(TorchCheckpoint, RefusesOtherFilesByName) {
  const std::string pickled = pickle::kStart + pickle::dict({}) + ".";
  const struct {
    std::string file;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"", {"p.ckpt", "0 bytes"}},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
       {"Git LFS pointer", "git lfs pull"}},
      {std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.") + "\x80\x02M",
       {"before 1.6", "torch.save(torch.load("}},
      {torch_archive({{"weights.npy", "x"}}), {"without <name>/data.pkl"}},
      {torch_archive({{"data.pkl", pickled}, {"constants.pkl", "x"}}), {"TorchScript"}},
      {torch_archive({{"data.pkl", pickled}, {"byteorder", "big"}}), {"big-endian"}},
      {torch_archive({{"data.pkl", pickled}}), {"no tensors", "holds nothing"}},
      {torch_archive({{"data.pkl", pickle::kStart + "K\1."}}), {"holds an integer"}},
  };
  for (const auto& [file, parts] : cases) {
    SCOPED_TRACE(*parts.begin());
    expect_bad_input(parts, [&, bytes = file] { checkpoint_of(bytes); });
  }
}

TEST(TorchCheckpoint, NothingInTheFileRuns) {
  for (const auto& [module, name] : {std::pair("os", "system"),
                                     {"builtins", "eval"},
                                     {"torch", "load"},
                                     {"__main__", "ACTPolicy"},
                                     {"torch.nn.modules.linear", "Linear"},
                                     {"torch._utils", "_rebuild_device_tensor_from_numpy"}}) {
    const std::string file = torch_archive(
        {{"data.pkl",
          pickle::kStart + pickle::call(module, name, pickle::tuple({pickle::text("x")})) + "."}});
    expect_bad_input({"p.ckpt", fmt::format("{}.{}", module, name), "was not run",
                      "policy.state_dict(), not the policy itself"},
                     [&] { checkpoint_of(file); });
  }
}

TEST(TorchCheckpoint, RefusesTensorsThatLie) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  const struct {
    TorchTensor tensor;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {{"FloatStorage", "1", 6, 0, {6}, {1}}, {"storage '1'", "lacks"}},
      {{"FloatStorage", "../../etc/passwd", 6, 0, {6}, {1}}, {"'../../etc/passwd'", "lacks"}},
      {{"FloatStorage", "0", 7, 0, {6}, {1}}, {"7 elements", "has 24 bytes"}},
      {{"FloatStorage", "0", -1, 0, {6}, {1}}, {"-1 elements"}},
      {{"DoubleStorage", "0", 6, 0, {3}, {1}}, {"6 elements of type float64"}},
      {{"FloatStorage", "0", 6, 0, {7}, {1}}, {"shape (7,)", "reaches past its storage"}},
      {{"FloatStorage", "0", 6, 1, {6}, {1}}, {"from element 1", "reaches past"}},
      {{"FloatStorage", "0", 6, -1, {2}, {1}}, {"from element -1"}},
      {{"FloatStorage", "0", 6, 7, {0}, {1}}, {"from element 7"}},
      {{"FloatStorage", "0", 6, 0, {2}, {-1}}, {"strides [-1]", "none negative"}},
      {{"FloatStorage", "0", 6, 0, {2}, {1, 1}}, {"rank 1"}},
      {{"FloatStorage", "0", 6, 0, {-2}, {1}}, {"negative dimension"}},
      {{"FloatStorage", "0", 6, 0, {3}, {kHuge}}, {"reaches past"}},
      {{"FloatStorage", "0", 6, kHuge, {2}, {1}}, {"reaches past"}},
      {{"FloatStorage", "0", 6, 0, {1 << 30, 1 << 30}, {0, 0}}, {"repeats the 6 elements"}},
      {{"FloatStorage", "0", 6, 0, {kHuge, kHuge}, {0, 0}}, {"p.ckpt", "shape"}},
      {{"FloatStorage", "0", 6, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
       {"p.ckpt", "shape"}},
  };
  for (const auto& [tensor, parts] : cases) {
    SCOPED_TRACE(*parts.begin());
    expect_bad_input(parts, [&, t = tensor] { checkpoint_of(file_of(t, kSix)); });
  }
}

TEST(TorchCheckpoint, CopiesAreBoundedByTheFile) {
  std::vector<std::pair<std::string, std::string>> items;
  const std::string transposed = pickle_of({"FloatStorage", "0", 1 << 16, 0, {256, 256}, {1, 256}});
  for (int i = 0; i < 20; ++i) items.emplace_back(fmt::format("w{}", i), transposed);
  const std::string file = torch_archive({{"data.pkl", pickle::kStart + pickle::dict(items) + "."},
                                          {"data/0", std::string(4 << 16, '\0')}});
  expect_bad_input({"more memory than the file has bytes"}, [&] { checkpoint_of(file); });
}

TEST(TorchCheckpoint, ATensorAppearsOnce) {
  const std::string w = pickle_of({"FloatStorage", "0", 6, 0, {6}, {1}});
  const std::string file = torch_archive(
      {{"data.pkl", pickle::kStart + pickle::dict({{"w", w}, {"w", w}}) + "."}, {"data/0", kSix}});
  expect_bad_input({"p.ckpt", "'w' appears twice"}, [&] { checkpoint_of(file); });
}

TEST(TorchCheckpoint, CompressedEntriesAreRefused) {
  expect_bad_input({"deflated.ckpt", "is compressed", "save the checkpoint again"}, [] {
    load_torch_checkpoint(testing::source_path("fuzz/corpus/torch/deflated.ckpt"));
  });
}

TEST(TorchCheckpoint, DamageIsFound) {
  std::string damaged = file_of({"FloatStorage", "0", 6, 0, {6}, {1}}, kSix);
  damaged[damaged.find(kSix) + 5] ^= 1;
  expect_bad_input({"'policy/data/0'", "CRC", "damaged"}, [&] { checkpoint_of(damaged); });

  const size_t previous = limits().max_pickle_bytes;
  limits().max_pickle_bytes = 100;
  expect_bad_input({"a pickle of", "more than the limit of 100"}, [] {
    checkpoint_of(file_of({"FloatStorage", "0", 6, 0, {6}, {1}}, kSix));
  });
  limits().max_pickle_bytes = previous;
}

TEST(TorchCheckpoint, EveryTruncationAndEveryByteFlipIsHandled) {
  const std::string good = file_of({"FloatStorage", "0", 6, 1, {2, 2}, {2, 1}}, kSix);
  ASSERT_NO_THROW(checkpoint_of(good));
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(checkpoint_of(good.substr(0, length)), Error) << length;
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string file = good;
      file[at] = static_cast<char>(file[at] ^ flip);
      try {
        checkpoint_of(file);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace tendon
