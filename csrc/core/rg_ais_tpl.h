/* rg_ais_tpl.h: one panel of an annealing step for one real type (REAL, suffix R_). */

/* Inputs of a panel of `machine`'s hidden layer, without bias, from the groups that it uses. */
static void R_(inputs)(const rg_rbm_t *machine, const used_t *used, size_t panel,
                       const uint64_t *given, const part_t *part)
{
    size_t first = used->starts[panel];
    size_t n_groups = used->starts[panel + 1] - first;
    const REAL *weights = &((const REAL *)used->weights)[first * GROUP * RG_PANEL];
    rg_lookup_t product = {.index = part->gathered,
                           .n_rows = part->n_rows,
                           .n_inputs = GROUP * n_groups,
                           .spin = machine->spin,
                           .n_panels = 1};
    if (n_groups == (machine->n_visible + GROUP - 1) / GROUP) {
        product.index = part->index;
    } else {
        rg_lookup_gather(given, rg_bits_words(machine->n_visible), part->n_rows,
                         &used->groups[first], n_groups, part->gathered);
    }
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->lookup_f32(&product, (const float *)(const void *)weights,
                                 (float *)part->input);
    } else {
        rg_kernels()->lookup_f64(&product, (const double *)(const void *)weights,
                                 (double *)part->input);
    }
}

static void R_(draw)(const rg_unit_t *unit, rg_stream_t *stream, const REAL *input)
{
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->unit_f32(unit, stream, (const float *)(const void *)input, NULL);
    } else {
        rg_kernels()->unit_f64(unit, stream, (const double *)(const void *)input, NULL);
    }
}

/* A panel of hidden units: its part of the weights, and its bits at the next temperature. */
static void R_(hidden_panel)(const part_t *part, size_t panel, const rg_anneal_t *anneal)
{
    const rg_ais_t *job = part->job;
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    REAL *input = part->input;
    const REAL *bias = &((const REAL *)rbm->hidden_bias)[panel * RG_PANEL];
    for (size_t row = 0; row < part->n_rows; row++) {
        memcpy(&input[row * RG_PANEL], bias, RG_PANEL * sizeof(REAL));
    }
    R_(inputs)(rbm, &work->down, panel, part->visible, part);
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->anneal_f32(anneal, (const float *)(const void *)input);
    } else {
        rg_kernels()->anneal_f64(anneal, (const double *)(const void *)input);
    }
    if (part->last) {
        return;
    }
    REAL beta = (REAL)part->to;
    for (size_t i = 0; i < part->n_rows * RG_PANEL; i++) {
        input[i] *= beta;
    }
    rg_stream_t stream;
    part_stream(part, 0, panel, &stream);
    rg_unit_t unit = {.n_rows = part->n_rows,
                      .n_units = panel_units(rbm->n_hidden, panel),
                      .spin = rbm->spin,
                      .bits = (rg_panel_bits_t *)part->hidden + panel,
                      .stride = 4 * rg_bits_words(rbm->n_hidden)};
    R_(draw)(&unit, &stream, input);
}

/* A panel of visible units drawn at the next temperature. */
static void R_(visible_panel)(const part_t *part, size_t panel)
{
    const rg_ais_t *job = part->job;
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    REAL *input = part->input;
    memset(input, 0, part->n_rows * RG_PANEL * sizeof(REAL));
    R_(inputs)(job->transposed, &work->up, panel, part->hidden, part);
    const REAL *bias = &((const REAL *)rbm->visible_bias)[panel * RG_PANEL];
    const REAL *base = &((const REAL *)job->base_bias)[panel * RG_PANEL];
    REAL beta = (REAL)part->to;
    REAL mixed[RG_PANEL];
    for (size_t j = 0; j < RG_PANEL; j++) {
        mixed[j] = beta * bias[j] + ((REAL)1 - beta) * base[j];
    }
    for (size_t row = 0; row < part->n_rows; row++) {
        for (size_t j = 0; j < RG_PANEL; j++) {
            input[row * RG_PANEL + j] = beta * input[row * RG_PANEL + j] + mixed[j];
        }
    }
    rg_stream_t stream;
    part_stream(part, 1, panel, &stream);
    rg_unit_t unit = {.n_rows = part->n_rows,
                      .n_units = panel_units(rbm->n_visible, panel),
                      .spin = rbm->spin,
                      .bits = (rg_panel_bits_t *)part->visible + panel,
                      .stride = 4 * rg_bits_words(rbm->n_visible)};
    R_(draw)(&unit, &stream, input);
}

/* Column 0: b - b0 per visible unit, in double; the other 15 columns stay 0. */
static void R_(bias_difference)(const rg_ais_t *job, double *difference)
{
    const REAL *bias = job->rbm->visible_bias;
    const REAL *base = job->base_bias;
    for (size_t i = 0; i < job->rbm->n_visible; i++) {
        difference[i * RG_PANEL] = (double)bias[i] - (double)base[i];
    }
}

/* Whether 4 inputs from `first` on weigh in a panel; if so their rows go to `to` (4 x 16, zeros
 * beyond the last input), if given. */
static bool R_(take_group)(const rg_rbm_t *machine, size_t panel, size_t first, REAL *to)
{
    const REAL *weights = machine->weights;
    size_t n = machine->n_visible - first < GROUP ? machine->n_visible - first : GROUP;
    weights += (panel * rg_rbm_panel_rows(machine->n_visible) + first) * RG_PANEL;
    for (size_t i = 0; i < n * RG_PANEL; i++) {
        if (weights[i] != 0) {
            if (to != NULL) {
                memcpy(to, weights, n * RG_PANEL * sizeof(REAL));
            }
            return true;
        }
    }
    return false;
}
