#include "base/zip.h"

#include <zlib.h>

#include <functional>

#include "base/byte_reader.h"
#include "base/limits.h"
#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::TempDir;

template <class T>
void put(std::string& text, T value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// One entry, written exactly as its fields say.
struct Entry {
  std::string name = "a";
  std::string content = "hello";
  uint16_t method = 0;
  uint16_t flags = 0;
  uint32_t size = 5;
  uint32_t crc = 0x3610a686;
  std::string local_name = name;
  uint32_t local_crc = crc;
  uint32_t local_size = size;
  std::string central_extra = {};
  uint32_t offset_shift = 0;
};

struct Archive {
  std::string before_directory;
  std::string directory;
  uint16_t count = 0;

  void add(const Entry& entry) {
    const auto offset = static_cast<uint32_t>(before_directory.size()) + entry.offset_shift;
    const auto stored = static_cast<uint32_t>(entry.content.size());
    std::string& local = before_directory;
    put<uint32_t>(local, 0x04034b50);
    put<uint16_t>(local, 20);
    put(local, entry.flags);
    put(local, entry.method);
    put<uint32_t>(local, 0);
    put(local, entry.local_crc);
    put<uint32_t>(local, (entry.flags & 8) != 0 ? 0 : stored);
    put(local, entry.local_size);
    put(local, static_cast<uint16_t>(entry.local_name.size()));
    put<uint16_t>(local, 0);
    local += entry.local_name + entry.content;
    put<uint32_t>(directory, 0x02014b50);
    put<uint32_t>(directory, 0x00140014);
    put(directory, entry.flags);
    put(directory, entry.method);
    put<uint32_t>(directory, 0);
    put(directory, entry.crc);
    put(directory, stored);
    put(directory, entry.size);
    put(directory, static_cast<uint16_t>(entry.name.size()));
    put(directory, static_cast<uint16_t>(entry.central_extra.size()));
    directory += std::string(10, '\0');
    put(directory, offset);
    directory += entry.name + entry.central_extra;
    ++count;
  }

  std::string text(std::string_view comment = "") const {
    std::string file = before_directory + directory;
    put<uint32_t>(file, 0x06054b50);
    put<uint32_t>(file, 0);
    put(file, count);
    put(file, count);
    put(file, static_cast<uint32_t>(directory.size()));
    put(file, static_cast<uint32_t>(before_directory.size()));
    put(file, static_cast<uint16_t>(comment.size()));
    return file + std::string(comment);
  }
};

std::string archive_of(const Entry& entry) {
  Archive archive;
  archive.add(entry);
  return archive.text();
}

std::string deflated(const std::string& content) {
  std::string packed(content.size() + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

void read_all(const std::string& file) {
  const ZipReader zip = ZipReader::parse(bytes_of(file), "t.zip", nullptr);
  for (const ZipEntry& entry : zip.entries()) zip.read(entry);
}

std::string read_one(const std::string& file, std::string_view name) {
  const ZipReader zip = ZipReader::parse(bytes_of(file), "t.zip", nullptr);
  const ZipEntry* entry = zip.find(name);
  return entry == nullptr ? "(absent)" : std::string(text_of(zip.read(*entry).bytes));
}

TEST(Zip, StoredEntriesAreReadInPlace) {
  const std::string file = archive_of({});
  const ZipReader zip = ZipReader::parse(bytes_of(file), "t.zip", nullptr);
  const auto content = zip.read(*zip.find("a")).bytes;
  EXPECT_EQ(text_of(content), "hello");
  EXPECT_EQ(reinterpret_cast<const char*>(content.data()), file.data() + 31);
  EXPECT_EQ(zip.find("b"), nullptr);
}

TEST(Zip, ReadsDeflateDescriptorsAndComments) {
  const std::string packed = deflated("hello");
  EXPECT_EQ(read_one(archive_of({.content = packed, .method = 8}), "a"), "hello");
  EXPECT_EQ(read_one(archive_of({.flags = 8, .local_crc = 0, .local_size = 0}), "a"), "hello");
  Archive archive;
  archive.add({});
  EXPECT_EQ(read_one(archive.text("a comment"), "a"), "hello");
  EXPECT_EQ(read_one(archive_of({.content = deflated(""), .method = 8, .size = 0, .crc = 0}), "a"),
            "");
}

TEST(Zip, WriterAndReaderAgreeWithAndWithoutZip64) {
  const TempDir folder;
  for (const uint64_t zip64_from : {uint64_t{0xffffffff}, uint64_t{40}, uint64_t{0}}) {
    const std::string path = folder / "t.zip";
    const std::string large(100, 'x');
    ZipWriter writer(path, zip64_from);
    const std::array parts = {bytes_of("he"), bytes_of("llo")};
    writer.add("first", parts);
    const std::array one = {bytes_of(large)};
    writer.add("folder/second", one);
    writer.add("empty", {});
    writer.commit();
    const ZipReader zip = ZipReader::open(path);
    ASSERT_EQ(zip.entries().size(), 3u);
    EXPECT_EQ(text_of(zip.read(*zip.find("first")).bytes), "hello");
    EXPECT_EQ(text_of(zip.read(*zip.find("folder/second")).bytes), large);
    EXPECT_EQ(zip.read(*zip.find("empty")).bytes.size(), 0u);
  }
}

TEST(Zip, NothingAppearsWithoutCommit) {
  const TempDir folder;
  { ZipWriter(folder / "t.zip").add("a", {}); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Zip, RefusesBadArchives) {
  const std::string good = archive_of({});
  const std::string packed = deflated(std::string(4000, 'z'));
  const auto two = [](const Entry& first, const Entry& second) {
    Archive archive;
    archive.add(first);
    archive.add(second);
    return archive.text();
  };
  const auto patched = [&](size_t from_end, uint8_t value) {
    std::string file = good;
    file[file.size() - from_end] = static_cast<char>(value);
    return file;
  };
  const struct {
    std::string title;
    std::string file;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"empty", "", {"t.zip", "0 bytes cannot hold"}},
      {"foreign", std::string(100, 'x'), {"t.zip", "no ZIP end record"}},
      {"truncated", good.substr(0, good.size() - 3), {"no ZIP end record", "truncated"}},
      {"trailing bytes", good + "x", {"no ZIP end record"}},
      {"leading bytes", "x" + good, {"must end at"}},
      {"disks", patched(18, 1), {"several disks"}},
      {"count", patched(12, 200) /* of entries here */, {"several disks"}},
      {"directory size", patched(10, 1), {"central directory claims 1 bytes"}},
      {"directory offset", patched(6, 1), {"must end at"}},
      {"encrypted", archive_of({.flags = 1}), {"entry 'a' is encrypted"}},
      {"method", archive_of({.method = 12}), {"compression method 12", "expected 0"}},
      {"sizes", archive_of({.size = 6}), {"stored entry 'a' has two sizes, 6 and 5"}},
      {"damage", archive_of({.content = "hellp"}), {"entry 'a' has CRC", "damaged"}},
      {"local crc", archive_of({.local_crc = 1}), {"local header of entry 'a' contradicts"}},
      {"local size", archive_of({.local_size = 4}), {"contradicts the central directory"}},
      {"local name", archive_of({.local_name = "b"}), {"contradicts the central directory"}},
      {"no local", archive_of({.offset_shift = 1}), {"entry 'a'", "no local header at offset 1"}},
      {"offset", archive_of({.offset_shift = 900}), {"entry 'a' starts at offset 900"}},
      {"traversal", archive_of({.name = "../a"}), {"'../a' leaves the archive"}},
      {"absolute", archive_of({.name = "/a"}), {"'/a' leaves the archive"}},
      {"inner dots", archive_of({.name = "a/../../b"}), {"leaves the archive"}},
      {"backslash", archive_of({.name = "..\\b"}), {"leaves the archive"}},
      {"no name", archive_of({.name = ""}), {"leaves the archive"}},
      {"twice", two({}, {}), {"entry 'a' appears twice"}},
      {"overlap",
       two({.name = "a"}, {.name = "a", .offset_shift = uint32_t(-36)}),
       {"entries overlap at offset 0"}},
      {"bomb",
       archive_of({.content = packed, .method = 8, .size = 1 << 30}),
       {"claims to inflate", "limit of 1:1100"}},
      {"inflates to more",
       archive_of({.content = packed, .method = 8, .size = 3999}),
       {"does not inflate to the 3999 bytes"}},
      {"inflates to less",
       archive_of({.content = packed, .method = 8, .size = 4001}),
       {"does not inflate to the 4001 bytes"}},
      {"bad deflate", archive_of({.content = "\xff\xff\xff", .method = 8}), {"does not inflate"}},
      {"zip64 missing", archive_of({.method = 8, .size = 0xffffffff}), {"zip64 field", "missing"}},
      {"zip64 short",
       archive_of({.method = 8, .size = 0xffffffff, .central_extra = {"\1\0\4\0abcd", 8}}),
       {"ends early"}},
      {"zip64 lie",
       archive_of({.method = 8,
                   .size = 0xffffffff,
                   .central_extra = {"\1\0\x8\0\xff\xff\xff\xff\xff\xff\xff\x7f", 12}}),
       {"claims to inflate"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.title);
    expect_bad_input(test.parts, [&] { read_all(test.file); });
  }
}

TEST(Zip, EveryTruncationAndEveryByteFlipIsHandled) {
  const std::string good = archive_of({.content = deflated("hello"), .method = 8});
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(read_all(good.substr(0, length)), Error) << length;
  }
  for (size_t at = 0; at < good.size(); ++at) {
    std::string file = good;
    file[at] = static_cast<char>(file[at] ^ 0x41);
    try {
      read_all(file);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    }
  }
}

TEST(Zip, EntriesAreCounted) {
  const int64_t previous = limits().max_zip_entries;
  limits().max_zip_entries = 1;
  Archive archive;
  archive.add({});
  archive.add({.name = "b"});
  expect_bad_input({"2 entries claimed", "limit 1 entries"}, [&] { read_all(archive.text()); });
  limits().max_zip_entries = previous;
}

}  // namespace
}  // namespace tendon
