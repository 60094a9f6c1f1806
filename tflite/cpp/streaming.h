// Frames of a video from a pipe: PPM (P6, 8 bits) after PPM, as `ffmpeg -f image2pipe -c:v ppm -` writes them, one frame
// in memory at a time.
#pragma once

#include <cstdio>

#include "pictures.h"

class Frames {
 public:
  explicit Frames(std::FILE* pipe) : pipe_(pipe) {}

  // Reads the next frame; false at the end of the stream. Throws EdgeError of what is no PPM, of one that is cut off and
  // of one of another size than those before.
  bool next(Picture& frame) {
    int first = std::fgetc(pipe_);
    if (first == EOF) return false;
    std::string kind{static_cast<char>(first)};
    if ((first = std::fgetc(pipe_)) != EOF) kind += static_cast<char>(first);
    if (kind != "P6") wrong("does not begin as one");
    int width = number(), height = number(), most = number();
    if (width < 1 || height < 1 || most != 255) wrong("has no sides, or not 8 bits");
    if (count_ && (width != frame.width || height != frame.height))
      throw EdgeError("frame " + std::to_string(count_) + " has " + std::to_string(width) + " x " + std::to_string(height) +
                      " pixels after frames of " + std::to_string(frame.width) + " x " + std::to_string(frame.height) +
                      "; a video has one size");
    frame.width = width, frame.height = height;
    frame.rgb.resize(rgb_bytes(height, width));
    if (std::fread(frame.rgb.data(), 1, frame.rgb.size(), pipe_) < frame.rgb.size()) wrong("is cut off");
    ++count_;
    return true;
  }

 private:
  std::FILE* pipe_;
  long count_ = 0;

  [[noreturn]] void wrong(const char* what) const {
    throw EdgeError("frame " + std::to_string(count_) + " of the stream is no PPM: it " + what +
                    "; write frames by ffmpeg -i VIDEO -f image2pipe -c:v ppm -");
  }

  // A number of the head, and the one blank behind it. At most nine digits.
  int number() {
    int c = std::fgetc(pipe_), held = 0, digits = 0;
    for (bool note = false; c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#' || note; c = std::fgetc(pipe_)) {
      if (c == EOF) wrong("is cut off");
      note = c == '#' || (note && c != '\n');
    }
    for (; c >= '0' && c <= '9' && digits < 9; ++digits, c = std::fgetc(pipe_)) held = 10 * held + (c - '0');
    if (!digits || (c != ' ' && c != '\t' && c != '\r' && c != '\n')) wrong("has no number where one should be");
    return held;
  }
};
