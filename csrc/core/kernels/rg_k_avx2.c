/* rg_k_avx2.c: the kernels for avx2. */
#if defined(__x86_64__)
#define RG_K_NAME "avx2"
#define RG_K_TABLE rg_kernels_avx2
#define RG_K_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define RG_K_BYTES 32

#include "rg_k_tables.h"
#include "rg_k_tpl.h"
#else
typedef int rg_no_kernels_here_t;
#endif
