#include "data/hdf5_file.h"

#include <numeric>
#include <random>

#include "base/format.h"
#include "data/episode.h"
#include "data/episode_files.h"
#include "support/files.h"

namespace tendon {
namespace {

using testing::EpisodeSpec;
using testing::expect_bad_input;
using testing::Hdf5Writer;
using testing::TempDir;
using Storage = Hdf5Writer::Storage;

template <class T>
std::vector<T> counting(size_t count) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<T>(i % 251);
  return values;
}

TEST(Hdf5File, ReadsEveryStorageOfEveryVersion) {
  const struct {
    H5F_libver_t oldest, newest;
  } versions[] = {{H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST}, {H5F_LIBVER_V18, H5F_LIBVER_V18}};
  const struct {
    Storage storage;
    Hdf5Writer::Shape chunk;
  } storages[] = {{Storage::kContiguous, {}},
                  {Storage::kChunked, {}},
                  {Storage::kChunked, {4, 3, 2}},
                  {Storage::kGzip, {3, 5, 7}},
                  {Storage::kGzip, {11, 1, 7}}};
  const TempDir folder;
  for (const auto& version : versions) {
    for (const auto& test : storages) {
      SCOPED_TRACE(fmt::format("version {} storage {} chunk {}", static_cast<int>(version.oldest),
                               static_cast<int>(test.storage), test.chunk));
      {
        Hdf5Writer writer(folder / "t.hdf5", version.oldest, version.newest);
        const Hdf5Writer::Shape shape{11, 5, 7};
        writer.dataset("group/bytes", shape, counting<uint8_t>(385), test.storage, test.chunk);
        writer.dataset("floats", shape, counting<float>(385), test.storage, test.chunk);
        writer.dataset("doubles", shape, counting<double>(385), test.storage, test.chunk);
      }
      const Hdf5File file = Hdf5File::open(folder / "t.hdf5");
      EXPECT_EQ(file.list(""), (std::vector<std::string>{"doubles", "floats", "group"}));
      EXPECT_FALSE(file.has("group/other"));
      const Hdf5Dataset bytes = file.dataset("group/bytes");
      EXPECT_EQ(bytes.shape(), (Shape{11, 5, 7}));
      const auto wanted = counting<uint8_t>(385);
      std::vector<uint8_t> row(35);
      for (const int64_t index : {10, 0, 3, 4, 7}) {
        bytes.read_row(index, row);
        EXPECT_TRUE(std::equal(row.begin(), row.end(), wanted.begin() + index * 35)) << index;
      }
      const auto numbers = counting<double>(385);
      EXPECT_EQ(to_doubles(file.dataset("floats").read_float32()), numbers);
      EXPECT_EQ(to_doubles(file.dataset("doubles").read_float32()), numbers);
    }
  }
}

TEST(Hdf5File, ReadsRowsWithoutElements) {
  const TempDir folder;
  {
    Hdf5Writer writer(folder / "t.hdf5");
    writer.dataset("floats", {3, 0}, std::vector<float>{});
    writer.dataset("bytes", {3, 0}, std::vector<uint8_t>{});
    writer.dataset("many", {hsize_t{1} << 40, 0}, std::vector<float>{});
  }
  const Hdf5File file = Hdf5File::open(folder / "t.hdf5");
  EXPECT_EQ(file.dataset("floats").read_float32().shape(), (Shape{3, 0}));
  file.dataset("bytes").read_row(1, {});
  EXPECT_EQ(file.dataset("many").read_float32().size(), 0) << "at once, whatever rows it claims";
}

TEST(Hdf5File, ReadsGroupsAndChunkTreesOfSeveralLevels) {
  const TempDir folder;
  constexpr size_t kRows = 5000;
  {
    Hdf5Writer writer(folder / "t.hdf5");
    writer.dataset("rows", {kRows, 2}, counting<uint8_t>(2 * kRows), Storage::kChunked);
    for (int i = 0; i < 500; ++i) {
      writer.dataset(fmt::format("many/member_{}", i), {1}, std::vector<float>{1});
    }
  }
  const Hdf5File file = Hdf5File::open(folder / "t.hdf5");
  EXPECT_EQ(file.list("many").size(), 500u);
  EXPECT_TRUE(file.has("many/member_321"));
  const Hdf5Dataset rows = file.dataset("rows");
  std::vector<uint8_t> row(2);
  for (int64_t index = 0; index < static_cast<int64_t>(kRows); ++index) {
    rows.read_row(index, row);
    ASSERT_EQ(row[0], 2 * index % 251);
  }
}

TEST(Hdf5File, ReadsAttributes) {
  const TempDir folder;
  for (const H5F_libver_t version : {H5F_LIBVER_EARLIEST, H5F_LIBVER_V18}) {
    {
      Hdf5Writer writer(folder / "t.hdf5", version);
      writer.bool_attribute("yes", true);
      writer.bool_attribute("no", false);
      writer.int_attribute("number", 256);
      writer.text_attribute("fixed", "rgb", false);
      writer.text_attribute("variable", "a longer text", true);
    }
    const Hdf5File file = Hdf5File::open(folder / "t.hdf5");
    EXPECT_EQ(file.bool_attribute("yes"), true);
    EXPECT_EQ(file.bool_attribute("no"), false);
    EXPECT_EQ(file.bool_attribute("number"), true);
    EXPECT_EQ(file.bool_attribute("absent"), std::nullopt);
    EXPECT_EQ(file.text_attribute("fixed"), "rgb");
    EXPECT_EQ(file.text_attribute("variable"), "a longer text");
    EXPECT_EQ(file.text_attribute("absent"), std::nullopt);
    expect_bad_input({"'fixed' is no boolean"}, [&] { file.bool_attribute("fixed"); });
    expect_bad_input({"'yes' is no text"}, [&] { file.text_attribute("yes"); });
  }
}

TEST(Hdf5File, SaysWhatItDoesNotRead) {
  const TempDir folder;
  const std::string path = folder / "t.hdf5";
  {
    Hdf5Writer writer(path, H5F_LIBVER_LATEST);
    writer.dataset("rows", {20, 2}, counting<float>(40), Storage::kChunked);
  }
  expect_bad_input({"t.hdf5: rows", "chunk index of the newest format", "h5repack"},
                   [&] { Hdf5File::open(path).dataset("rows"); });
  {
    Hdf5Writer writer(path, H5F_LIBVER_V18, H5F_LIBVER_V18);
    for (int i = 0; i < 40; ++i) writer.dataset(fmt::format("x{}", i), {1}, std::vector<float>{1});
    for (int i = 0; i < 20; ++i) writer.int_attribute(fmt::format("a{}", i).c_str(), i);
  }
  expect_bad_input({"t.hdf5", "a group of many members", "h5repack"},
                   [&] { Hdf5File::open(path).has("x1"); });
  expect_bad_input({"attribute 'sim'", "many attributes", "h5repack"},
                   [&] { Hdf5File::open(path).bool_attribute("sim"); });
}

TEST(Hdf5File, RefusesForeignAndCutFiles) {
  const auto parse = [](std::string_view text) {
    Hdf5File::parse(bytes_of(text), "t.hdf5", nullptr);
  };
  const TempDir folder;
  testing::write_episode(folder / "t.hdf5", {.steps = 2});
  const std::string good = testing::read_text(folder / "t.hdf5");
  expect_bad_input({"t.hdf5", "no HDF5 signature"}, [&] { parse(""); });
  expect_bad_input({"t.hdf5", "no HDF5 signature"}, [&] { parse("PK\3\4 something else"); });
  expect_bad_input({"t.hdf5", "ends early"}, [&] { parse(good.substr(0, 20)); });
  expect_bad_input({"t.hdf5", "truncated", "was the recording cut off?"},
                   [&] { parse(good.substr(0, good.size() - 1)); });
  const auto patched = [&](size_t at, char value) {
    std::string file = good;
    file[at] = value;
    return file;
  };
  expect_bad_input({"superblock version 9"}, [&] { parse(patched(8, 9)); });
  expect_bad_input({"offsets of 4"}, [&] { parse(patched(13, 4)); });
  expect_bad_input({"from offset 1 on"}, [&] { parse(patched(24, 1)); });
}

/// Reads everything that an episode may hold.
void read_whole(const std::string& bytes) {
  const EpisodeData episode =
      open_episode(Hdf5File::parse(bytes_of(bytes), "t.hdf5", nullptr), {.cameras = {"top"}});
  const Hdf5Dataset& camera = episode.cameras[0];
  std::vector<uint8_t> row(static_cast<size_t>(camera.shape().element_count() / camera.shape()[0]));
  for (int64_t step = 0; step < std::min<int64_t>(camera.shape()[0], 4); ++step) {
    camera.read_row(step, row);
  }
}

TEST(Hdf5File, DamagedFilesNeverCrash) {
  const TempDir folder;
  std::mt19937 random(20261122);
  for (const bool is_jpeg : {false, true}) {
    for (const H5F_libver_t version : {H5F_LIBVER_EARLIEST, H5F_LIBVER_V18}) {
      {
        Hdf5Writer writer(folder / "t.hdf5", version, H5F_LIBVER_V18);
        write_episode(writer, EpisodeSpec{.steps = 3, .is_jpeg = is_jpeg});
      }
      const std::string good = testing::read_text(folder / "t.hdf5");
      ASSERT_NO_THROW(read_whole(good));
      for (int round = 0; round < 1200; ++round) {
        std::string bytes = good;
        const size_t at = random() % good.size();
        switch (random() % 3) {
          case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
          case 1: bytes[at] = static_cast<char>(random()); break;
          default:
            std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                        std::min<size_t>(8, good.size() - at), '\xff');
        }
        try {
          read_whole(bytes);
        } catch (const Error& error) {
          ASSERT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
        }
      }
    }
  }
}

}  // namespace
}  // namespace tendon
