/* rg_unit_tpl.h: rg_unit_means for one real type (REAL, suffix R_): panels of a block of rows go
 * through the kernel one after the other. */

static void R_(means)(bool spin, size_t n_rows, size_t n_units, const REAL *bias, REAL *x)
{
    _Alignas(64) REAL panel[ROWS * RG_PANEL] = {0};
    for (size_t first = 0; first < n_rows; first += ROWS) {
        size_t rows = n_rows - first < ROWS ? n_rows - first : ROWS;
        for (size_t unit = 0; unit < n_units; unit += RG_PANEL) {
            size_t n = n_units - unit < RG_PANEL ? n_units - unit : RG_PANEL;
            REAL *corner = &x[first * n_units + unit];
            for (size_t row = 0; row < rows; row++) {
                for (size_t j = 0; j < n; j++) {
                    panel[row * RG_PANEL + j] = corner[row * n_units + j] + bias[unit + j];
                }
            }
            rg_unit_t job = {.n_rows = rows, .n_units = n, .spin = spin};
            rg_kernels()->R_(unit)(&job, NULL, panel, panel);
            for (size_t row = 0; row < rows; row++) {
                memcpy(&corner[row * n_units], &panel[row * RG_PANEL], n * sizeof *panel);
            }
        }
    }
}
