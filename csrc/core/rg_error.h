/* rg_error.h: result codes of the core and their one message table.
 *
 * Every core function that can fail returns int: RG_OK, RG_MORE (the budget is used up, call
 * again with the same job) or a negative RG_ERR_*. */
#ifndef RG_ERROR_H
#define RG_ERROR_H

enum {
    RG_MORE = 1,
    RG_OK = 0,
    RG_ERR_MEMORY = -1,
    RG_ERR_OVERFLOW = -2,
    RG_ERR_ARGUMENT = -3,
    RG_ERR_VALUES = -4,
    RG_ERR_KERNEL_NAME = -5,
    RG_ERR_KERNEL_CPU = -6,
    RG_ERR_NONFINITE = -7,
    RG_ERR_LAST = -7
};

/* English text for a code; every text of an error ends with its symbol in brackets. */
const char *rg_strerror(int code);

#endif
