/* rg_k_avx512.c: the kernels for avx512. */
#if defined(__x86_64__)
#define RG_K_NAME "avx512"
#define RG_K_TABLE rg_kernels_avx512
#define RG_K_TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,bmi,bmi2,popcnt")))
#define RG_K_BYTES 64

#include "rg_k_tables.h"
#include "rg_k_tpl.h"
#else
typedef int rg_no_kernels_here_t;
#endif
