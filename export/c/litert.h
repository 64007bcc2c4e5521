/* The part of the LiteRT C API (libLiteRt.so 2.x) that generate.c needs.
 *
 * The Python wheel ai-edge-litert ships the library without its headers. With the headers of an SDK
 * at hand, include "litert/c/litert_compiled_model.h" and its neighbours instead of this file.
 */
#ifndef TGAN_TF_LITERT_H_
#define TGAN_TF_LITERT_H_

#include <stddef.h>
#include <stdint.h>

typedef int LiteRtStatus; /* 0: ok */
typedef size_t LiteRtParamIndex;

typedef struct LiteRtEnvironmentT* LiteRtEnvironment;
typedef struct LiteRtModelT* LiteRtModel;
typedef struct LiteRtSignatureT* LiteRtSignature;
typedef struct LiteRtTensorT* LiteRtTensor;
typedef struct LiteRtOptionsT* LiteRtOptions;
typedef struct LiteRtCompiledModelT* LiteRtCompiledModel;
typedef struct LiteRtTensorBufferT* LiteRtTensorBuffer;

enum { kLiteRtElementTypeFloat32 = 1, kLiteRtElementTypeInt32 = 2, kLiteRtElementTypeUInt8 = 3 };
enum { kLiteRtHwAcceleratorCpu = 1 };
enum { kLiteRtTensorBufferTypeHostMemory = 1 };
enum { kLiteRtLockRead = 0, kLiteRtLockWrite = 1 };

typedef struct {
  int32_t element_type;
  uint32_t rank : 7;
  uint32_t has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
} LiteRtRankedTensorType;

LiteRtStatus LiteRtCreateEnvironment(int count, const void* options, LiteRtEnvironment* result);
LiteRtStatus LiteRtCreateModelFromFile(LiteRtEnvironment environment, const char* path,
                                       LiteRtModel* result);
LiteRtStatus LiteRtCreateOptions(LiteRtOptions* result);
LiteRtStatus LiteRtSetOptionsHardwareAccelerators(LiteRtOptions options, int accelerators);
LiteRtStatus LiteRtCreateCompiledModel(LiteRtEnvironment environment, LiteRtModel model,
                                       LiteRtOptions options, LiteRtCompiledModel* result);
LiteRtStatus LiteRtRunCompiledModel(LiteRtCompiledModel model, LiteRtParamIndex signature,
                                    size_t inputs, LiteRtTensorBuffer* input, size_t outputs,
                                    LiteRtTensorBuffer* output);

LiteRtStatus LiteRtGetNumModelSignatures(LiteRtModel model, LiteRtParamIndex* result);
LiteRtStatus LiteRtGetModelSignature(LiteRtModel model, LiteRtParamIndex index,
                                     LiteRtSignature* result);
LiteRtStatus LiteRtGetSignatureKey(LiteRtSignature signature, const char** result);
LiteRtStatus LiteRtGetNumSignatureInputs(LiteRtSignature signature, LiteRtParamIndex* result);
LiteRtStatus LiteRtGetSignatureInputName(LiteRtSignature signature, LiteRtParamIndex index,
                                         const char** result);
LiteRtStatus LiteRtGetSignatureInputTensor(LiteRtSignature signature, const char* name,
                                           LiteRtTensor* result);
LiteRtStatus LiteRtGetSignatureOutputTensor(LiteRtSignature signature, const char* name,
                                            LiteRtTensor* result);
LiteRtStatus LiteRtGetRankedTensorType(LiteRtTensor tensor, LiteRtRankedTensorType* result);

LiteRtStatus LiteRtCreateManagedTensorBuffer(LiteRtEnvironment environment, int kind,
                                             const LiteRtRankedTensorType* type, size_t bytes,
                                             LiteRtTensorBuffer* result);
LiteRtStatus LiteRtLockTensorBuffer(LiteRtTensorBuffer buffer, void** address, int mode);
LiteRtStatus LiteRtUnlockTensorBuffer(LiteRtTensorBuffer buffer);

void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer buffer);
void LiteRtDestroyCompiledModel(LiteRtCompiledModel model);
void LiteRtDestroyOptions(LiteRtOptions options);
void LiteRtDestroyModel(LiteRtModel model);
void LiteRtDestroyEnvironment(LiteRtEnvironment environment);

#endif
