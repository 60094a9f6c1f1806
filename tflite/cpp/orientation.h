// How a camera was held: EXIF's tag 0x0112 (EXIF 2.3, table 4) of JPEG and PNG, 1 to 8, and the picture turned by it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Picture {
  int height = 0, width = 0;
  std::vector<uint8_t> rgb;
};

inline bool is_png(const std::string& bytes) { return bytes.compare(0, 4, "\x89PNG") == 0; }
inline bool is_jpeg(const std::string& bytes) { return bytes.compare(0, 2, "\xff\xd8") == 0; }

// A number of `size` bytes; 0 where the bytes end before it, which is no orientation.
inline uint32_t number_at(const std::string& bytes, uint64_t at, int size, bool is_little = false) {
  if (at + size > bytes.size()) return 0;
  uint32_t held = 0;
  for (int i = 0; i < size; ++i) held = held << 8 | static_cast<uint8_t>(bytes[at + (is_little ? size - 1 - i : i)]);
  return held;
}

// The segment of EXIF, which is a TIFF's head and its tags; empty where there is none.
inline std::string exif_of(const std::string& bytes) {
  if (is_png(bytes)) {
    for (uint64_t at = 8; at + 12 <= bytes.size(); at += 12 + uint64_t{number_at(bytes, at, 4)})
      if (bytes.compare(at + 4, 4, "eXIf") == 0) return bytes.substr(at + 8, number_at(bytes, at, 4));
    return "";
  }
  if (!is_jpeg(bytes)) return "";
  for (uint64_t at = 2; at + 4 <= bytes.size() && bytes[at] == '\xff';) {
    uint32_t marker = number_at(bytes, at + 1, 1), length = number_at(bytes, at + 2, 2);
    if (marker == 0xda) break;  // the picture itself begins
    if (marker == 0xe1 && length >= 8 && bytes.compare(at + 4, 6, std::string("Exif\0\0", 6)) == 0)
      return bytes.substr(at + 10, length - 8);
    at += marker == 0xff ? 1 : 2 + length;  // of two 0xff, the first one fills
  }
  return "";
}

// 1 to 8; 1, which is upright, where nothing or nothing sound is said.
inline int orientation_of(const std::string& bytes) {
  constexpr uint32_t kTag = 0x0112, kShort = 3, kLong = 4;
  std::string exif = exif_of(bytes);
  bool is_little = exif.compare(0, 4, std::string("II*\0", 4)) == 0;
  if (!is_little && exif.compare(0, 4, std::string("MM\0*", 4)) != 0) return 1;
  uint64_t place = number_at(exif, 4, 4, is_little);
  uint32_t count = number_at(exif, place, 2, is_little);
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t at = place + 2 + 12 * uint64_t{i};
    if (at + 12 > exif.size()) break;
    if (number_at(exif, at, 2, is_little) != kTag) continue;
    uint32_t type = number_at(exif, at + 2, 2, is_little);
    if ((type != kShort && type != kLong) || number_at(exif, at + 4, 4, is_little) != 1) return 1;
    uint32_t said = number_at(exif, at + 8, type == kShort ? 2 : 4, is_little);
    return said >= 1 && said <= 8 ? static_cast<int>(said) : 1;
  }
  return 1;
}

// A picture as it was seen: from 5 on rows and columns change places.
inline Picture upright(Picture picture, int orientation) {
  if (orientation == 1) return picture;
  bool is_turned = orientation >= 5;
  size_t h = picture.height, w = picture.width, height = is_turned ? w : h, width = is_turned ? h : w;
  bool from_below = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 6;
  bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  Picture held{static_cast<int>(height), static_cast<int>(width), std::vector<uint8_t>(picture.rgb.size())};
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < width; ++x) {
      size_t row = is_turned ? x : y, column = is_turned ? y : x;
      row = from_below ? h - 1 - row : row;
      column = from_right ? w - 1 - column : column;
      for (int c = 0; c < 3; ++c) held.rgb[3 * (y * width + x) + c] = picture.rgb[3 * (row * w + column) + c];
    }
  return held;
}
