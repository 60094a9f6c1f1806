// Whether answers are those of golden.json: tolerances and decisions, as kerasvision/edge/golden.py says them.
#pragma once

#include <tuple>

#include "preparing.h"
#include "tensors.h"

using Answer = std::map<std::string, Tensor>;
using Worst = std::tuple<double, double, double>;  // parts of a tolerance, difference, tolerance

constexpr double kLeastScore = 0.3, kLeastIou = 0.99, kTrainedIou = 0.5;

inline Answer answer_of(const Json& tensors) {
  Answer held;
  for (const auto& [key, row] : tensors.fields) held[key] = unpacked(row);
  return held;
}

// Answers thinned as recorded ones of the same names are.
inline Answer held_alike(const Answer& mine, const Answer& theirs) {
  Answer held;
  for (const auto& [key, tensor] : theirs)
    if (mine.count(key)) held[key] = thinned(mine.at(key), tensor.every);
  return held;
}

inline Worst apart(const Answer& mine, const Answer& theirs, const Json& tolerance, const Json& outputs) {
  Worst worst{0, 0, 0};
  for (const auto& [key, allowed] : tolerance.fields) {
    const auto &a = mine.at(key).values, &b = theirs.at(key).values;
    double away = a.size() == b.size() ? 0 : INFINITY;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      double one = std::fabs(real(a[i], outputs[key]) - real(b[i], outputs[key]));
      away = std::isnan(one) ? INFINITY : std::max(away, one);
    }
    double most = allowed.number, parts = most ? away / most : away ? INFINITY : 0;
    worst = std::max(worst, Worst{parts, away, most});
  }
  return worst;
}

struct Object {
  double box[4], label, score;
};

inline std::vector<Object> objects(const Answer& answer, const Json& decision) {
  const Json& keys = decision["keys"];
  auto values = [&](const char* name) -> const std::vector<double>& { return answer.at(keys[name].text).values; };
  bool turned = decision["order"].text == "yxyx";
  std::vector<Object> held;
  for (size_t i = 0; i < static_cast<size_t>(values("count").at(0)); ++i) {
    const double* box = &values("boxes_xyxy").at(4 * i);
    Object one{{box[0], box[1], box[2], box[3]}, values("labels").at(i), values("scores").at(i)};
    if (turned) std::swap(one.box[0], one.box[1]), std::swap(one.box[2], one.box[3]);
    held.push_back(one);
  }
  return held;
}

inline double overlap(const Object& a, const Object& b) {
  double common = 1, mine = 1, theirs = 1;
  for (int i = 0; i < 2; ++i) {
    common *= std::max(0.0, std::min(a.box[i + 2], b.box[i + 2]) - std::max(a.box[i], b.box[i]));
    mine *= a.box[i + 2] - a.box[i];
    theirs *= b.box[i + 2] - b.box[i];
  }
  double every = mine + theirs - common;
  return every > 0 ? common / every : std::equal(a.box, a.box + 4, b.box);
}

// score: how far that of a partner may be; below 0: any.
inline bool all_found(const std::vector<Object>& wanted, const std::vector<Object>& among, double iou, double score) {
  for (const Object& one : wanted) {
    if (one.score < kLeastScore + std::max(score, 0.0)) continue;
    bool found = false;
    for (const Object& other : among)
      found = found || (other.label == one.label && overlap(one, other) >= iou &&
                        (score < 0 || std::fabs(other.score - one.score) <= score));
    if (!found) return false;
  }
  return true;
}

inline bool largest_alike(const Tensor& a, const Tensor& b, double share) {
  if (a.values.size() != b.values.size()) return false;
  size_t last = a.last(), positions = a.values.size() / last, alike = 0;
  for (size_t p = 0; p < positions; ++p) {
    auto best = [&](const Tensor& t) {
      auto begin = t.values.begin() + p * last;
      return std::max_element(begin, begin + last) - begin;
    };
    alike += best(a) == best(b);
  }
  return static_cast<double>(alike) / positions >= share;
}

inline bool decides_alike(const Answer& a, const Answer& b, const Json& decision, double iou, double score) {
  const std::string& rule = decision["rule"].text;
  if (rule == "objects") {
    auto mine = objects(a, decision), theirs = objects(b, decision);
    return all_found(mine, theirs, iou, score) && all_found(theirs, mine, iou, score);
  }
  if (rule == "largest")
    return largest_alike(a.at(decision["key"].text), b.at(decision["key"].text), decision["share"].number);
  if (rule == "equal")
    for (const Json& key : decision["keys"].items)
      if (a.at(key.text).values != b.at(key.text).values) return false;
  return true;
}

inline bool decides_as_trained(const Answer& mine, const Answer& theirs, const Json& decision) {
  const std::string& rule = decision["rule"].text;
  if (rule == "objects" && decision["order"].text == "yxyx") return true;
  std::vector<std::string> needed;
  if (rule == "objects")
    for (const auto& [name, key] : decision["keys"].fields) needed.push_back(key.text);
  if (rule == "largest") needed.push_back(decision["key"].text);
  if (rule == "equal")
    for (const Json& key : decision["keys"].items) needed.push_back(key.text);
  for (const auto& key : needed)
    if (!theirs.count(key)) return true;
  return decides_alike(held_alike(mine, theirs), theirs, decision, kTrainedIou, -1);
}
