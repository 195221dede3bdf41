/* rg_k_tables.h: the tables the kernel files define, one per instruction set. */
#ifndef RG_K_TABLES_H
#define RG_K_TABLES_H

#include "rg_dispatch.h"

extern const rg_kernels_t rg_kernels_portable;
#if defined(__x86_64__)
extern const rg_kernels_t rg_kernels_avx2;
extern const rg_kernels_t rg_kernels_avx512;
#endif

#endif
