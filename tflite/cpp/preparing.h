// A picture to what a file takes, by `preprocess` of contract.json: float32, in the order of operations that it says.
// Compile without fused multiplication and addition (-ffp-contract=off), or a tie may be rounded otherwise.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

#include "pictures.h"

struct Floats {
  int height = 0, width = 0;
  std::vector<float> values;  // [height, width, 3]
};

inline int half_even(float v) { return static_cast<int>(std::nearbyint(v)); }

// Weights of the pixels of one output index along an axis.
using Shares = std::vector<std::pair<int, float>>;
using Plan = std::vector<Shares>;

struct Pair {
  int lower, upper;
  float share;
};

inline Pair pair_of(int index, int count, int length) {
  float scale = static_cast<float>(length) / static_cast<float>(count);
  float at = (static_cast<float>(index) + 0.5f) * scale - 0.5f;
  int upper = std::min(static_cast<int>(std::ceil(at)), length - 1);
  int lower = std::min(std::max(static_cast<int>(std::floor(at)), 0), upper);
  return {lower, upper, at - std::floor(at)};
}

// Half-pixel centers, the border repeats: along a row first, then between two rows.
inline Floats bilinear(const Floats& in, int height, int width) {
  Floats out{height, width, std::vector<float>(3u * height * width)};
  for (int y = 0; y < height; ++y) {
    Pair rows = pair_of(y, height, in.height);
    for (int x = 0; x < width; ++x) {
      Pair columns = pair_of(x, width, in.width);
      for (int c = 0; c < 3; ++c) {
        auto between = [&](int row) {
          const float* line = &in.values[3u * in.width * row];
          float first = line[3 * columns.lower + c];
          return first + (line[3 * columns.upper + c] - first) * columns.share;
        };
        float upper = between(rows.lower);
        out.values[3u * (static_cast<size_t>(y) * width + x) + c] = upper + (between(rows.upper) - upper) * rows.share;
      }
    }
  }
  return out;
}

inline Floats nearest(const Floats& in, int height, int width) {
  Floats out{height, width, std::vector<float>(3u * height * width)};
  auto place = [](int index, int count, int length) {
    float scale = static_cast<float>(length) / static_cast<float>(count);
    float at = (static_cast<float>(index) + 0.5f) * scale - 0.5f;
    return std::min(std::max(static_cast<int>(std::floor(at + 0.5f)), 0), length - 1);
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        out.values[3u * (static_cast<size_t>(y) * width + x) + c] =
            in.values[3u * (static_cast<size_t>(place(y, height, in.height)) * in.width + place(x, width, in.width)) + c];
  return out;
}

// The pixels of the field of each output index, parts of pixels counted as parts.
inline Plan fields(int count, int length) {
  float scale = static_cast<float>(length) / static_cast<float>(count);
  Plan plan(count);
  for (int i = 0; i < count; ++i) {
    float low = static_cast<float>(i) * scale, high = (static_cast<float>(i) + 1.0f) * scale;
    int first = static_cast<int>(std::floor(low)), end = static_cast<int>(std::ceil(high));
    for (int at = first; at < end; ++at) {
      float left = static_cast<float>(at), right = static_cast<float>(at + 1);
      float share = left < low ? (right > high ? scale : right - low) : right > high ? high - left : 1.0f;
      plan[i].push_back({std::min(std::max(at, 0), length - 1), share});
    }
  }
  return plan;
}

inline Floats area(const Floats& in, int height, int width) {
  Floats out{height, width, std::vector<float>(3u * height * width)};
  Plan rows = fields(height, in.height), columns = fields(width, in.width);
  float high = static_cast<float>(in.height) / static_cast<float>(height);
  float wide = static_cast<float>(in.width) / static_cast<float>(width), every = 1.0f / (high * wide);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) {
        float total = 0;
        bool begun = false;
        for (auto [row, down] : rows[y]) {
          float along = 0;
          for (auto [column, across] : columns[x])
            along = along + in.values[3u * (static_cast<size_t>(row) * in.width + column) + c] * across;
          along = along * down;
          total = begun ? total + along : along;
          begun = true;
        }
        out.values[3u * (static_cast<size_t>(y) * width + x) + c] = total * every;
      }
  return out;
}

inline bool can_prepare(const Json& rules) {
  if (rules["kind"].text != "image" || rules.has("present")) return false;
  const std::string &fit = rules["resize"].text, &way = rules["resample"].text;
  return (fit == "stretch" || fit == "letterbox" || fit == "center_crop") && (way == "bilinear" || way == "nearest");
}

inline std::vector<uint8_t> resized(const Picture& image, int height, int width, const Json& rules) {
  Floats held{image.height, image.width, std::vector<float>(image.rgb.begin(), image.rgb.end())};
  if (rules["antialias"].kind == Json::kString && rules["antialias"].text == "area") {
    int h = held.height > 2 * height ? height : held.height, w = held.width > 2 * width ? width : held.width;
    if (h != held.height || w != held.width) held = area(held, h, w);
  }
  held = rules["resample"].text == "nearest" ? nearest(held, height, width) : bilinear(held, height, width);
  std::vector<uint8_t> bytes;
  for (float v : held.values) bytes.push_back(static_cast<uint8_t>(std::min(std::max(std::nearbyint(v), 0.0f), 255.0f)));
  return bytes;
}

// Where the original went: graph = original * scale + offset, in pixels.
struct Geometry {
  float scale_y = 1, scale_x = 1, offset_y = 0, offset_x = 0;
};

inline std::vector<uint8_t> prepare(const Picture& image, const Json& rules, Geometry* geometry) {
  int height = rules["size_hw"].integers()[0], width = rules["size_hw"].integers()[1];
  float h = static_cast<float>(image.height), w = static_cast<float>(image.width);
  const std::string& fit = rules["resize"].text;
  if (fit == "stretch") {
    *geometry = {height / h, width / w, 0, 0};
    return resized(image, height, width, rules);
  }
  if (fit == "letterbox") {
    float scale = std::min(static_cast<float>(height) / h, static_cast<float>(width) / w);
    int inner_h = std::min(std::max(half_even(h * scale), 1), height);
    int inner_w = std::min(std::max(half_even(w * scale), 1), width);
    int top = (height - inner_h) / 2, left = (width - inner_w) / 2;
    *geometry = {inner_h / h, inner_w / w, static_cast<float>(top), static_cast<float>(left)};
    std::vector<uint8_t> inner = resized(image, inner_h, inner_w, rules);
    std::vector<uint8_t> page(3u * height * width, static_cast<uint8_t>(rules["letterbox"]["gray"].number));
    for (int y = 0; y < inner_h; ++y)
      std::copy_n(&inner[3u * inner_w * y], 3u * inner_w, &page[3u * (static_cast<size_t>(top + y) * width + left)]);
    return page;
  }
  float step = std::min(h / static_cast<float>(height), w / static_cast<float>(width));
  step = step * static_cast<float>(rules["crop_fraction"].number);
  int window_h = std::max(half_even(height * step), 1), window_w = std::max(half_even(width * step), 1);
  int top = (image.height - window_h) / 2, left = (image.width - window_w) / 2;
  Picture cut{window_h, window_w, {}};
  for (int y = top; y < top + window_h; ++y) {
    const uint8_t* begin = &image.rgb[3u * (static_cast<size_t>(y) * image.width + left)];
    cut.rgb.insert(cut.rgb.end(), begin, begin + 3u * window_w);
  }
  float scale_y = static_cast<float>(height) / window_h, scale_x = static_cast<float>(width) / window_w;
  *geometry = {scale_y, scale_x, -(top * scale_y), -(left * scale_x)};
  return resized(cut, height, width, rules);
}
