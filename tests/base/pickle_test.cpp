#include "base/pickle.h"

#include "base/byte_reader.h"
#include "base/limits.h"
#include "base/pickle_samples.h"
#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_bad_input;

const PickleRules& rules() {
  static const PickleRules instance = numpy_pickle_rules();
  return instance;
}

PickleDocument document_of(std::string_view bytes) {
  return parse_pickle(bytes_of(bytes), "t.pkl", rules());
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

template <class T>
std::string bytes_from(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

std::string short_text(std::string_view text) {
  return "\x8c" + std::string(1, static_cast<char>(text.size())) + std::string(text);
}

std::string global(std::string_view module, std::string_view name) {
  return short_text(module) + short_text(name) + "\x93";
}

const std::string kHead = "\x80\x04";

TEST(Pickle, ReadsEveryProtocolThatPythonWrites) {
  for (const std::string_view hex : testing::kPickles) {
    const std::string bytes = from_hex(hex);
    SCOPED_TRACE(static_cast<int>(bytes[1]));
    const PickleDocument document = document_of(bytes);
    const PickleValue& root = *document.root;

    const Tensor& x = *root.find("x")->get<Tensor>();
    EXPECT_EQ(x.type(), (TensorType{DataType::kFloat32, {2, 3}}));
    EXPECT_EQ(to_doubles(x), (std::vector<double>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(to_doubles(*root.find("f")->get<Tensor>()), (std::vector<double>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(to_doubles(*root.find("b")->get<Tensor>()), (std::vector<double>{1, 0}));
    EXPECT_EQ(to_doubles(*root.find("s")->get<Tensor>()), (std::vector<double>{2.5}));

    const auto& items = root.find("t")->get<PickleTuple>()->items;
    ASSERT_EQ(items.size(), 7u);
    EXPECT_NE(items[0]->get<PickleNone>(), nullptr);
    EXPECT_TRUE(*items[1]->get<bool>());
    EXPECT_EQ(*items[2]->get<int64_t>(), -7);
    EXPECT_EQ(*items[3]->get<int64_t>(), int64_t{1} << 40);
    EXPECT_EQ(*items[4]->get<double>(), 2.5);
    EXPECT_EQ(*items[5]->get<std::string>(), "é");
    EXPECT_EQ(text_of(items[6]->get<PickleBytes>()->bytes), std::string_view("\0\xff", 2));
    const auto& list = root.find("l")->get<PickleList>()->items;
    EXPECT_EQ(*list[1]->get<PickleList>()->items[0]->get<int64_t>(), 2);
    EXPECT_EQ(root.find("absent"), nullptr);
  }
}

TEST(Pickle, ReadsTheBundledStatistics) {
  const auto document =
      load_pickle(testing::source_path("examples/transfer_cube/dataset_stats.pkl"), rules());
  for (const char* key : {"action_mean", "action_std", "qpos_mean", "qpos_std"}) {
    EXPECT_EQ(document.root->find(key)->get<Tensor>()->type(),
              (TensorType{DataType::kFloat32, {14}}));
  }
  EXPECT_EQ(document.root->find("example_qpos")->get<Tensor>()->shape(), (Shape{400, 14}));
}

TEST(Pickle, RulesMayAddGlobalsAndPersistentIds) {
  PickleRules extended = numpy_pickle_rules();
  extended.globals.push_back(
      {"collections.OrderedDict",
       [](PickleContext&, std::span<const PickleRef>) { return PickleDict{}; },
       [](PickleContext&, PickleValue&, const PickleValue&) {}});
  extended.load_persistent = [](PickleContext& context, const PickleValue& id) {
    return PickleObject{"storage", context.integer(*context.tuple(id, "an id")[0], "a key")};
  };
  const std::string file =
      kHead + global("collections", "OrderedDict") + ")R(" + short_text("w") + "K\x05\x85Qu}b.";
  const PickleDocument document = parse_pickle(bytes_of(file), "t.pkl", extended);
  const auto* storage = document.root->find("w")->get<PickleObject>();
  ASSERT_NE(storage, nullptr);
  EXPECT_EQ(std::any_cast<int64_t>(storage->content), 5);
}

TEST(Pickle, RefusesForeignGlobalsByName) {
  const struct {
    std::string_view module, name;
  } globals[] = {{"os", "system"},
                 {"posix", "system"},
                 {"builtins", "eval"},
                 {"__builtin__", "exec"},
                 {"subprocess", "Popen"},
                 {"numpy", "load"},
                 {"numpy.core", "ndarray"},
                 {"numpy.testing._private.utils", "runstring"},
                 {"copyreg", "_reconstructor"}};
  for (const auto& [module, name] : globals) {
    const std::string dotted = std::string(module) + "." + std::string(name);
    SCOPED_TRACE(dotted);
    expect_bad_input({"t.pkl", "pickle offset", dotted, "was not run"}, [&, m = module, n = name] {
      document_of(kHead + global(m, n) + short_text("touch x") + "\x85R.");
    });
    expect_bad_input({"t.pkl", "pickle offset 2", dotted}, [&, m = module, n = name] {
      document_of(
          fmt::format("\x80\x02"
                      "c{}\n{}\n.",
                      m, n));
    });
  }
}

TEST(Pickle, RefusesBadFiles) {
  const std::string dtype = global("numpy", "dtype") + short_text("f4") + "\x89\x88\x87R(K\x03" +
                            short_text("<") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" +
                            std::string(1, '\0') + "tb";
  const std::string empty_array = global("numpy._core.multiarray", "_reconstruct") +
                                  global("numpy", "ndarray") + "K" + std::string(1, '\0') +
                                  "\x85"
                                  "C\x01"
                                  "b\x87R";
  const auto array = [&](std::string_view dim, std::string_view data) {
    return kHead + empty_array + "(K\x01" + std::string(dim) + "\x85" + dtype + "\x89" +
           std::string(data) + "tb.";
  };
  const std::string big_endian = [&] {
    std::string text = array("K\x01",
                             "C\x04"
                             "abcd");
    text[text.find("\x8c\x01<") + 2] = '>';
    return text;
  }();
  ASSERT_NO_THROW(document_of(array("K\x01",
                                    "C\x04"
                                    "abcd")));
  const struct {
    std::string title;
    std::string file;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"empty", "", {"t.pkl", "no protocol mark"}},
      {"text protocol", "(dp0\nS'a'\np1\n.", {"no protocol mark", "protocol 2 to 5"}},
      {"protocol", "\x80\x06N.", {"pickle protocol 6, expected 2 to 5"}},
      {"truncated", kHead + "J\x01\x02", {"t.pkl", "ends early", "offset 3", "truncated"}},
      {"no stop", kHead + "N", {"ends early"}},
      {"huge string", kHead + "X\xff\xff\xff\xff", {"string of 4294967295 bytes", "limit"}},
      {"huge bytes", kHead + "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", {"ends early"}},
      {"opcode", kHead + "I12\n.", {"pickle offset 2", "opcode 0x49"}},
      {"extension", kHead + "\x82\x01.", {"opcode 0x82"}},
      {"instance", kHead + "(ios\nsystem\n.", {"opcode 0x69"}},
      {"out of band", "\x80\x05\x97.", {"opcode 0x97"}},
      {"underflow", kHead + "0.", {"the stack is empty"}},
      {"pop below mark", kHead + "N(0.", {"the stack is empty"}},
      {"no mark", kHead + "t.", {"no mark on the stack"}},
      {"two values", kHead + "NN.", {"2 values are left"}},
      {"memo", kHead + "h\x07.", {"memo entry 7 was never stored"}},
      {"append", kHead + "}Na.", {"append to a dictionary, expected a list"}},
      {"set item", kHead + "]NNs.", {"an item set in a list"}},
      {"odd items", kHead + "}(Nu.", {"key without a value"}},
      {"call of data", kHead + "K\x01)R.", {"a call of an integer"}},
      {"call of class", kHead + global("numpy", "ndarray") + ")R.", {"call of 'numpy.ndarray'"}},
      {"state of data", kHead + "]]b.", {"state of a list is set"}},
      {"persistent id", kHead + "NQ.", {"persistent id"}},
      {"wide integer", kHead + "\x8a\x09" + std::string(9, 'x') + ".", {"integer of 9 bytes"}},
      {"global name", "\x80\x02" + ("c" + std::string(400, 'x')), {"has no end"}},
      {"array size",
       array("K\x02",
             "C\x04"
             "abcd"),
       {"t.pkl", "float32(2,)", "found 4 bytes"}},
      {"array dims",
       array("J\xff\xff\xff\xff",
             "C\x04"
             "abcd"),
       {"negative dimension -1"}},
      {"array data", array("K\x01", "]"), {"array of Python objects"}},
      {"big-endian", big_endian, {"big-endian array of type f4"}},
      {"dtype", kHead + global("numpy", "dtype") + "N\x85R.", {"name of a dtype", "found None"}},
      {"scalar",
       kHead + global("numpy.core.multiarray", "scalar") + "NC\x01x\x86R.",
       {"numpy dtype"}},
      {"not an array",
       kHead + global("numpy.core.multiarray", "_reconstruct") + "NNN\x87R.",
       {"a class other than numpy.ndarray"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.title);
    expect_bad_input(test.parts, [&] { document_of(test.file); });
  }
}

TEST(Pickle, BombsHitALimit) {
  const int64_t previous = limits().max_pickle_opcodes;
  limits().max_pickle_opcodes = 100;
  expect_bad_input({"more than the limit of 100 opcodes"},
                   [] { document_of(kHead + std::string(1000, 'N')); });
  limits().max_pickle_opcodes = previous;

  // One block of bytes that many arrays claim as their own content.
  const size_t previous_bytes = limits().max_pickle_bytes;
  limits().max_pickle_bytes = 4096;
  std::string file = kHead + "B" + bytes_from(uint32_t{2000}) + std::string(2000, 'x') + "\x94" +
                     global("numpy._core.numeric", "_frombuffer") + "\x94" +
                     global("numpy", "dtype") + short_text("u1") + "\x85R\x94";
  for (int i = 0; i < 20; ++i) {
    file += std::string(
        "h\x01(h\x00h\x02M\xd0\x07\x85\x8c\x01"
        "CtR",
        16);
  }
  expect_bad_input({"t.pkl", "the arrays need more than 8192 bytes"},
                   [&] { document_of(file + "."); });
  expect_bad_input({"a pickle of 5000 bytes, more than the limit of 4096"},
                   [] { document_of(std::string(5000, 'N')); });
  limits().max_pickle_bytes = previous_bytes;
}

TEST(Pickle, EveryTruncationAndEveryByteFlipIsHandled) {
  for (const std::string_view hex : testing::kPickles) {
    const std::string good = from_hex(hex);
    for (size_t length = 0; length < good.size(); ++length) {
      EXPECT_THROW(document_of(good.substr(0, length)), Error) << length;
    }
    for (size_t at = 0; at < good.size(); ++at) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::string file = good;
        file[at] = static_cast<char>(file[at] ^ flip);
        try {
          document_of(file);
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
        }
      }
    }
  }
}

}  // namespace
}  // namespace tendon
