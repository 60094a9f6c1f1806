// A prediction as JSON, by what it holds: the rows that `kerasvision predict --json` has.
#pragma once

#include "restoring.h"

constexpr size_t kTop = 5;  // of the best classes

// The shortest digits that are read as the same number.
inline std::string in_digits(double value) {
  char text[40];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return std::isfinite(value) ? text : std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

inline std::string rounded(double value, const char* form) {
  char text[400];
  std::snprintf(text, sizeof text, form, value);
  return in_digits(std::strtod(text, nullptr));
}

inline std::string quoted(const std::string& text) {
  std::string held = "\"";
  for (char c : text) {
    char code[8];
    std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned char>(c));
    if (c == '"' || c == '\\') held += '\\', held += c;
    else if (static_cast<unsigned char>(c) < 32) held += code;
    else held += c;
  }
  return held + "\"";
}

inline std::string joined(const std::vector<std::string>& parts, const char* open, const char* close) {
  std::string held;
  for (const std::string& part : parts) held += (held.empty() ? "" : ", ") + part;
  return open + held + close;
}

inline std::string list(const std::vector<std::string>& parts) { return joined(parts, "[", "]"); }
inline std::string object(const std::vector<std::string>& parts) { return joined(parts, "{", "}"); }

inline std::string name_of(const Json& classes, size_t index) { return quoted(classes.items.at(index).text); }

inline std::string score_row(const Json& classes, size_t index, double score) {
  return "\"label\": " + name_of(classes, index) + ", \"index\": " + std::to_string(index) +
         ", \"score\": " + rounded(score, "%.6f");
}

inline std::string numbers(const std::vector<double>& values, size_t begin, size_t count, const char* form) {
  std::vector<std::string> parts;
  for (size_t i = begin; i < begin + count; ++i) parts.push_back(rounded(values.at(i), form));
  return list(parts);
}

// promise: of the file's row in contract.json, or null.
inline std::vector<std::string> said(const Json* promise) {
  if (!promise) return {};
  return {"\"coverage\": " + in_digits((*promise)["coverage"].number), "\"of\": " + quoted((*promise)["of"].text)};
}

inline std::string with_promise(std::vector<std::string> parts, const Json* promise) {
  for (const std::string& part : said(promise)) parts.push_back(part);
  return object(parts);
}

inline std::string described_classes(const Answer& values, const Json& classes, const Json* promise) {
  const std::vector<double>& scores = values.at("probabilities").values;
  std::vector<size_t> order = by_score(scores);
  std::vector<std::string> rows, in_set;
  bool several = values.count("present");
  for (size_t i = 0; i < order.size(); ++i) {
    if (several ? values.at("present").values.at(order[i]) != 0 : i < kTop)
      rows.push_back("{" + score_row(classes, order[i], scores[order[i]]) + "}");
    if (values.count("in_set") && values.at("in_set").values.at(order[i])) in_set.push_back(name_of(classes, order[i]));
  }
  std::vector<std::string> parts{(several ? "\"labels\": " : "\"top\": ") + list(rows)};
  if (values.count("in_set")) parts.push_back("\"set\": " + with_promise({"\"labels\": " + list(in_set)}, promise));
  return object(parts);
}

inline std::string described_objects(const Answer& values, const Json& classes, const Json* promise) {
  std::vector<std::string> rows;
  size_t kept = values.count("outer_count") ? static_cast<size_t>(values.at("outer_count").values[0]) : 0;
  for (size_t i = 0; i < static_cast<size_t>(values.at("count").values[0]); ++i) {
    size_t label = static_cast<size_t>(values.at("labels").values.at(i));
    std::string row = score_row(classes, label, values.at("scores").values.at(i));
    row += ", \"box_xyxy\": " + numbers(values.at("boxes_xyxy").values, 4 * i, 4, "%.2f");
    if (i < kept) row += ", \"outer_xyxy\": " + numbers(values.at("outer_xyxy").values, 4 * i, 4, "%.2f");
    rows.push_back("{" + row + "}");
  }
  std::vector<std::string> parts{"\"objects\": " + list(rows)};
  if (values.count("outer_xyxy"))
    parts.push_back("\"outer\": " + with_promise({"\"boxes\": " + std::to_string(kept)}, promise));
  return object(parts);
}

inline std::string described_quads(const Answer& values) {
  std::vector<std::string> rows;
  for (size_t i = 0; i < static_cast<size_t>(values.at("count").values[0]); ++i) {
    std::vector<std::string> corners;
    for (size_t k = 0; k < 4; ++k) corners.push_back(numbers(values.at("quads_xy").values, 8 * i + 2 * k, 2, "%.2f"));
    rows.push_back("{\"score\": " + rounded(values.at("scores").values.at(i), "%.6f") + ", \"quad_xy\": " + list(corners) + "}");
  }
  return object({"\"quads\": " + list(rows)});
}

// The code points of UTF-8; 0xFFFD in place of a byte that begins none.
inline std::vector<unsigned> points_of(const std::string& text) {
  std::vector<unsigned> found;
  for (size_t i = 0; i < text.size();) {
    unsigned char first = text[i++];
    int more = first < 0x80 ? 0 : first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : -1;
    unsigned code = more < 0 ? 0xFFFD : more ? first & (0x3F >> more) : first;
    for (; more > 0 && i < text.size(); --more) code = code << 6 | (text[i++] & 0x3F);
    found.push_back(code);
  }
  return found;
}

// Whether a text has a character of the blocks in which Unicode keeps letters from right to left.
inline bool may_run_back(const std::string& text) {
  constexpr unsigned kBlocks[][2] = {{0x590, 0x8FF}, {0x200F, 0x200F}, {0xFB1D, 0xFDFF}, {0xFE70, 0xFEFF}, {0x10800, 0x10FFF}, {0x1E800, 0x1EFFF}};
  for (unsigned point : points_of(text))
    for (const auto& block : kBlocks)
      if (block[0] <= point && point <= block[1]) return true;
  return false;
}

// A line of text, whose order of reading is that of its characters from left to right.
inline std::string described_line(const Answer& values, const Json& classes) {
  std::vector<std::string> rows;
  std::string text;
  for (size_t i = 0; i < static_cast<size_t>(values.at("count").values[0]); ++i) {
    const std::string& name = classes.items.at(static_cast<size_t>(values.at("labels").values.at(i))).text;
    std::string letter = name == "\xe2\x90\xa3" ? " " : name;  // the class of the blank
    text += letter;
    rows.push_back("{\"text\": " + quoted(letter) + ", \"score\": " + rounded(values.at("scores").values.at(i), "%.6f") +
                   ", \"box_xyxy\": " + numbers(values.at("boxes_xyxy").values, 4 * i, 4, "%.2f") + "}");
  }
  std::string score = rounded(values.at("path_score").values.at(0), "%.6f");
  return object({"\"text\": " + quoted(text), "\"score\": " + score, "\"characters\": " + list(rows)});
}

// UTF-8, padded with 0.
inline std::string described_caption(const Answer& values) {
  std::string text;
  for (double byte : values.at("text_bytes").values) text += static_cast<char>(static_cast<unsigned char>(byte));
  text.erase(text.find_last_not_of('\0') + 1);
  return object({"\"text\": " + quoted(text), "\"score\": " + rounded(values.at("caption_score").values.at(0), "%.6f")});
}

// COCO's run lengths down the columns, as `pycocotools.mask.encode` writes them.
inline std::string run_lengths(const std::vector<double>& mask, size_t height, size_t width, double index) {
  std::vector<long> lengths{0};
  bool last = false;
  for (size_t x = 0; x < width; ++x)
    for (size_t y = 0; y < height; ++y) {
      bool on = mask[y * width + x] == index;
      if (on != last) lengths.push_back(0), last = on;
      ++lengths.back();
    }
  std::string text;
  for (size_t i = 0; i < lengths.size(); ++i) {
    long rest = i > 2 ? lengths[i] - lengths[i - 2] : lengths[i];
    for (bool more = true; more;) {
      long bits = rest & 31;
      rest >>= 5;
      more = bits & 16 ? rest != -1 : rest != 0;
      text += static_cast<char>(bits + (more ? 32 : 0) + 48);
    }
  }
  return "{\"size\": [" + std::to_string(height) + ", " + std::to_string(width) + "], \"counts\": " + quoted(text) + "}";
}

inline std::string described_segments(const Answer& values, const Json& classes) {
  const Tensor& mask = values.at("mask");
  std::map<size_t, size_t> counts;
  for (double index : mask.values) ++counts[static_cast<size_t>(index)];
  std::vector<std::string> named, rows;
  for (const auto& [index, count] : counts) {
    if (index >= classes.items.size()) continue;  // 255 is no class
    named.push_back(name_of(classes, index) + ": " + std::to_string(count));
    std::string lengths = run_lengths(mask.values, mask.shape[0], mask.shape[1], static_cast<double>(index));
    rows.push_back("{\"label\": " + name_of(classes, index) + ", \"index\": " + std::to_string(index) + ", \"mask\": " + lengths + "}");
  }
  return object({"\"classes\": " + object(named), "\"segments\": " + list(rows)});
}

// Numbers of a tensor as lists within lists, from an axis on.
inline std::string nested(const Tensor& tensor, size_t axis, size_t& at) {
  if (axis >= tensor.shape.size()) return in_digits(tensor.values.at(at++));
  std::vector<std::string> parts;
  for (int i = 0; i < tensor.shape[axis]; ++i) parts.push_back(nested(tensor, axis + 1, at));
  return list(parts);
}

// values: of `restore`. classes: of contract.json.
inline std::string describe(const Answer& values, const Json& classes, const Json* promise) {
  if (values.count("boxes_xyxy") && !values.count("path_score")) return described_objects(values, classes, promise);
  if (values.count("path_score")) return described_line(values, classes);
  if (values.count("quads_xy")) return described_quads(values);
  if (values.count("text_bytes") && values.count("caption_score")) return described_caption(values);
  if (values.count("mask")) return described_segments(values, classes);
  if (values.count("embedding")) {
    const std::vector<double>& held = values.at("embedding").values;
    return object({"\"embedding\": " + numbers(held, 0, held.size(), "%.7g")});
  }
  bool of_classes = values.count("probabilities");
  for (const auto& [key, value] : values)
    of_classes = of_classes && (values.count("present") || key == "probabilities" || key == "in_set" || key == "heat");
  if (of_classes) return described_classes(values, classes, promise);
  std::vector<std::string> parts;
  for (const auto& [key, value] : values) {
    size_t at = 0;
    parts.push_back(quoted(key) + ": " + nested(value, 0, at));
  }
  return object(parts);
}
