// A video followed by the tracker that a file has inside, its signature `step`: frames in, MOTChallenge's lines out
// (arXiv:2003.09003), the same objects under the same numbers. What goes from frame to frame is a state of tensors.
#pragma once

#include <algorithm>
#include <filesystem>

#include "litert.h"
#include "preparing.h"

constexpr const char* kStep = "step";

class Following {
 public:
  // row: of the file in contract.json. Throws EdgeError where the file has no tracker.
  Following(const Functions& litert, const std::string& path, const Json& row, const Json& rules)
      : step_(stepping(path, row)), rules_(rules), runtime_(litert, path, kStep) {
    if (!can_prepare(rules)) throw EdgeError("this client does not prepare pictures as " + path + " takes them");
    for (const auto& [key, held] : step_["inputs"].fields) {
      if (key == "image" || key == "seconds") continue;
      size_t count = 1;
      for (int side : held["shape"].integers()) count *= std::max(side, 1);
      state_[key] = Tensor{held["dtype"].text, held["shape"].integers(), 1, std::vector<double>(count, 0.0)};
    }
  }

  // The lines of one frame, by rising number. number: of the frame, from 0. time: seconds, more than of the one before.
  std::string lines(const std::string& name, int number, double time) {
    std::string bytes = read_file(name, "");
    if (!can_decode(bytes)) throw EdgeError(name + " cannot be decoded: this build does not read such pictures");
    Picture picture = decode(bytes, rules_["exif_orientation"].text);
    if (number && (picture.height != height_ || picture.width != width_))
      throw EdgeError(name + " has " + std::to_string(picture.width) + " x " + std::to_string(picture.height) +
                      " pixels after frames of " + std::to_string(width_) + " x " + std::to_string(height_) +
                      "; a video has one size");
    height_ = picture.height, width_ = picture.width;
    Geometry geometry;
    std::vector<uint8_t> pixels = prepare(picture, rules_, &geometry);
    std::map<std::string, std::string> feed;
    const Json& rows = step_["inputs"];
    feed["image"] = typed({"uint8", {}, 1, {pixels.begin(), pixels.end()}}, rows["image"]);
    feed["seconds"] = typed({"float32", {}, 1, {number ? time - time_ : 0.0}}, rows["seconds"]);
    for (const auto& [key, held] : state_) feed[key] = typed(held, rows[key]);
    std::map<std::string, Tensor> found = runtime_.infer(feed, step_["outputs"]);
    for (auto& [key, held] : state_) held = found.at(key);
    for (double count : found.at("left_out").values) left_out_ += static_cast<long>(count);
    time_ = time;
    return written(found, number, geometry);
  }

  long left_out() const { return left_out_; }

 private:
  const Json& step_;
  const Json& rules_;
  Runtime runtime_;
  std::map<std::string, Tensor> state_;
  double time_ = 0;
  int height_ = 0, width_ = 0;
  long left_out_ = 0;

  static const Json& stepping(const std::string& path, const Json& row) {
    if (!row.has("functions") || !row["functions"].has(kStep))
      throw EdgeError(path + " has no tracker; export it with model.slots.count=32");
    return row["functions"][kStep];
  }

  static std::string written(const std::map<std::string, Tensor>& found, int number, const Geometry& to) {
    const std::vector<double>&ids = found.at("ids").values, &boxes = found.at("boxes_xyxy").values;
    std::vector<size_t> order;
    for (size_t i = 0; i < ids.size(); ++i)
      if (ids[i] > 0) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return ids[a] < ids[b]; });
    std::string text;
    for (size_t i : order) {
      float side[4];
      for (int k = 0; k < 4; ++k)
        side[k] = (static_cast<float>(boxes[4 * i + k]) - (k % 2 ? to.offset_y : to.offset_x)) / (k % 2 ? to.scale_y : to.scale_x);
      char line[200];
      std::snprintf(line, sizeof line, "%d,%d,%.3f,%.3f,%.3f,%.3f,%.6f,-1,-1,-1\n", number + 1, static_cast<int>(ids[i]),
                    static_cast<double>(side[0]), static_cast<double>(side[1]), static_cast<double>(side[2] - side[0]),
                    static_cast<double>(side[3] - side[1]), found.at("scores").values[i]);
      text += line;
    }
    return text;
  }
};

// Files, and of folders the pictures below them, in the order of their names. Throws EdgeError of a folder that has none,
// or one that this client does not read; std::filesystem::filesystem_error of one that cannot be opened.
inline std::vector<std::string> frames_of(const std::vector<std::string>& words) {
  std::vector<std::string> held;
  for (const std::string& word : words) {
    if (!std::filesystem::is_directory(word)) {
      held.push_back(word);
      continue;
    }
    std::vector<std::filesystem::path> inside, unread;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(word)) {
      std::string end = entry.path().extension().string();
      std::transform(end.begin(), end.end(), end.begin(), [](unsigned char c) { return std::tolower(c); });
      if (end == ".png" || end == ".jpg" || end == ".jpeg" || end == ".ppm") inside.push_back(entry.path());
      if (end == ".bmp" || end == ".gif" || end == ".webp") unread.push_back(entry.path());
    }
    if (!unread.empty())  // which the Python client follows, so that frames would be missing
      throw EdgeError(std::min_element(unread.begin(), unread.end())->string() +
                      " is a picture that this client does not read; it reads .png, .jpg, .jpeg, .ppm");
    if (inside.empty()) throw EdgeError(word + " holds no image; looked for .png, .jpg, .jpeg, .ppm");
    std::sort(inside.begin(), inside.end());
    for (const auto& path : inside) held.push_back(path.string());
  }
  return held;
}
