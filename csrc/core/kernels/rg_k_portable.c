/* rg_k_portable.c: the kernels for portable. */
#define RG_K_NAME "portable"
#define RG_K_TABLE rg_kernels_portable
#define RG_K_TARGET
#define RG_K_BYTES 16

#include "rg_k_tables.h"
#include "rg_k_tpl.h"
