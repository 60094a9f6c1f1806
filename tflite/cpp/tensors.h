// Arrays of golden.json: base64 of little-endian numbers. And sha256 (FIPS 180-4), by which a file is known.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "json.h"

inline std::string from_base64(const std::string& text) {
  std::string held;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    int v = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52
            : c == '+' ? 62 : c == '/' ? 63 : -1;
    if (c == '=') break;
    if (v < 0) throw EdgeError("a tensor of golden.json is damaged: it is no base64; export the model again");
    bits = bits << 6 | static_cast<uint32_t>(v);
    if (++count % 4 != 1) held += static_cast<char>(bits >> (6 - 2 * ((count - 1) % 4)) & 255);
  }
  return held;
}

// Numbers of one tensor as doubles: of its shape, or every n-th position of it. Integers up to 2^53 are exact.
struct Tensor {
  std::string dtype;
  std::vector<int> shape;
  int every = 1;
  std::vector<double> values;

  int last() const { return shape.empty() ? 1 : shape.back(); }
};

inline size_t width_of(const std::string& dtype) {
  if (dtype == "uint8" || dtype == "int8" || dtype == "bool") return 1;
  if (dtype == "int16") return 2;
  if (dtype == "float32" || dtype == "int32") return 4;
  if (dtype == "float64" || dtype == "int64") return 8;
  throw EdgeError("this client knows no numbers of " + dtype);
}

template <class T>
double number_at(const char* bytes) {
  T held;
  std::memcpy(&held, bytes, sizeof held);
  return static_cast<double>(held);
}

inline double number(const std::string& dtype, const char* bytes) {
  if (dtype == "uint8" || dtype == "bool") return number_at<uint8_t>(bytes);
  if (dtype == "int8") return number_at<int8_t>(bytes);
  if (dtype == "int16") return number_at<int16_t>(bytes);
  if (dtype == "int32") return number_at<int32_t>(bytes);
  if (dtype == "int64") return number_at<int64_t>(bytes);
  return dtype == "float32" ? number_at<float>(bytes) : number_at<double>(bytes);
}

template <class T>
void put(double value, std::string& bytes) {
  T held = static_cast<T>(value);
  bytes.append(reinterpret_cast<const char*>(&held), sizeof held);
}

inline void put_number(const std::string& dtype, double value, std::string& bytes) {
  if (dtype == "uint8" || dtype == "bool") put<uint8_t>(value, bytes);
  else if (dtype == "int8") put<int8_t>(value, bytes);
  else if (dtype == "int16") put<int16_t>(value, bytes);
  else if (dtype == "int32") put<int32_t>(value, bytes);
  else if (dtype == "int64") put<int64_t>(value, bytes);
  else if (dtype == "float32") put<float>(value, bytes);
  else put<double>(value, bytes);
}

inline Tensor from_bytes(const std::string& dtype, const std::vector<int>& shape, const std::string& bytes) {
  Tensor held{dtype, shape, 1, {}};
  size_t width = width_of(dtype);
  for (size_t at = 0; at + width <= bytes.size(); at += width) held.values.push_back(number(dtype, &bytes[at]));
  return held;
}

inline Tensor unpacked(const Json& row) {
  Tensor held = from_bytes(row["dtype"].text, row["shape"].integers(), from_base64(row["data"].text));
  held.every = row.has("every") ? static_cast<int>(row["every"].number) : 1;
  return held;
}

// Every n-th position of an array, a position being all but the last axis.
inline Tensor thinned(const Tensor& whole, int every) {
  if (every == 1) return whole;
  Tensor held{whole.dtype, whole.shape, every, {}};
  size_t last = whole.last();
  for (size_t at = 0; at < whole.values.size(); at += last * every)
    held.values.insert(held.values.end(), whole.values.begin() + at, whole.values.begin() + at + last);
  return held;
}

// A number of a file as the real one that it stands for. row: the tensor's, of contract.json.
inline double real(double value, const Json& row) {
  if (!row.has("quantization")) return value;
  const auto& held = row["quantization"].items;
  return (static_cast<float>(value) - static_cast<float>(held[1].number)) * static_cast<float>(held[0].number);
}

// A real array as the bytes that a file takes, and back by `real`.
inline std::string typed(const Tensor& prepared, const Json& row) {
  std::string bytes, dtype = row["dtype"].text;
  for (double value : prepared.values) {
    if (row.has("quantization")) {
      const auto& held = row["quantization"].items;
      value = std::nearbyint(static_cast<float>(value) / static_cast<float>(held[0].number)) + held[1].number;
      double low = dtype == "int8" ? -128 : dtype == "int16" ? -32768 : 0;
      double high = dtype == "int8" ? 127 : dtype == "int16" ? 32767 : 255;
      value = std::min(std::max(value, low), high);
    }
    put_number(dtype, value, bytes);
  }
  return bytes;
}

inline std::string sha256(const std::string& content) {
  auto root = [](double v, double power) {  // the first 32 bits of the fraction of a root
    double r = std::pow(v, power);
    return static_cast<uint32_t>((r - std::floor(r)) * 4294967296.0);
  };
  uint32_t k[64], h[8];
  for (int n = 2, found = 0; found < 64; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n; ++d) prime = prime && n % d;
    if (!prime) continue;
    if (found < 8) h[found] = root(n, 1.0 / 2);
    long double r = cbrtl(n);
    k[found++] = static_cast<uint32_t>((r - floorl(r)) * 4294967296.0L);
  }
  std::string text = content + '\x80';
  while (text.size() % 64 != 56) text += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(uint64_t(content.size()) * 8 >> shift & 255);
  auto turn = [](uint32_t v, int by) { return v >> by | v << (32 - by); };
  for (size_t block = 0; block < text.size(); block += 64) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; ++i) {
      w[i] = 0;
      for (int j = 0; j < 4; ++j) w[i] = w[i] << 8 | static_cast<uint8_t>(text[block + 4 * i + j]);
    }
    for (int i = 16; i < 64; ++i)
      w[i] = w[i - 16] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
             (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
    std::memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; ++i) {
      uint32_t a = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
      uint32_t b = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
      std::memmove(s + 1, s, 7 * sizeof *s);
      s[4] += a;
      s[0] = a + b;
    }
    for (int i = 0; i < 8; ++i) h[i] += s[i];
  }
  char digits[65];
  for (int i = 0; i < 8; ++i) std::snprintf(digits + 8 * i, 9, "%08x", h[i]);
  return digits;
}
