// kerasvision-edge verify FOLDER: does this device prepare real examples as training did, and does each file answer here
// as where it was exported? predict FILE IMAGES: a JSON line an image. frames FILE: a JSON line a frame of a video that
// comes through a pipe. track FILE FRAMES: objects of a video, by the tracker that a file has inside. follow FILE FRAMES
// --box X0,Y0,X1,Y1: one object, by a model of tracking/*. The lines are those of the Python client and of `kerasvision
// predict VIDEO --json`. 0: all pass, 1: one fails, 2: wrong usage.

#include <sys/stat.h>

#include <iostream>

#include "client.h"
#include "follower.h"
#include "following.h"
#include "streaming.h"

namespace {

constexpr double kMostGray = 1;

bool exists(const std::string& path) {
  struct stat held;
  return stat(path.c_str(), &held) == 0;
}

void check_labels(const std::string& folder, const Json& contract) {
  std::string wanted, text = read_file(folder + "/labels.txt");
  for (const Json& name : contract["classes"].items) wanted += name.text + "\n";
  auto bare = [](std::string held) {
    if (held.substr(0, 3) == "\xef\xbb\xbf") held = held.substr(3);
    while (!held.empty() && held.back() == '\n') held.pop_back();
    return held;
  };
  if (bare(text) != bare(wanted))
    throw EdgeError(folder + "/labels.txt has other names than contract.json; export the model again");
}

// The row of contract.json of a file that golden.json has answers of.
const Json& row_of(const std::string& folder, const Json& artifact, const Json& contract) {
  std::string path = folder + "/" + artifact["path"].text, said = artifact["sha256"].text;
  if (!exists(path)) throw EdgeError(path + " is missing, and golden.json has answers of it; export the model again");
  std::string seen = sha256(read_file(path));
  if (seen != said)
    throw EdgeError(path + " is not the file that golden.json has answers of: its sha256 is " + seen.substr(0, 12) +
                    "... and not " + said.substr(0, 12) + "...; the answers are another model's: export the model again");
  for (const Json& row : contract["artifacts"].items)
    if (row["sha256"].text == said) return row;
  throw EdgeError(path + " is none of the files of its contract.json; export the model again");
}

// Largest difference of a prepared picture, in gray levels; below 0: none could be prepared.
double prepared_apart(const Json& golden, const Json& rules) {
  double worst = -1;
  for (const Json& example : golden["examples"].items) {
    if (!example.has("encoded") || !example["is_whole"].boolean) continue;
    std::string bytes = from_base64(example["encoded"].text);
    if (!can_decode(bytes) || !can_prepare(rules)) {
      std::cerr << "kerasvision-edge: this build does not prepare the photographs of golden.json\n";
      return -1;
    }
    Geometry geometry;
    std::vector<uint8_t> mine = prepare(decode(bytes, rules["exif_orientation"].text), rules, &geometry);
    Tensor theirs = unpacked(example["prepared"]["image"]);
    if (mine.size() != theirs.values.size()) return INFINITY;
    worst = std::max(worst, 0.0);
    for (size_t i = 0; i < mine.size(); ++i) worst = std::max(worst, std::fabs(mine[i] - theirs.values[i]));
  }
  return worst;
}

bool verify_file(const Functions& litert, const std::string& folder, const Json& artifact, const Json& row,
                 const Json& golden, double gray) {
  Runtime runtime(litert, folder + "/" + artifact["path"].text);
  const Json &decision = artifact["decision"], &examples = golden["examples"];
  Worst worst{0, 0, 0};
  size_t decisions = 0, trained = 0, count = examples.items.size();
  double score = decision.has("score") ? decision["score"].number : -1;
  for (size_t i = 0; i < count; ++i) {
    std::map<std::string, std::string> feed;
    for (const auto& [key, held] : row["inputs"].fields) feed[key] = typed(unpacked(examples.items[i]["prepared"][key]), held);
    Answer mine = runtime.infer(feed, row["outputs"]), theirs = answer_of(artifact["answers"].items[i]);
    Answer held = held_alike(mine, theirs);
    worst = std::max(worst, apart(held, theirs, artifact["tolerance"], row["outputs"]));
    decisions += decides_alike(held, theirs, decision, kLeastIou, score);
    trained += decides_as_trained(mine, answer_of(examples.items[i]["trained"]), decision);
  }
  auto [parts, away, tolerance] = worst;
  bool passes = gray <= kMostGray && parts <= 1 && decisions == count;
  char levels[32] = "-", answers[64] = "as decided";
  if (gray >= 0) std::snprintf(levels, sizeof levels, "%.2g", gray);
  if (tolerance || away) std::snprintf(answers, sizeof answers, "%.2g of %.2g", away, tolerance);
  std::printf("%s %s: prepared %s, answers %s, decisions %zu/%zu, trained %zu/%zu: %s\n", artifact["path"].text.c_str(),
              artifact["kind"].text.c_str(), levels, answers, decisions, count, trained, count, passes ? "pass" : "FAIL");
  return passes;
}

int verify(const std::string& folder, const std::string& library) {
  Json golden = read_json(folder + "/golden.json"), contract = read_json(folder + "/contract.json");
  if (golden["version"].number != 1)
    throw EdgeError(folder + "/golden.json has another version, and this client knows 1");
  if (contract["preprocess"]["version"].number != 1)
    throw EdgeError(folder + "/contract.json has another version of preprocess, and this client knows 1");
  if (golden["examples"].items.empty() || golden["artifacts"].items.empty())
    throw EdgeError(folder + "/golden.json has no examples or no artifacts; export the model again");
  check_labels(folder, contract);
  std::vector<const Json*> rows;
  for (const Json& artifact : golden["artifacts"].items) rows.push_back(&row_of(folder, artifact, contract));
  Functions litert = open_library(library_path(library));
  double gray = prepared_apart(golden, contract["preprocess"]);
  size_t wrong = 0;
  for (size_t i = 0; i < rows.size(); ++i)
    wrong += !verify_file(litert, folder, golden["artifacts"].items[i], *rows[i], golden, gray);
  if (wrong) std::printf("FAIL: %zu of %zu files\n", wrong, rows.size());
  else std::printf("pass: %zu files\n", rows.size());
  return wrong ? 1 : 0;
}

int track(const std::string& path, const std::vector<std::string>& words, double rate, const std::string& library) {
  std::vector<std::string> frames = frames_of(words);
  Described file = described(path);
  Functions litert = open_library(library_path(library));
  Following following(litert, path, *file.row, file.contract["preprocess"]);
  int number = 0;
  for (const std::string& name : frames) {
    std::cout << following.lines(name, number, number / rate) << std::flush;
    ++number;
  }
  if (following.left_out()) std::cerr << following.left_out() << " times an object had no slot; the surest have them\n";
  return 0;
}

int follow(const std::string& path, const std::vector<std::string>& words, const std::array<float, 4>& box,
           const std::string& library) {
  std::vector<std::string> frames = frames_of(words);
  Described file = described(path);
  Functions litert = open_library(library_path(library));
  Follower follower(litert, path, *file.row, file.contract["preprocess"]);
  for (size_t i = 0; i < frames.size(); ++i)
    std::cout << (i ? follower.step(frames[i], static_cast<int>(i)) : follower.begin(frames[i], box)) << std::flush;
  return 0;
}

int predict(const std::string& path, const std::vector<std::string>& words, const std::string& library) {
  std::vector<std::string> images = frames_of(words);
  Described file = described(path);
  Functions litert = open_library(library_path(library));
  Client client(litert, file);
  int failed = 0;
  for (const std::string& name : images) {
    std::string held;
    try {
      held = "\"prediction\": " + client.answer(read_file(name, ""));
    } catch (const EdgeError& error) {
      failed = 1;
      held = "\"error\": " + quoted(error.what());
    } catch (const std::bad_alloc&) {
      failed = 1;
      held = "\"error\": " + quoted("memory does not suffice for this image");
    } catch (const std::out_of_range&) {
      failed = 1;
      held = "\"error\": " + quoted("the file answers numbers that its contract has no names for");
    }
    std::cout << "{\"input\": " << quoted(name) << ", " << held << "}" << std::endl;
  }
  return failed;
}

int frames(const std::string& path, double rate, int every, const std::string& library) {
  Described file = described(path);
  Functions litert = open_library(library_path(library));
  Client client(litert, file);
  Frames stream(stdin);
  Picture frame;
  long number = 0, answered = 0;
  for (; stream.next(frame); ++number) {
    if (number % every) continue;
    std::string told = client.answer(frame);  // before any of the line is written: it may be refused
    std::cout << "{\"frame\": " << number << ", \"time\": " << in_digits(number / rate) << ", \"prediction\": " << told << "}"
              << std::endl;
    ++answered;
  }
  if (!number) throw EdgeError("the stream holds no frame; write frames by ffmpeg -i VIDEO -f image2pipe -c:v ppm -");
  std::cerr << answered << " frames, " << number - answered << " skipped\n";
  return 0;
}

// The number behind a flag, which is taken out of the words; the default where it is not there, below 0 where it is none.
double taken(std::vector<std::string>& words, const std::string& flag, double standard) {
  auto found = std::find(words.begin(), words.end(), flag);
  if (found == words.end()) return standard;
  if (found + 1 == words.end()) return -1;
  char* end = nullptr;
  double value = std::strtod((found + 1)->c_str(), &end);
  bool is_number = !(found + 1)->empty() && *end == 0 && std::isfinite(value);
  words.erase(found, found + 2);
  return is_number ? value : -1;
}

// Whether the words have --box X0,Y0,X1,Y1, which is taken out of them.
bool taken_box(std::vector<std::string>& words, std::array<float, 4>* box) {
  auto found = std::find(words.begin(), words.end(), "--box");
  if (found == words.end() || found + 1 == words.end()) return false;
  const char* at = (found + 1)->c_str();
  for (size_t k = 0; k < box->size(); ++k) {
    char* end = nullptr;
    (*box)[k] = std::strtof(at, &end);
    if (end == at || *end != (k + 1 < box->size() ? ',' : 0)) return false;
    at = end + 1;
  }
  words.erase(found, found + 2);
  return true;
}

// What the words ask for; 2: they are no usage.
int asked(std::vector<std::string> words, const std::string& library) {
  std::string verb = words.empty() ? "" : words[0];
  bool moves = verb == "track" || verb == "frames";
  double rate = moves ? taken(words, "--rate", 30) : 30, every = verb == "frames" ? taken(words, "--every", 1) : 1;
  if (!(rate > 0 && every >= 1 && every <= 1e6 && every == std::floor(every))) return 2;
  if (verb == "verify" && words.size() == 2) return verify(words[1], library);
  if (verb == "track" && words.size() > 2) return track(words[1], {words.begin() + 2, words.end()}, rate, library);
  std::array<float, 4> box{};
  if (verb == "follow" && taken_box(words, &box) && words.size() > 2)
    return follow(words[1], {words.begin() + 2, words.end()}, box, library);
  if (verb == "predict" && words.size() > 2) return predict(words[1], {words.begin() + 2, words.end()}, library);
  if (verb == "frames" && words.size() == 2) return frames(words[1], rate, static_cast<int>(every), library);
  return 2;
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::string> given(words + 1, words + count);
  std::string library;
  if (given.size() >= 2 && given[0] == "--litert") {
    library = given[1];
    given.erase(given.begin(), given.begin() + 2);
  }
  try {
    int code = asked(given, library);
    if (code == 2)
      std::cerr << "usage: kerasvision-edge [--litert libLiteRt.so] verify FOLDER\n"
                   "       kerasvision-edge [--litert libLiteRt.so] predict FILE.tflite IMAGES...\n"
                   "       kerasvision-edge [--litert libLiteRt.so] frames FILE.tflite [--rate 30] [--every 1] < PPM stream\n"
                   "       kerasvision-edge [--litert libLiteRt.so] track FILE.tflite FRAMES... [--rate 30]\n"
                   "       kerasvision-edge [--litert libLiteRt.so] follow FILE.tflite FRAMES... --box X0,Y0,X1,Y1\n";
    return code;
  } catch (const EdgeError& error) {
    std::cerr << "kerasvision-edge: " << error.what() << "\n";
  } catch (const std::out_of_range&) {
    std::cerr << "kerasvision-edge: " << (given[0] == "verify" ? "golden.json" : "contract.json")
              << " is not of this file: an answer is missing; export the model again\n";
  } catch (const std::bad_alloc&) {
    std::cerr << "kerasvision-edge: memory does not suffice\n";
  } catch (const std::exception& error) {  // a folder that cannot be opened, for one
    std::cerr << "kerasvision-edge: " << error.what() << "\n";
  }
  return 1;
}
