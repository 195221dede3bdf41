#include "rg_unit.h"

#include <string.h>

#include "rg_dispatch.h"

enum { ROWS = 32 /* of a block: its panel stays in L1 */ };

#define REAL float
#define R_(name) name##_f32
#include "rg_unit_tpl.h"
#undef REAL
#undef R_

#define REAL double
#define R_(name) name##_f64
#include "rg_unit_tpl.h"

void rg_unit_means(bool single, bool spin, size_t n_rows, size_t n_units, const void *bias, void *x)
{
    if (single) {
        means_f32(spin, n_rows, n_units, bias, x);
    } else {
        means_f64(spin, n_rows, n_units, bias, x);
    }
}
