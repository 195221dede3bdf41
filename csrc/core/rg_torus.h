/* rg_torus.h: shape of a periodic lattice of 1 to 3 dimensions, sites in C order. */
#ifndef RG_TORUS_H
#define RG_TORUS_H

#include "rg_base.h"

enum { RG_MAX_DIM = 3 };

typedef struct {
    size_t ndim;
    size_t extents[RG_MAX_DIM];
} rg_torus_t;

/* *n_sites = product of the extents. Returns RG_OK, RG_ERR_ARGUMENT for a wrong number of extents
 * or one below 2, RG_ERR_OVERFLOW. */
int RG_WARN_UNUSED rg_torus_sites(const rg_torus_t *torus, size_t *n_sites);

#endif
