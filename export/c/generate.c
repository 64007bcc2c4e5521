/* One picture from a TFLite file that `python -m export.tflite` made, by LiteRT's C API.
 *
 *   make -C export/c
 *   export/c/generate digits.tflite 7 3 0.7 seven.pgm      seed 7, class 3, truncation 0.7
 *
 * Writes PGM (grey) or PPM (colour; an alpha channel is left out). The same file, seed, class and
 * truncation make the same picture as in Python, TensorFlow Serving and the browser, to one level.
 * The class is not looked at by a generator without classes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert.h"

#define MAX_INPUTS 8

static void check(LiteRtStatus status, const char* what) {
  if (status) {
    fprintf(stderr, "error: %s (LiteRT status %d)\n", what, status);
    exit(1);
  }
}

static double number(const char* text, const char* what) {
  char* end;
  double value = strtod(text, &end);
  if (end == text || *end) {
    fprintf(stderr, "error: %s: '%s' is no number\n", what, text);
    exit(2);
  }
  return value;
}

static size_t elements(const LiteRtRankedTensorType* type) {
  size_t count = 1;
  for (unsigned i = 0; i < type->rank; ++i) count *= (size_t)type->dimensions[i];
  return count;
}

static LiteRtTensorBuffer make_buffer(LiteRtEnvironment environment, LiteRtTensor tensor,
                                      LiteRtRankedTensorType* type) {
  LiteRtTensorBuffer buffer;
  check(LiteRtGetRankedTensorType(tensor, type), "the type of a tensor is not known");
  size_t bytes = elements(type) * (type->element_type == kLiteRtElementTypeUInt8 ? 1 : 4);
  check(LiteRtCreateManagedTensorBuffer(environment, kLiteRtTensorBufferTypeHostMemory, type, bytes,
                                        &buffer),
        "no memory for a tensor");
  return buffer;
}

/* The signature with this name; its number goes to *index. */
static LiteRtSignature find_signature(LiteRtModel model, const char* name,
                                      LiteRtParamIndex* index) {
  LiteRtParamIndex count;
  check(LiteRtGetNumModelSignatures(model, &count), "the file has no signatures");
  for (*index = 0; *index < count; ++*index) {
    LiteRtSignature signature;
    const char* key;
    check(LiteRtGetModelSignature(model, *index, &signature), "a signature cannot be read");
    check(LiteRtGetSignatureKey(signature, &key), "a signature has no name");
    if (!strcmp(key, name)) return signature;
  }
  fprintf(stderr, "error: the file has no signature '%s'; make it by python -m export.tflite\n", name);
  exit(1);
}

/* Fills an input by its name: the order of inputs differs between files. */
static void fill(LiteRtTensorBuffer buffer, const LiteRtRankedTensorType* type, const char* name,
                 int seed, int label, float truncation) {
  void* address;
  check(LiteRtLockTensorBuffer(buffer, &address, kLiteRtLockWrite), "an input cannot be written");
  for (size_t i = 0; i < elements(type); ++i) {
    if (!strcmp(name, "seed")) ((int32_t*)address)[i] = seed;
    else if (!strcmp(name, "label")) ((int32_t*)address)[i] = label;
    else if (!strcmp(name, "truncation")) ((float*)address)[i] = truncation;
    else if (!strcmp(name, "guidance")) ((float*)address)[i] = 1;
    else {
      fprintf(stderr, "error: unknown input '%s' of the signature 'sample'\n", name);
      exit(1);
    }
  }
  check(LiteRtUnlockTensorBuffer(buffer), "an input cannot be released");
}

/* The first picture of uint8 [B, H, W, C] as a PGM or PPM file. */
static void write_picture(const char* path, const uint8_t* pixels, int height, int width,
                          int channels) {
  FILE* file = fopen(path, "wb");
  if (!file) {
    perror(path);
    exit(1);
  }
  int colours = channels < 3 ? 1 : 3;
  fprintf(file, "P%d\n%d %d\n255\n", colours == 1 ? 5 : 6, width, height);
  for (int i = 0; i < height * width; ++i) fwrite(pixels + (size_t)i * channels, 1, colours, file);
  if (fclose(file)) {
    perror(path);
    exit(1);
  }
}

int main(int argc, char** argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: %s MODEL.tflite SEED CLASS TRUNCATION OUT.pgm\n", argv[0]);
    return 2;
  }
  int seed = (int)number(argv[2], "SEED"), label = (int)number(argv[3], "CLASS");
  float truncation = (float)number(argv[4], "TRUNCATION");
  LiteRtEnvironment environment;
  LiteRtModel model;
  LiteRtOptions options;
  LiteRtCompiledModel compiled;
  check(LiteRtCreateEnvironment(0, NULL, &environment), "LiteRT does not start");
  check(LiteRtCreateModelFromFile(environment, argv[1], &model), "the model cannot be read");
  check(LiteRtCreateOptions(&options), "no options");
  check(LiteRtSetOptionsHardwareAccelerators(options, kLiteRtHwAcceleratorCpu), "no CPU");
  check(LiteRtCreateCompiledModel(environment, model, options, &compiled),
        "the model cannot be compiled");

  LiteRtParamIndex index, inputs;
  LiteRtSignature signature = find_signature(model, "sample", &index);
  check(LiteRtGetNumSignatureInputs(signature, &inputs), "the inputs cannot be counted");
  if (inputs > MAX_INPUTS) check(1, "the signature has too many inputs");
  LiteRtTensorBuffer input[MAX_INPUTS], output;
  LiteRtRankedTensorType type;
  LiteRtTensor tensor;
  for (LiteRtParamIndex i = 0; i < inputs; ++i) {
    const char* name;
    check(LiteRtGetSignatureInputName(signature, i, &name), "an input has no name");
    check(LiteRtGetSignatureInputTensor(signature, name, &tensor), "an input cannot be read");
    input[i] = make_buffer(environment, tensor, &type);
    fill(input[i], &type, name, seed, label, truncation);
  }
  check(LiteRtGetSignatureOutputTensor(signature, "image", &tensor), "there is no output 'image'");
  output = make_buffer(environment, tensor, &type);
  check(LiteRtRunCompiledModel(compiled, index, inputs, input, 1, &output), "the model fails");

  void* pixels;
  check(LiteRtLockTensorBuffer(output, &pixels, kLiteRtLockRead), "the output cannot be read");
  write_picture(argv[5], pixels, type.dimensions[1], type.dimensions[2], type.dimensions[3]);
  check(LiteRtUnlockTensorBuffer(output), "the output cannot be released");

  for (LiteRtParamIndex i = 0; i < inputs; ++i) LiteRtDestroyTensorBuffer(input[i]);
  LiteRtDestroyTensorBuffer(output);
  LiteRtDestroyCompiledModel(compiled);
  LiteRtDestroyOptions(options);
  LiteRtDestroyModel(model);
  LiteRtDestroyEnvironment(environment);
  return 0;
}
