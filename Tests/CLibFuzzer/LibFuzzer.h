#pragma once
#include <stddef.h>
#include <stdint.h>

/// Runs libFuzzer with a program's arguments; see “Using libFuzzer as a library” in https://llvm.org/docs/LibFuzzer.html.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *data, size_t size));
