// One object followed by the file of a model of tracking/*, its signatures `remember` and `follow`: a box in the first
// frame, then frames in and MOTChallenge's lines out (arXiv:2003.09003). What goes from frame to frame is a state of tensors.
#pragma once

#include <array>
#include <cmath>

#include "litert.h"
#include "preparing.h"

constexpr const char* kRemember = "remember";
constexpr const char* kFollow = "follow";

class Follower {
 public:
  // row: of the file in contract.json. preprocess: of the contract. Throws EdgeError where the file follows nothing.
  Follower(const Functions& litert, const std::string& path, const Json& row, const Json& preprocess)
      : functions_(following(path, row)), rules_(frames_of(preprocess)), remember_(litert, path, kRemember),
        follow_(litert, path, kFollow) {
    if (!can_prepare(rules_)) throw EdgeError("this client does not prepare pictures as " + path + " takes them");
  }

  // The line of the first frame. box: x0, y0, x1, y1 in its pixels, what is followed from here on.
  std::string begin(const std::string& name, const std::array<float, 4>& box) {
    Geometry to;
    std::map<std::string, std::string> feed = frame(name, &to, functions_[kRemember]["inputs"]);
    check(box);
    std::vector<double> inside;
    for (int k = 0; k < 4; ++k) {
      float scaled = box[k] * (k % 2 ? to.scale_y : to.scale_x);
      inside.push_back(scaled + (k % 2 ? to.offset_y : to.offset_x));
    }
    feed["box"] = typed({"float32", {}, 1, inside}, functions_[kRemember]["inputs"]["box"]);
    keep(remember_.infer(feed, functions_[kRemember]["outputs"]));
    return written(0, box, 1.0);
  }

  // The line of the next frame, "" where the object is not there. number: of the frame, from 0.
  std::string step(const std::string& name, int number) {
    Geometry to;
    const Json& rows = functions_[kFollow]["inputs"];
    std::map<std::string, std::string> feed = frame(name, &to, rows);
    for (const auto& [key, held] : rows.fields)
      if (key != "image") feed[key] = typed(state_.at(key), held);
    std::map<std::string, Tensor> found = follow_.infer(feed, functions_[kFollow]["outputs"]);
    keep(found);
    if (!(found.at("present").values.at(0) > 0)) return "";
    std::array<float, 4> box;
    for (int k = 0; k < 4; ++k)
      box[k] = (static_cast<float>(found.at("box").values.at(k)) - (k % 2 ? to.offset_y : to.offset_x)) /
               (k % 2 ? to.scale_y : to.scale_x);
    return written(number, box, found.at("score").values.at(0));
  }

 private:
  const Json& functions_;
  const Json& rules_;
  Runtime remember_, follow_;
  std::map<std::string, Tensor> state_;
  int height_ = 0, width_ = 0;

  static const Json& following(const std::string& path, const Json& row) {
    if (!row.has("functions") || !row["functions"].has(kRemember) || !row["functions"].has(kFollow))
      throw EdgeError(path + " follows nothing; give a file of tracking/*");
    return row["functions"];
  }

  static const Json& frames_of(const Json& preprocess) {
    if (!preprocess.has("frames")) throw EdgeError("contract.json does not say what a frame is; export the model again");
    return preprocess["frames"];
  }

  std::map<std::string, std::string> frame(const std::string& name, Geometry* geometry, const Json& rows) {
    std::string bytes = read_file(name, "");
    if (!can_decode(bytes)) throw EdgeError(name + " cannot be decoded: this build does not read such pictures");
    Picture picture = decode(bytes, rules_["exif_orientation"].text);
    if (!state_.empty() && (picture.height != height_ || picture.width != width_))
      throw EdgeError(name + " has " + std::to_string(picture.width) + " x " + std::to_string(picture.height) +
                      " pixels after frames of " + std::to_string(width_) + " x " + std::to_string(height_) +
                      "; a video has one size");
    height_ = picture.height, width_ = picture.width;
    std::vector<uint8_t> pixels = prepare(picture, rules_, geometry);
    return {{"image", typed({"uint8", {}, 1, {pixels.begin(), pixels.end()}}, rows["image"])}};
  }

  void check(const std::array<float, 4>& box) const {
    char said[160];
    std::snprintf(said, sizeof said, "box %g,%g,%g,%g", box[0], box[1], box[2], box[3]);
    bool is_finite = true;
    for (float side : box) is_finite = is_finite && std::isfinite(side);
    if (!is_finite || box[2] <= box[0] || box[3] <= box[1])
      throw EdgeError(std::string(said) + " has no area; give x0,y0,x1,y1 in pixels with x0 < x1 and y0 < y1");
    if (box[0] >= width_ || box[1] >= height_ || box[2] <= 0 || box[3] <= 0)
      throw EdgeError(std::string(said) + " is outside of a frame of " + std::to_string(width_) + " x " +
                      std::to_string(height_) + " pixels; give x0,y0,x1,y1 within it");
  }

  void keep(const std::map<std::string, Tensor>& found) {
    for (const auto& [key, held] : found) {
      for (double value : held.values)
        if (!std::isfinite(value)) throw EdgeError("what the model says is not finite; its weights or state are damaged");
      if (key != "score" && key != "present") state_[key] = held;
    }
  }

  static std::string written(int number, const std::array<float, 4>& box, double score) {
    char line[200];
    std::snprintf(line, sizeof line, "%d,1,%.3f,%.3f,%.3f,%.3f,%.6f,-1,-1,-1\n", number + 1, static_cast<double>(box[0]),
                  static_cast<double>(box[1]), static_cast<double>(box[2] - box[0]), static_cast<double>(box[3] - box[1]),
                  score);
    return line;
  }
};
