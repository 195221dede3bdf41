#include "rg_torus.h"

int rg_torus_sites(const rg_torus_t *torus, size_t *n_sites)
{
    if (torus->ndim < 1 || torus->ndim > RG_MAX_DIM) {
        return RG_ERR_ARGUMENT;
    }
    *n_sites = 1;
    for (size_t axis = 0; axis < torus->ndim; axis++) {
        if (torus->extents[axis] < 2) {
            return RG_ERR_ARGUMENT;
        }
        int ret = rg_multiply(*n_sites, torus->extents[axis], n_sites);
        if (ret != RG_OK) {
            return ret;
        }
    }
    return RG_OK;
}
