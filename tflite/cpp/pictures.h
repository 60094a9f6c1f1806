// Encoded pictures to RGB: PPM (P6) always, PNG and JPEG where CMake has found libpng and libjpeg.
#pragma once

#include <cstdint>
#include <memory>

#include "json.h"
#include "orientation.h"

#ifdef KERASVISION_PNG
#include <png.h>
#endif
#ifdef KERASVISION_JPEG
#include <csetjmp>
#include <cstdio>
#include <jpeglib.h>
#endif

constexpr uint64_t kMostPixels = uint64_t{1} << 28;  // 0.8 GB of RGB, four times that as float32

// Bytes of a picture's RGB. Throws EdgeError of more than kMostPixels: sides come from a header that may be damaged.
inline size_t rgb_bytes(uint64_t height, uint64_t width) {
  if (height && width > kMostPixels / height)
    throw EdgeError("the image has " + std::to_string(width) + " x " + std::to_string(height) +
                    " pixels, and this client decodes at most " + std::to_string(kMostPixels));
  return static_cast<size_t>(3 * height * width);
}

inline Picture from_ppm(const std::string& bytes) {
  std::istringstream head(bytes);
  std::string kind;
  int width = 0, height = 0, most = 0;
  head >> kind >> width >> height >> most;
  size_t begin = static_cast<size_t>(head.tellg()) + 1;
  bool is_ppm = head && kind == "P6" && most == 255 && width > 0 && height > 0;
  size_t size = is_ppm ? rgb_bytes(height, width) : 0;
  if (!is_ppm || bytes.size() < begin + size)
    throw EdgeError("the image cannot be decoded: a PPM is P6 with 8 bits, and whole");
  return {height, width, std::vector<uint8_t>(bytes.begin() + begin, bytes.begin() + begin + size)};
}

#ifdef KERASVISION_PNG
inline Picture from_png(const std::string& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  std::unique_ptr<png_image, void (*)(png_image*)> freed(&image, [](png_image* held) { png_image_free(held); });
  Picture held;
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size())) {
    if (image.format & PNG_FORMAT_FLAG_LINEAR || image.format & PNG_FORMAT_FLAG_ALPHA)
      throw EdgeError("the image has 16 bits or transparency, which this client does not prepare");
    image.format = PNG_FORMAT_RGB;
    held = {static_cast<int>(image.height), static_cast<int>(image.width), {}};
    held.rgb.resize(rgb_bytes(image.height, image.width));
    png_image_finish_read(&image, nullptr, held.rgb.data(), 0, nullptr);
  }
  if (image.warning_or_error & 2) throw EdgeError("the image cannot be decoded: " + std::string(image.message));
  return held;
}
#endif

#ifdef KERASVISION_JPEG
struct JpegFailure {
  jpeg_error_mgr manager;
  std::jmp_buf back;
};

// held: outside, for what is made between setjmp and longjmp is not destroyed.
inline void read_jpeg(jpeg_decompress_struct& state, JpegFailure& failure, const std::string& bytes, Picture& held) {
  if (setjmp(failure.back)) throw EdgeError("the image cannot be decoded: cut off or damaged");
  jpeg_mem_src(&state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&state, TRUE);
  held.rgb.resize(rgb_bytes(state.image_height, state.image_width));  // before libjpeg takes memory of its own
  held.height = static_cast<int>(state.image_height);
  held.width = static_cast<int>(state.image_width);
  state.out_color_space = JCS_RGB;
  state.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&state);
  while (state.output_scanline < state.output_height) {
    unsigned char* row = &held.rgb[size_t{3} * held.width * state.output_scanline];
    jpeg_read_scanlines(&state, &row, 1);
  }
  jpeg_finish_decompress(&state);
}

inline Picture from_jpeg(const std::string& bytes) {
  jpeg_decompress_struct state;
  JpegFailure failure;
  state.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = [](j_common_ptr s) { std::longjmp(reinterpret_cast<JpegFailure*>(s->err)->back, 1); };
  failure.manager.output_message = [](j_common_ptr) {};
  Picture held;
  if (setjmp(failure.back)) throw EdgeError("the image cannot be decoded: libjpeg cannot begin");
  jpeg_create_decompress(&state);
  std::unique_ptr<jpeg_decompress_struct, void (*)(jpeg_decompress_struct*)> freed(&state, jpeg_destroy_decompress);
  read_jpeg(state, failure, bytes, held);
  return held;
}
#endif

// Whether this program was built with what reads such bytes.
inline bool can_decode(const std::string& bytes) {
  bool known = bytes.compare(0, 2, "P6") == 0;
#ifdef KERASVISION_PNG
  known = known || is_png(bytes);
#endif
#ifdef KERASVISION_JPEG
  known = known || is_jpeg(bytes);
#endif
  return known;
}

inline Picture stored(const std::string& bytes) {
#ifdef KERASVISION_PNG
  if (is_png(bytes)) return from_png(bytes);
#endif
#ifdef KERASVISION_JPEG
  if (is_jpeg(bytes)) return from_jpeg(bytes);
#endif
  return from_ppm(bytes);
}

// rule: `exif_orientation` of contract.json, "applied" or "ignored" (the pixels as they are stored).
inline Picture decode(const std::string& bytes, const std::string& rule) {
  return rule == "applied" ? upright(stored(bytes), orientation_of(bytes)) : stored(bytes);
}
