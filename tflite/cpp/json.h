// A JSON reader: what golden.json and contract.json need, and no more. RFC 8259; numbers are doubles.
#pragma once

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

// What is said of bad input: one clear line.
struct EdgeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Json {
  enum Kind { kNull, kBool, kNumber, kString, kArray, kObject } kind = kNull;
  bool boolean = false;
  double number = 0;
  std::string text;
  std::vector<Json> items;
  std::map<std::string, Json> fields;

  bool has(const std::string& key) const { return kind == kObject && fields.count(key) > 0; }
  const Json& operator[](const std::string& key) const {
    auto found = fields.find(key);
    if (found == fields.end()) throw EdgeError("a JSON object has no \"" + key + "\"; export the model again");
    return found->second;
  }
  std::vector<int> integers() const {
    std::vector<int> held;
    for (const Json& item : items) held.push_back(static_cast<int>(item.number));
    return held;
  }
};

class JsonReader {
 public:
  explicit JsonReader(const std::string& text) : at_(text.data()), end_(text.data() + text.size()) {}

  Json whole() {
    Json held = value(0);
    blanks();
    if (at_ != end_) wrong();
    return held;
  }

 private:
  static constexpr int kDeepest = 200;
  const char* at_;
  const char* end_;

  [[noreturn]] static void wrong() { throw EdgeError("it is no JSON"); }
  void blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  char next() {
    if (at_ == end_) wrong();
    return *at_++;
  }
  bool take(char wanted) {
    blanks();
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }
  void word(const char* letters) {
    for (; *letters; ++letters)
      if (next() != *letters) wrong();
  }

  Json value(int depth) {
    if (depth > kDeepest) wrong();
    blanks();
    if (at_ == end_) wrong();
    Json held;
    switch (*at_) {
      case '{': return object(depth);
      case '[': return array(depth);
      case '"': held.kind = Json::kString; held.text = string(); return held;
      case 't': word("true"); held.kind = Json::kBool; held.boolean = true; return held;
      case 'f': word("false"); held.kind = Json::kBool; return held;
      case 'n': word("null"); return held;
      default: return number();
    }
  }
  Json number() {
    const char* begin = at_;
    while (at_ != end_ && std::string("+-.eE0123456789").find(*at_) != std::string::npos) ++at_;
    std::string digits(begin, at_);
    char* stop = nullptr;
    Json held;
    held.kind = Json::kNumber;
    held.number = std::strtod(digits.c_str(), &stop);
    if (digits.empty() || *stop) wrong();
    return held;
  }
  Json array(int depth) {
    Json held;
    held.kind = Json::kArray;
    ++at_;
    if (take(']')) return held;
    do held.items.push_back(value(depth + 1));
    while (take(','));
    if (!take(']')) wrong();
    return held;
  }
  Json object(int depth) {
    Json held;
    held.kind = Json::kObject;
    ++at_;
    if (take('}')) return held;
    do {
      blanks();
      if (at_ == end_ || *at_ != '"') wrong();
      std::string key = string();
      if (!take(':')) wrong();
      held.fields[key] = value(depth + 1);
    } while (take(','));
    if (!take('}')) wrong();
    return held;
  }
  std::string string() {
    ++at_;
    std::string held;
    for (char c = next(); c != '"'; c = next()) {
      if (c != '\\') {
        held += c;
        continue;
      }
      c = next();
      switch (c) {
        case 'n': held += '\n'; break;
        case 't': held += '\t'; break;
        case 'r': held += '\r'; break;
        case 'b': held += '\b'; break;
        case 'f': held += '\f'; break;
        case 'u': character(held); break;
        case '"': case '\\': case '/': held += c; break;
        default: wrong();
      }
    }
    return held;
  }
  unsigned hex() {
    unsigned held = 0;
    for (int i = 0; i < 4; ++i) {
      char c = next();
      held *= 16;
      if (c >= '0' && c <= '9') held += c - '0';
      else if (c >= 'a' && c <= 'f') held += c - 'a' + 10;
      else if (c >= 'A' && c <= 'F') held += c - 'A' + 10;
      else wrong();
    }
    return held;
  }
  void character(std::string& held) {  // UTF-8 of \uXXXX, or of a pair of surrogates
    unsigned code = hex();
    if (code >= 0xD800 && code < 0xDC00) {
      word("\\u");
      code = 0x10000 + ((code - 0xD800) << 10) + (hex() - 0xDC00);
    }
    if (code < 0x80) held += static_cast<char>(code);
    else if (code < 0x800) held += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    else if (code < 0x10000)
      held += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
               static_cast<char>(0x80 | (code & 63))};
    else
      held += {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
               static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
  }
};

// remedy: what is said behind it where it cannot be read.
inline std::string read_file(const std::string& path, const std::string& remedy = "; export the model again") {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw EdgeError(path + " cannot be read" + remedy);
  std::ostringstream held;
  held << file.rdbuf();
  return held.str();
}

inline Json read_json(const std::string& path) {
  std::string text = read_file(path);
  try {
    Json held = JsonReader(text).whole();
    if (held.kind != Json::kObject) throw EdgeError("it is no JSON object");
    return held;
  } catch (const EdgeError& error) {
    throw EdgeError(path + " is damaged: " + error.what() + "; export the model again");
  }
}
