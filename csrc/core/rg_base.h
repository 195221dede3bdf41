/* rg_base.h: what every core file shares: attributes, checked sizes, checked allocation. */
#ifndef RG_BASE_H
#define RG_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rg_error.h"

#if !defined(__GNUC__)
#error "rgdl needs gcc or clang: its kernels use vector extensions"
#endif

#define RG_WARN_UNUSED __attribute__((warn_unused_result))

enum { RG_ALIGN = 64 };

/* *product = a * b. Returns RG_ERR_OVERFLOW when it does not fit. */
int RG_WARN_UNUSED rg_multiply(size_t a, size_t b, size_t *product);

/* n zeroed items of the given size on a 64-byte boundary; NULL when the product overflows or
 * memory is short. Free with rg_free, which accepts NULL. */
void *rg_alloc(size_t n, size_t size) RG_WARN_UNUSED;
void rg_free(void *memory);

#ifdef RG_TEST
/* Tests only: the allocation after `n` more successes fails (-1: never). */
void rg_test_fail_allocation_after(long n);
#endif

#endif
