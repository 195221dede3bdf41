#include "rg_error.h"

const char *rg_strerror(int code)
{
    switch (code) {
    case RG_OK:
        return "finished";
    case RG_MORE:
        return "more to do";
    case RG_ERR_MEMORY:
        return "out of memory (RG_ERR_MEMORY)";
    case RG_ERR_OVERFLOW:
        return "a number of elements does not fit in memory addresses (RG_ERR_OVERFLOW)";
    case RG_ERR_ARGUMENT:
        return "an argument is outside its range (RG_ERR_ARGUMENT)";
    case RG_ERR_VALUES:
        return "an array holds a value other than the two allowed ones (RG_ERR_VALUES)";
    case RG_ERR_KERNEL_NAME:
        return "RGDL_SIMD must be portable, avx2 or avx512 (RG_ERR_KERNEL_NAME)";
    case RG_ERR_KERNEL_CPU:
        return "RGDL_SIMD asks for instructions this processor lacks (RG_ERR_KERNEL_CPU)";
    case RG_ERR_NONFINITE:
        return "weights are no longer finite; lower the learning rate (RG_ERR_NONFINITE)";
    default:
        return "unknown error code";
    }
}
