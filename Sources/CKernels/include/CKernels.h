// The numeric kernels of local inference, each in several versions for different instruction sets; which one runs is
// chosen once, from what the processor says it can do.

#ifndef CKERNELS_H
#define CKERNELS_H

#include "ck_checksum.h"
#include "ck_cpu_features.h"
#include "ck_kernels.h"
#include "ck_matrix.h"
#include "ck_memory.h"
#include "ck_team.h"
#include "ck_vector.h"

#endif
