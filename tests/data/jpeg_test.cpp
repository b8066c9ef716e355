#include "data/jpeg.h"

#include <array>

#include "base/limits.h"
#include "data/episode_files.h"
#include "support/files.h"

namespace tendon {
namespace {

using testing::encode_jpeg;
using testing::expect_bad_input;

constexpr int kHeight = 24;
constexpr int kWidth = 40;
constexpr size_t kPlane = size_t{kHeight} * kWidth;

std::vector<uint8_t> uniform(uint8_t red, uint8_t green, uint8_t blue) {
  std::vector<uint8_t> pixels;
  for (int i = 0; i < kHeight * kWidth; ++i) pixels.insert(pixels.end(), {red, green, blue});
  return pixels;
}

std::vector<uint8_t> good_jpeg(int quality = 90) {
  return encode_jpeg(uniform(200, 100, 50), kHeight, kWidth, quality);
}

size_t last_marker(const std::vector<uint8_t>& jpeg, uint8_t marker) {
  const std::array<uint8_t, 2> wanted = {0xff, marker};
  const auto found = std::find_end(jpeg.begin(), jpeg.end(), wanted.begin(), wanted.end());
  return static_cast<size_t>(found - jpeg.begin());
}

std::vector<uint8_t> decode(const std::vector<uint8_t>& jpeg, bool swap = false) {
  std::vector<uint8_t> planes(3 * kPlane);
  decode_jpeg(std::as_bytes(std::span(jpeg)), "place", kHeight, kWidth, swap, planes);
  return planes;
}

TEST(Jpeg, DecodesToPlanesInEitherOrder) {
  const auto rgb = decode(good_jpeg());
  EXPECT_NEAR(rgb[0], 200, 2);
  EXPECT_NEAR(rgb[kPlane + 7], 100, 2);
  EXPECT_NEAR(rgb[2 * kPlane + 7], 50, 2);
  const auto bgr = decode(good_jpeg(), true);
  EXPECT_EQ(bgr[0], rgb[2 * kPlane]);
  EXPECT_EQ(bgr[2 * kPlane], rgb[0]);
}

TEST(Jpeg, BytesAfterTheEndMarkerAreIgnored) {
  auto padded = good_jpeg();
  padded.resize(padded.size() + 1000);
  EXPECT_EQ(decode(padded), decode(good_jpeg()));
}

TEST(Jpeg, HeaderTellsSizeAndQuality50) {
  for (const int quality : {49, 50, 51, 60, 95}) {
    const auto jpeg = good_jpeg(quality);
    const JpegHeader header = read_jpeg_header(std::as_bytes(std::span(jpeg)), "place");
    EXPECT_EQ(header.height, kHeight);
    EXPECT_EQ(header.width, kWidth);
    EXPECT_EQ(header.is_quality_50, quality == 50) << quality;
  }
}

TEST(Jpeg, RefusesBadImages) {
  const auto good = good_jpeg();
  const auto patched = [&](size_t at, uint8_t value) {
    auto jpeg = good;
    jpeg[at] = value;
    return jpeg;
  };
  const size_t frame_header = last_marker(good, 0xc0);
  auto huge = good;
  for (const size_t at : {5, 6, 7, 8}) huge[frame_header + at] = 0xf0;
  const auto cut = [&](size_t length) {
    auto jpeg = good;
    jpeg.resize(length);
    return jpeg;
  };
  auto zeroed = good;
  std::fill(zeroed.end() - 12, zeroed.end(), uint8_t{0});
  const struct {
    std::string title;
    std::vector<uint8_t> jpeg;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"empty", {}, {"place", "no readable JPEG"}},
      {"zeros", std::vector<uint8_t>(100), {"place", "no readable JPEG", "0x00 0x00"}},
      {"text", {'h', 'e', 'l', 'l', 'o'}, {"place", "no readable JPEG"}},
      {"magic only", cut(2), {"place", "no readable JPEG"}},
      {"truncated", cut(good.size() - 20), {"place", "damaged JPEG image", "remature end"}},
      {"end zeroed", zeroed, {"place", "damaged JPEG image"}},
      {"components", patched(frame_header + 9, 4), {"place", "JPEG"}},
      {"gray",
       encode_jpeg(std::vector<uint8_t>(kPlane, 9), kHeight, kWidth, 90, JCS_GRAYSCALE),
       {"place", "1 components, expected 3"}},
      {"huge", huge, {"61680 x 61680", "more than the limit of 64000000"}},
      {"other size",
       encode_jpeg(uniform(1, 2, 3), kHeight / 2, kWidth, 90),
       {"place", "12 x 40 pixels (height x width), expected 24 x 40"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.title);
    expect_bad_input(test.parts, [&] { decode(test.jpeg); });
  }
}

TEST(Jpeg, ManyScansAreRefused) {
  auto jpeg = encode_jpeg(uniform(9, 8, 7), kHeight, kWidth, 90, JCS_RGB, true);
  EXPECT_NO_THROW(decode(jpeg));
  const auto scan = jpeg.begin() + static_cast<std::ptrdiff_t>(last_marker(jpeg, 0xda));
  const std::vector<uint8_t> last(scan, jpeg.end() - 2);
  for (int i = 0; i < 200; ++i) jpeg.insert(jpeg.end() - 2, last.begin(), last.end());
  expect_bad_input({"place", "damaged"}, [&] { decode(jpeg); });
}

TEST(Jpeg, EveryByteFlipIsHandled) {
  const auto good = good_jpeg();
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x40, 0xff}) {
      auto jpeg = good;
      jpeg[at] = static_cast<uint8_t>(jpeg[at] ^ flip);
      try {
        decode(jpeg);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace tendon
