#include "rg_base.h"

#include <stdlib.h>
#include <string.h>

#ifdef RG_TEST
static long allocations_left = -1;

void rg_test_fail_allocation_after(long n)
{
    allocations_left = n;
}
#endif

int rg_multiply(size_t a, size_t b, size_t *product)
{
    return __builtin_mul_overflow(a, b, product) ? RG_ERR_OVERFLOW : RG_OK;
}

void *rg_alloc(size_t n, size_t size)
{
    size_t bytes = 0;
    if (rg_multiply(n, size, &bytes) != RG_OK || bytes > SIZE_MAX - RG_ALIGN) {
        return NULL;
    }
#ifdef RG_TEST
    if (allocations_left >= 0 && allocations_left-- == 0) {
        return NULL;
    }
#endif
    /* aligned_alloc wants a multiple of the alignment */
    bytes = (bytes + RG_ALIGN) / RG_ALIGN * RG_ALIGN;
    void *memory = aligned_alloc(RG_ALIGN, bytes);
    if (memory != NULL) {
        memset(memory, 0, bytes);
    }
    return memory;
}

void rg_free(void *memory)
{
    free(memory);
}
