// LiteRT's C interface, declared by ourselves, its library opened by its path when the program runs: what an installed
// ai-edge-litert wheel (2.3) has as libLiteRt.so, without headers.
#pragma once

#include <dlfcn.h>
#include <glob.h>

#include <cstdio>

#include "tensors.h"

using Handle = void*;

// A tensor's type: element type, then rank in seven bits, then sides; strides follow. 72 bytes in LiteRT 2.
struct TensorType {
  int32_t element;
  uint32_t rank_bits;
  int32_t sides[8];
  uint32_t strides[8];
};
static_assert(sizeof(TensorType) == 72, "LiteRtRankedTensorType of LiteRT 2 has 72 bytes");

struct Functions {
  int (*CreateEnvironment)(int, const void*, Handle*);
  int (*CreateModelFromFile)(Handle, const char*, Handle*);
  int (*GetNumModelSignatures)(Handle, size_t*);
  int (*GetModelSignature)(Handle, size_t, Handle*);
  int (*GetSignatureKey)(Handle, const char**);
  int (*GetNumSignatureInputs)(Handle, size_t*);
  int (*GetNumSignatureOutputs)(Handle, size_t*);
  int (*GetSignatureInputName)(Handle, size_t, const char**);
  int (*GetSignatureOutputName)(Handle, size_t, const char**);
  int (*GetSignatureInputTensorByIndex)(Handle, size_t, Handle*);
  int (*GetSignatureOutputTensorByIndex)(Handle, size_t, Handle*);
  int (*GetRankedTensorType)(Handle, TensorType*);
  int (*CreateOptions)(Handle*);
  int (*SetOptionsHardwareAccelerators)(Handle, int);
  int (*CreateCompiledModel)(Handle, Handle, Handle, Handle*);
  int (*GetCompiledModelInputBufferRequirements)(Handle, size_t, size_t, Handle*);
  int (*GetCompiledModelOutputBufferRequirements)(Handle, size_t, size_t, Handle*);
  int (*CreateManagedTensorBufferFromRequirements)(Handle, const TensorType*, Handle, Handle*);
  int (*LockTensorBuffer)(Handle, void**, int);
  int (*UnlockTensorBuffer)(Handle);
  int (*RunCompiledModel)(Handle, size_t, size_t, Handle*, size_t, Handle*);
  void (*DestroyTensorBuffer)(Handle);
  void (*DestroyCompiledModel)(Handle);
  void (*DestroyModel)(Handle);
};

// The library's path: --litert, KERASVISION_LITERT, or that of the wheel that python3 finds.
inline std::string library_path(const std::string& named) {
  if (!named.empty()) return named;
  if (const char* said = std::getenv("KERASVISION_LITERT")) return said;
  const char* ask = "python3 -c \"import importlib.util as u; s = u.find_spec('ai_edge_litert'); "
                    "print(s.submodule_search_locations[0] if s else '')\" 2>/dev/null";
  std::string place;
  if (FILE* pipe = popen(ask, "r")) {
    for (int c = std::fgetc(pipe); c != EOF && c != '\n'; c = std::fgetc(pipe)) place += static_cast<char>(c);
    pclose(pipe);
  }
  if (place.empty())
    throw EdgeError("LiteRT was not found: pip install ai-edge-litert, or name its library: --litert libLiteRt.so");
  return place + "/libLiteRt.so";
}

// "2.3.0" of the folder ai_edge_litert-2.3.0.dist-info beside the package; "of unknown version" where there is none.
inline std::string version_of(const std::string& path) {
  std::string folder = path.substr(0, path.rfind('/'));
  glob_t found;
  std::string version = "of unknown version";
  if (glob((folder.substr(0, folder.rfind('/')) + "/ai_edge_litert-*.dist-info").c_str(), 0, nullptr, &found) == 0) {
    std::string name = found.gl_pathv[0];
    size_t begin = name.rfind("ai_edge_litert-") + 15;
    version = name.substr(begin, name.rfind(".dist-info") - begin);
  }
  globfree(&found);
  return version;
}

inline Functions open_library(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw EdgeError("LiteRT cannot be opened: " + std::string(dlerror()));
  Functions held;
  std::string missing;
  auto find = [&](const char* name) {
    void* found = dlsym(library, ("LiteRt" + std::string(name)).c_str());
    if (!found) missing += (missing.empty() ? "LiteRt" : ", LiteRt") + std::string(name);
    return found;
  };
#define FIND(name) held.name = reinterpret_cast<decltype(held.name)>(find(#name))
  FIND(CreateEnvironment); FIND(CreateModelFromFile); FIND(GetNumModelSignatures); FIND(GetModelSignature);
  FIND(GetSignatureKey); FIND(GetNumSignatureInputs); FIND(GetNumSignatureOutputs); FIND(GetSignatureInputName);
  FIND(GetSignatureOutputName); FIND(GetSignatureInputTensorByIndex); FIND(GetSignatureOutputTensorByIndex);
  FIND(GetRankedTensorType); FIND(CreateOptions); FIND(SetOptionsHardwareAccelerators); FIND(CreateCompiledModel);
  FIND(GetCompiledModelInputBufferRequirements); FIND(GetCompiledModelOutputBufferRequirements);
  FIND(CreateManagedTensorBufferFromRequirements); FIND(LockTensorBuffer); FIND(UnlockTensorBuffer);
  FIND(RunCompiledModel); FIND(DestroyTensorBuffer); FIND(DestroyCompiledModel); FIND(DestroyModel);
#undef FIND
  if (!missing.empty())
    throw EdgeError(path + " (" + version_of(path) + ") has no " + missing + "; this client is for ai-edge-litert 2.3");
  return held;
}

// One file, one of its signatures, one example at a time.
class Runtime {
 public:
  Runtime(const Functions& litert, const std::string& path, const std::string& wanted = "serving_default")
      : litert_(litert), path_(path) {
    std::string head = read_file(path).substr(0, 8);
    if (head.size() < 8 || head.substr(4, 3) != "TFL") throw EdgeError(path + " is no .tflite, or is encrypted");
    static Handle environment = nullptr;  // of the process; LiteRT has no use for a second one
    if (!environment) check(litert_.CreateEnvironment(0, nullptr, &environment), "make an environment for");
    check(litert_.CreateModelFromFile(environment, path.c_str(), &model_), "open");
    size_t count = 0;
    check(litert_.GetNumModelSignatures(model_, &count), "read");
    Handle signature = nullptr;
    const char* key = "";
    for (size_t i = 0; i < count; ++i) {
      check(litert_.GetModelSignature(model_, i, &signature), "read");
      check(litert_.GetSignatureKey(signature, &key), "read");
      index_ = i;
      if (std::string(key) == wanted) break;
    }
    if (wanted != "serving_default" && wanted != key) throw EdgeError(path + " has no signature " + wanted);
    Handle options = nullptr;
    check(litert_.CreateOptions(&options), "make options for");
    check(litert_.SetOptionsHardwareAccelerators(options, 1), "choose the processor for");
    check(litert_.CreateCompiledModel(environment, model_, options, &compiled_), "compile");
    fill(environment, signature, true);
    fill(environment, signature, false);
  }
  ~Runtime() {
    for (auto& buffer : inputs_) litert_.DestroyTensorBuffer(buffer);
    for (auto& buffer : outputs_) litert_.DestroyTensorBuffer(buffer);
    litert_.DestroyCompiledModel(compiled_);
    litert_.DestroyModel(model_);
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // {input: bytes} -> {output: numbers}. rows: of the file's outputs, in contract.json.
  std::map<std::string, Tensor> infer(const std::map<std::string, std::string>& feed, const Json& rows) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      auto given = feed.find(input_names_[i]);
      if (given == feed.end()) throw EdgeError(path_ + " takes " + input_names_[i] + ", which is not given");
      require(input_names_[i], given->second.size(), input_bytes_[i]);
      void* place = nullptr;
      check(litert_.LockTensorBuffer(inputs_[i], &place, 1), "write to");
      std::memcpy(place, given->second.data(), given->second.size());
      check(litert_.UnlockTensorBuffer(inputs_[i]), "write to");
    }
    check(litert_.RunCompiledModel(compiled_, index_, inputs_.size(), inputs_.data(), outputs_.size(), outputs_.data()),
          "run");
    std::map<std::string, Tensor> held;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const Json& row = rows[output_names_[i]];
      size_t size = width_of(row["dtype"].text);
      for (int side : row["shape"].integers()) size *= std::max(side, 1);
      require(output_names_[i], size, output_bytes_[i]);
      void* place = nullptr;
      check(litert_.LockTensorBuffer(outputs_[i], &place, 0), "read from");
      std::string bytes(static_cast<const char*>(place), size);
      check(litert_.UnlockTensorBuffer(outputs_[i]), "read from");
      held[output_names_[i]] = from_bytes(row["dtype"].text, row["shape"].integers(), bytes);
    }
    return held;
  }

 private:
  const Functions& litert_;
  std::string path_;
  Handle model_ = nullptr, compiled_ = nullptr;
  size_t index_ = 0;
  std::vector<Handle> inputs_, outputs_;
  std::vector<std::string> input_names_, output_names_;
  std::vector<size_t> input_bytes_, output_bytes_;

  // Bytes of a tensor; 0 of an element type that is not known here. Numbers of types are TensorFlow Lite's.
  static size_t bytes_of(const TensorType& type) {
    static const std::map<int32_t, size_t> widths = {{1, 4}, {2, 4}, {3, 1}, {4, 8}, {6, 1}, {7, 2}, {9, 1}, {10, 2}, {11, 8}};
    auto found = widths.find(type.element);
    if (found == widths.end()) return 0;
    size_t size = found->second;
    for (uint32_t k = 0; k < (type.rank_bits & 127); ++k) size *= type.sides[k];
    return size;
  }
  // What contract.json says of a tensor is what the file has: it decides how many bytes are copied.
  void require(const std::string& name, size_t said, size_t held) const {
    if (held && said != held)
      throw EdgeError(path_ + " has " + std::to_string(held) + " bytes of " + name + ", and by its contract.json they are " +
                      std::to_string(said) + "; export the model again");
  }
  void check(int status, const char* what) const {
    if (status) throw EdgeError("LiteRT could not " + std::string(what) + " " + path_ + " (status " + std::to_string(status) + ")");
  }
  void fill(Handle environment, Handle signature, bool in) {
    size_t count = 0;
    check((in ? litert_.GetNumSignatureInputs : litert_.GetNumSignatureOutputs)(signature, &count), "read");
    for (size_t i = 0; i < count; ++i) {
      const char* name = "";
      Handle tensor = nullptr, needs = nullptr, buffer = nullptr;
      TensorType type;
      check((in ? litert_.GetSignatureInputName : litert_.GetSignatureOutputName)(signature, i, &name), "read");
      check((in ? litert_.GetSignatureInputTensorByIndex : litert_.GetSignatureOutputTensorByIndex)(signature, i, &tensor), "read");
      check(litert_.GetRankedTensorType(tensor, &type), "read");
      for (uint32_t k = 0; k < (type.rank_bits & 127); ++k) type.sides[k] = std::max(type.sides[k], 1);  // a batch of any size
      check((in ? litert_.GetCompiledModelInputBufferRequirements : litert_.GetCompiledModelOutputBufferRequirements)(
                compiled_, index_, i, &needs), "prepare");
      check(litert_.CreateManagedTensorBufferFromRequirements(environment, &type, needs, &buffer), "prepare");
      (in ? inputs_ : outputs_).push_back(buffer);
      (in ? input_names_ : output_names_).push_back(name);
      (in ? input_bytes_ : output_bytes_).push_back(bytes_of(type));
    }
  }
};
