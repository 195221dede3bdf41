#include "rg_dispatch.h"

#include <string.h>

#include "kernels/rg_k_tables.h"

/* Written by rg_dispatch_init only: once at import, and by tests. */
static const rg_kernels_t *kernels = &rg_kernels_portable;

static bool runs(const char *name)
{
#if defined(__x86_64__)
    /* __builtin_cpu_supports also asks whether the system saves the wide registers */
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (strcmp(name, "avx2") == 0) {
        return avx2;
    }
    if (strcmp(name, "avx512") == 0) {
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    }
#endif
    return strcmp(name, "portable") == 0;
}

const rg_kernels_t *rg_kernels_named(const char *name)
{
    if (!runs(name)) {
        return NULL;
    }
#if defined(__x86_64__)
    if (strcmp(name, "avx512") == 0) {
        return &rg_kernels_avx512;
    }
    if (strcmp(name, "avx2") == 0) {
        return &rg_kernels_avx2;
    }
#endif
    return &rg_kernels_portable;
}

int rg_dispatch_init(const char *name)
{
    static const char *const best_first[] = {"avx512", "avx2", "portable"};
    bool known = name == NULL || name[0] == '\0';
    const rg_kernels_t *found = NULL;
    for (size_t i = 0; i < sizeof best_first / sizeof best_first[0] && found == NULL; i++) {
        if (name == NULL || name[0] == '\0' || strcmp(name, best_first[i]) == 0) {
            known = true;
            found = rg_kernels_named(best_first[i]);
        }
    }
    if (found == NULL) {
        return known ? RG_ERR_KERNEL_CPU : RG_ERR_KERNEL_NAME;
    }
    kernels = found;
    return RG_OK;
}

const rg_kernels_t *rg_kernels(void)
{
    return kernels;
}
