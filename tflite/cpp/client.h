// A file that answers, by its contract: a picture in, a prediction in the picture's own pixels out, as JSON.
#pragma once

#include "describing.h"
#include "litert.h"

// A file with its contract.json, and its row there.
struct Described {
  std::string path;
  Json contract;
  const Json* row;
};

// Throws EdgeError where the contract beside a file is of another one.
inline Described described(const std::string& path) {
  size_t slash = path.rfind('/');
  std::string place = (slash == std::string::npos ? "." : path.substr(0, slash)) + "/contract.json", sum = sha256(read_file(path));
  Described found{path, read_json(place), nullptr};
  if (found.contract["preprocess"]["version"].number != 1)
    throw EdgeError(place + " has another version of preprocess, and this client knows 1");
  for (const Json& row : found.contract["artifacts"].items)
    if (row["sha256"].text == sum) found.row = &row;
  if (!found.row)
    throw EdgeError(path + " is none of the files of its contract.json (sha256 " + sum.substr(0, 12) + "...); export the model again");
  return found;
}

class Client {
 public:
  // Throws EdgeError of a file that takes more than one prepared picture, or reads lines from right to left.
  Client(const Functions& litert, const Described& file)
      : classes_(file.contract["classes"]), rules_(file.contract["preprocess"]), row_(*file.row), runtime_(litert, file.path) {
    if (row_["takes"].text != "prepared")
      throw EdgeError(file.path + " takes " + row_["takes"].text + " inputs, and this client gives prepared ones");
    if (!can_prepare(rules_) || rules_.has("mirrored_axes"))
      throw EdgeError("this client does not prepare pictures as " + file.path + " takes them");
    if (!row_["outputs"].has("path_score")) return;
    for (const Json& name : classes_.items)
      if (may_run_back(name.text))
        throw EdgeError(file.path + " reads from right to left, which this client does not put in order; ask the client in Python");
  }

  // The prediction as JSON.
  std::string answer(const Picture& picture) {
    Place place;
    place.height = picture.height, place.width = picture.width;
    std::vector<uint8_t> pixels = prepare(picture, rules_, &place.to);
    std::map<std::string, std::string> feed;
    for (const auto& [key, held] : row_["inputs"].fields) feed[key] = given(key, held, pixels);
    Answer found = runtime_.infer(feed, row_["outputs"]);
    for (auto& [key, tensor] : found) {
      for (double& value : tensor.values) value = real(value, row_["outputs"][key]);
      if (tensor.shape.empty()) throw EdgeError("the file answers " + key + " without a batch axis");
      tensor.shape.erase(tensor.shape.begin());
    }
    return describe(restore(row_["restore"], found, place), classes_, row_.has("promise") ? &row_["promise"] : nullptr);
  }

  // Of encoded bytes, turned as the contract says. Throws EdgeError of what this build does not read.
  std::string answer(const std::string& bytes) {
    if (bytes.empty()) throw EdgeError("the image is empty (0 bytes)");
    if (!can_decode(bytes)) throw EdgeError("the image cannot be decoded: this build does not read such pictures");
    return answer(decode(bytes, rules_["exif_orientation"].text));
  }

 private:
  const Json& classes_;
  const Json& rules_;
  const Json& row_;
  Runtime runtime_;

  std::string given(const std::string& key, const Json& tensor, const std::vector<uint8_t>& pixels) const {
    if (key == "image") return typed({"uint8", {}, 1, {pixels.begin(), pixels.end()}}, tensor);
    if (!rules_.has("constant_inputs") || !rules_["constant_inputs"].has(key))
      throw EdgeError("the file takes " + key + ", which this client does not prepare");
    const Json& constant = rules_["constant_inputs"][key];
    size_t count = 1;
    for (int side : constant["shape"].integers()) count *= side;
    return typed({"float32", {}, 1, std::vector<double>(count, constant["value"].number)}, tensor);
  }
};
