// What a file gave for a prepared picture -> the prediction in the pixels of the original, by `restore` of
// contract.json. Numbers are those of float32, as in kerasvision/edge/independent. Tensors have no batch axis.
#pragma once

#include "golden.h"

// Where a picture went, and its own size.
struct Place {
  Geometry to;
  int height = 0, width = 0;
};

inline const Tensor& held(const Answer& outputs, const std::string& key) {
  auto found = outputs.find(key);
  if (found == outputs.end())
    throw EdgeError("the file gives no " + key + ", and contract.json needs it; export the model again");
  return found->second;
}

inline double single(const Tensor& tensor) {
  if (tensor.values.empty()) throw EdgeError("a tensor of the file is empty; export the model again");
  return tensor.values[0];
}

// A coordinate of the graph in the original. axis: 0 across, 1 down.
inline float moved(float value, int axis, const Geometry& to) {
  return axis ? (value - to.offset_y) / to.scale_y : (value - to.offset_x) / to.scale_x;
}

// x0, y0, x1, y1 of each row in the original, cut at its borders, 0 from row `count` on.
inline Tensor moved_boxes(const Json& rule, const Tensor& given, size_t count, const Place& place) {
  bool shares = rule["format"].text == "tlbr_shares";
  std::vector<int> size = shares ? rule["size_hw"].integers() : std::vector<int>{1, 1};
  Tensor found{"float32", given.shape, 1, std::vector<double>(given.values.size(), 0.0)};
  for (size_t i = 0; i < std::min(4 * count, given.values.size()); ++i) {
    int axis = i % 2;
    float value = static_cast<float>(given.values[shares ? i ^ 1 : i]);
    if (shares) value = std::min(std::max(value, 0.0f), 1.0f) * static_cast<float>(axis ? size[0] : size[1]);
    value = moved(value, axis, place.to);
    found.values[i] = std::min(std::max(value, 0.0f), static_cast<float>(axis ? place.height : place.width));
  }
  return found;
}

inline Tensor first_of(const Tensor& given, size_t count, double beyond) {
  Tensor found = given;
  for (size_t i = count; i < found.values.size(); ++i) found.values[i] = beyond;
  return found;
}

// Rows beyond the count are 0, their label -1. What else the file gives stays as it is.
inline Answer boxes(const Json& rule, const Answer& outputs, const Place& place) {
  const Json& keys = rule["keys"];
  if (keys.has("masks")) throw EdgeError("this client does not restore masks of objects");
  size_t count = static_cast<size_t>(single(held(outputs, keys["count"].text)));
  Answer found = outputs;
  for (const auto& [name, key] : keys.fields) found.erase(key.text);
  found["boxes_xyxy"] = moved_boxes(rule, held(outputs, keys["boxes_xyxy"].text), count, place);
  found["scores"] = first_of(held(outputs, keys["scores"].text), count, 0);
  found["labels"] = first_of(held(outputs, keys["labels"].text), count, -1);
  found["count"] = {"int32", {}, 1, {static_cast<double>(count)}};
  if (keys.has("outer_xyxy")) {
    size_t kept = static_cast<size_t>(single(held(outputs, keys["outer_count"].text)));
    found["outer_xyxy"] = moved_boxes(rule, held(outputs, keys["outer_xyxy"].text), kept, place);
    found["outer_count"] = {"int32", {}, 1, {static_cast<double>(kept)}};
  }
  return found;
}

// Corners in original pixels, not cut; rows beyond the count are 0.
inline Answer quads(const Json& rule, const Answer& outputs, const Place& place) {
  const Json& keys = rule["keys"];
  size_t count = static_cast<size_t>(single(held(outputs, keys["count"].text)));
  Tensor corners = first_of(held(outputs, keys["quads_xy"].text), 8 * count, 0);
  for (size_t i = 0; i < std::min(8 * count, corners.values.size()); ++i)
    corners.values[i] = moved(static_cast<float>(corners.values[i]), i % 2, place.to);
  return {{"quads_xy", corners},
          {"scores", first_of(held(outputs, keys["scores"].text), count, 0)},
          {"count", {"int32", {}, 1, {static_cast<double>(count)}}}};
}

// Which classes are on: the likeliest, of equal ones the first, or those that reach their thresholds.
inline std::vector<size_t> by_score(const std::vector<double>& scores) {
  std::vector<size_t> order(scores.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

inline Answer labels(const Json& rule, const Answer& outputs) {
  const Tensor& scores = held(outputs, rule["probabilities"].text);
  Tensor present{"int32", scores.shape, 1, std::vector<double>(scores.values.size(), 0.0)};
  if (rule.has("top_k")) {
    std::vector<size_t> order = by_score(scores.values);
    for (size_t i = 0; i < std::min<size_t>(order.size(), rule["top_k"].number); ++i) present.values[order[i]] = 1;
  } else {
    const std::vector<Json>& least = rule["thresholds"].items;
    for (size_t i = 0; i < scores.values.size(); ++i)
      present.values[i] = scores.values[i] >= static_cast<float>(least.at(i).number);
  }
  return {{"probabilities", scores}, {"present", present}};
}

// [first, second, share of the second] row or column of the probabilities for each one of the original.
inline std::vector<Pair> enlarging(int count, int side, float scale, float offset) {
  std::vector<Pair> found;
  for (int i = 0; i < count; ++i) {
    float at = (static_cast<float>(i) + 0.5f) * scale + offset - 0.5f;
    at = std::min(std::max(at, 0.0f), static_cast<float>(side - 1));
    int first = static_cast<int>(std::floor(at));
    found.push_back({first, std::min(first + 1, side - 1), at - static_cast<float>(first)});
  }
  return found;
}

// The likeliest class of each pixel of the original, uint8 [H, W].
inline Answer class_map(const Json& rule, const Answer& outputs, const Place& place) {
  if (rule["enlarge"].text != "bilinear" || rule.has("may_be_from"))
    throw EdgeError("this client does not restore such masks (" + rule["enlarge"].text + ", or with what may be there)");
  const Tensor& shares = held(outputs, rule["probabilities"].text);
  size_t wide = shares.shape.at(1), classes = shares.shape.at(2);
  Tensor mask{"uint8", {place.height, place.width}, 1, {}};
  std::vector<Pair> columns = enlarging(place.width, shares.shape[1], place.to.scale_x, place.to.offset_x);
  for (const Pair& y : enlarging(place.height, shares.shape[0], place.to.scale_y, place.to.offset_y))
    for (const Pair& x : columns) {
      size_t best = 0;
      float most = -INFINITY;
      for (size_t k = 0; k < classes; ++k) {
        auto between = [&](int row) {
          float a = static_cast<float>(shares.values[(row * wide + x.lower) * classes + k]);
          float b = static_cast<float>(shares.values[(row * wide + x.upper) * classes + k]);
          return (1 - x.share) * a + x.share * b;
        };
        float seen = (1 - y.share) * between(y.lower) + y.share * between(y.upper);
        if (seen > most) best = k, most = seen;
      }
      mask.values.push_back(static_cast<double>(best));
    }
  return {{"mask", mask}};
}

// outputs: real numbers. Throws EdgeError of a rule that this client does not know.
inline Answer restore(const Json& rule, const Answer& outputs, const Place& place) {
  const std::string& name = rule["rule"].text;
  if (name == "none") return outputs;
  if (name == "boxes") return boxes(rule, outputs, place);
  if (name == "quads") return quads(rule, outputs, place);
  if (name == "class_map") return class_map(rule, outputs, place);
  if (name == "labels") return labels(rule, outputs);
  throw EdgeError("restore rule " + name + " is not described");
}
