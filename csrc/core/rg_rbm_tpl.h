/* rg_rbm_tpl.h: Gibbs half-step and one training batch for one real type (REAL, suffix R_).
 *
 * Panels never touch each other, so a team splits them; stages are separated by barriers. */

static void R_(lookup)(const rg_lookup_t *product, const REAL *weights, REAL *out)
{
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->lookup_f32(product, (const float *)(const void *)weights,
                                 (float *)(void *)out);
    } else {
        rg_kernels()->lookup_f64(product, (const double *)(const void *)weights,
                                 (double *)(void *)out);
    }
}

static void R_(unit)(const rg_unit_t *unit, rg_stream_t *stream, const REAL *input, REAL *mean)
{
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->unit_f32(unit, stream, (const float *)(const void *)input,
                               (float *)(void *)mean);
    } else {
        rg_kernels()->unit_f64(unit, stream, (const double *)(const void *)input,
                               (double *)(void *)mean);
    }
}

/* The kernels of this real type, as functions of void pointers. */
static void R_(row_means)(const rg_factors_t *job, const void *p, void *mean)
{
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->row_means_f32(job, p, mean);
    } else {
        rg_kernels()->row_means_f64(job, p, mean);
    }
}

static void R_(factors)(const rg_factors_t *job, void *p)
{
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->factors_f32(job, p);
    } else {
        rg_kernels()->factors_f64(job, p);
    }
}

static void R_(update_start)(const rg_update_t *job, void *velocity, const void *weights)
{
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->update_start_f32(job, velocity, weights);
    } else {
        rg_kernels()->update_start_f64(job, velocity, weights);
    }
}

static void R_(update_finish)(const rg_update_t *job, const void *velocity, void *weights)
{
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->update_finish_f32(job, velocity, weights);
    } else {
        rg_kernels()->update_finish_f64(job, velocity, weights);
    }
}

/* Inputs of a pair of panels into the scratch, from its indices of the other layer. */
static void R_(layer_inputs)(const layer_t *layer, const scratch_t *scratch)
{
    const rg_rbm_t *rbm = layer->rbm;
    const REAL *bias = layer->to_hidden ? rbm->hidden_bias : rbm->visible_bias;
    REAL *input = scratch->input;
    for (size_t q = 0; q < layer->n_panels; q++) {
        for (size_t row = 0; row < layer->n_rows; row++) {
            memcpy(&input[(q * layer->n_rows + row) * RG_PANEL],
                   &bias[(layer->panel + q) * RG_PANEL], RG_PANEL * sizeof(REAL));
        }
    }
    size_t rows = layer->to_hidden ? rg_rbm_panel_rows(rbm->n_visible) : RG_PANEL;
    rg_lookup_t product = {.index = scratch->index,
                           .n_rows = layer->n_rows,
                           .n_inputs = layer->to_hidden ? rbm->n_visible : rbm->n_hidden,
                           .spin = rbm->spin,
                           .n_panels = layer->n_panels,
                           .weight_step = rows * RG_PANEL,
                           .out_step = layer->n_rows * RG_PANEL,
                           .tile_rows = layer->to_hidden ? 0 : rg_rbm_panel_rows(rbm->n_visible)};
    R_(lookup)(&product, &((const REAL *)rbm->weights)[layer->panel * rows * RG_PANEL], input);
}

/* Bits and means (or NULL; of the first of the rows on, may be their inputs) of panel q of a pair
 * whose inputs are in the scratch. */
static void R_(units)(const layer_t *layer, size_t q, const rows_t *rows, REAL *mean,
                      const scratch_t *scratch)
{
    size_t n_drawn = layer->to_hidden ? layer->rbm->n_hidden : layer->rbm->n_visible;
    size_t panel = layer->panel + q;
    const REAL *input = scratch->input;
    bool draws = rows->stream != NULL;
    rg_unit_t unit = {.n_rows = rows->n_rows,
                      .n_units = panel_units(n_drawn, panel),
                      .spin = layer->rbm->spin,
                      .bits = draws ? (rg_panel_bits_t *)rows->bits + panel : NULL,
                      .stride = panel_stride(n_drawn)};
    R_(unit)(&unit, rows->stream, &input[(q * layer->n_rows + rows->first) * RG_PANEL], mean);
}

static void R_(train_stream)(const rg_rbm_train_t *job, size_t half_step, size_t panel,
                             rg_stream_t *stream)
{
    rg_stream_init(stream, job->key, RG_PURPOSE_RBM_TRAIN,
                   job->step << 32 | (uint64_t)half_step << 20 | panel);
}

/* The negative rows stand right behind the batch's. */
static uint64_t *R_(negative_at)(const rg_rbm_train_t *job)
{
    const work_t *work = job->workspace;
    return &work->rows[batch_rows(job) * rg_bits_words(job->rbm->n_visible)];
}

/* Means of the rows of a panel, data then negative: kept per panel from the positive phase of CD
 * to the update, else for a pair per worker. */
static REAL *R_(means_at)(const rg_rbm_train_t *job, size_t panel, size_t worker)
{
    const work_t *work = job->workspace;
    size_t at = job->persistent ? PAIR * worker + panel % PAIR : panel;
    return &((REAL *)work->means)[at * work->mean_rows * RG_PANEL];
}

/* CD: p0 of a pair of panels, and the first draw of h. */
static void R_(positive_pair)(const rg_rbm_train_t *job, const layer_t *layer,
                              const scratch_t *scratch)
{
    const work_t *work = job->workspace;
    R_(layer_inputs)(layer, scratch);
    for (size_t q = 0; q < layer->n_panels; q++) {
        rg_stream_t stream;
        R_(train_stream)(job, 0, layer->panel + q, &stream);
        rows_t rows = {.n_rows = layer->n_rows, .stream = &stream, .bits = work->hidden};
        R_(units)(layer, q, &rows, R_(means_at)(job, layer->panel + q, 0), scratch);
    }
}

/* Half-step t >= 1 of the negative rows for a pair of panels. */
static void R_(negative_pair)(const rg_rbm_train_t *job, size_t t, const layer_t *layer,
                              const scratch_t *scratch)
{
    const work_t *work = job->workspace;
    R_(layer_inputs)(layer, scratch);
    for (size_t q = 0; q < layer->n_panels; q++) {
        rg_stream_t stream;
        R_(train_stream)(job, t, layer->panel + q, &stream);
        rows_t rows = {.n_rows = layer->n_rows,
                       .stream = &stream,
                       .bits = layer->to_hidden ? work->hidden : R_(negative_at)(job)};
        R_(units)(layer, q, &rows, NULL, scratch);
    }
}

/* Transpose the states of 64 visible units over all rows of the batch; count those that are on
 * among the data (count[i]) and among all rows (count[64 + i]). */
static void R_(transpose_word)(const rg_rbm_train_t *job, size_t batch, size_t n_rows, size_t word,
                               uint64_t *count)
{
    const work_t *work = job->workspace;
    size_t words = rg_bits_words(job->rbm->n_visible);
    size_t stride = rg_bits_words(n_rows);
    size_t units = job->rbm->n_visible - 64 * word < 64 ? job->rbm->n_visible - 64 * word : 64;
    memset(count, 0, 128 * sizeof *count);
    for (size_t first = 0; first < n_rows; first += 64) {
        _Alignas(64) uint64_t tile[64] = {0};
        for (size_t r = 0; r < 64 && first + r < n_rows; r++) {
            tile[r] = work->rows[(first + r) * words + word];
        }
        rg_kernels()->transpose64(tile);
        size_t data = batch <= first ? 0 : batch - first;
        uint64_t mask = data < 64 ? (UINT64_C(1) << data) - 1 : UINT64_MAX;
        for (size_t i = 0; i < units; i++) {
            work->transposed[(64 * word + i) * stride + first / 64] = tile[i];
        }
        rg_kernels()->tile_counts(tile, mask, count);
    }
}

/* Visible means of 64 units, as fractions of "on": out is 64 x 16, column 0 the data, column 1
 * the negative rows; weighted by the rows' shares. */
static void R_(weighted_fractions)(const rg_rbm_train_t *job, size_t n_rows, size_t word,
                                   size_t units, const scratch_t *scratch, REAL *out)
{
    const work_t *work = job->workspace;
    size_t stride = rg_bits_words(n_rows);
    rg_lookup_spread(&work->transposed[64 * word * stride], stride, units, n_rows, scratch->units);
    rg_lookup_t product = {
        .index = scratch->units, .n_rows = units, .n_inputs = n_rows, .n_panels = 1};
    memset(out, 0, (size_t)64 * RG_PANEL * sizeof *out);
    R_(lookup)(&product, work->share_panel, out);
}

/* Bits of 64 visible units over all rows, the step of their (centred) biases, their offsets. */
static void R_(visible_word)(const rg_rbm_train_t *job, size_t batch, size_t negative, size_t word,
                             const scratch_t *scratch)
{
    const rg_rbm_t *rbm = job->rbm;
    size_t units = rbm->n_visible - 64 * word < 64 ? rbm->n_visible - 64 * word : 64;
    _Alignas(64) uint64_t count[128];
    _Alignas(64) REAL fraction[64 * RG_PANEL];
    R_(transpose_word)(job, batch, batch + negative, word, count);
    if (job->row_weights != NULL) {
        R_(weighted_fractions)(job, batch + negative, word, units, scratch, fraction);
    } else {
        for (size_t i = 0; i < units; i++) {
            fraction[i * RG_PANEL] = (REAL)count[i] / (REAL)batch;
            fraction[i * RG_PANEL + 1] = (REAL)(count[64 + i] - count[i]) / (REAL)negative;
        }
    }
    REAL *bias = &((REAL *)rbm->visible_bias)[64 * word];
    REAL *velocity = &((REAL *)job->visible_velocity)[64 * word];
    for (size_t i = 0; i < units; i++) {
        REAL data = fraction[i * RG_PANEL];
        REAL gradient = (REAL)(rbm->spin ? 2 : 1) * (data - fraction[i * RG_PANEL + 1]);
        velocity[i] = (REAL)job->momentum * velocity[i] + (REAL)job->learning_rate * gradient;
        if (job->visible_offset == NULL) {
            bias[i] += velocity[i];
        } else {
            REAL *offset = &((REAL *)job->visible_offset)[64 * word];
            REAL mean = rbm->spin ? data + data - (REAL)1 : data;
            offset[i] += (REAL)job->offset_rate * (mean - offset[i]);
        }
    }
}

/* Centred only: the biases of 64 visible units, b += velocity - sum_panels shift. */
static void R_(visible_biases)(const rg_rbm_train_t *job, size_t word)
{
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    const REAL *velocity = job->visible_velocity;
    const REAL *shift = work->visible_shift;
    REAL *bias = rbm->visible_bias;
    for (size_t i = 64 * word; i < rbm->n_visible && i < 64 * (word + 1); i++) {
        REAL sum = 0;
        for (size_t panel = 0; panel < n_panels(rbm->n_hidden); panel++) {
            sum += shift[panel * rbm->n_visible + i];
        }
        bias[i] += velocity[i] - sum;
    }
}

/* Statistics of a panel's hidden means that outlive the batch, and the velocities of its
 * (centred) biases. mean: 16 of the data, then 16 of the negative rows. */
static void R_(hidden_means)(const rg_rbm_train_t *job, size_t panel, const REAL *mean)
{
    const work_t *work = job->workspace;
    REAL *velocity = &((REAL *)job->hidden_velocity)[panel * RG_PANEL];
    for (size_t j = 0; j < panel_units(job->rbm->n_hidden, panel); j++) {
        size_t unit = panel * RG_PANEL + j;
        REAL gradient = mean[j] - mean[RG_PANEL + j];
        if (job->hidden_sum != NULL) {
            job->hidden_sum[unit] += work->total * (double)mean[j];
        }
        if (job->hidden_offset != NULL) {
            REAL *offset = &((REAL *)job->hidden_offset)[unit];
            *offset += (REAL)job->offset_rate * (mean[j] - *offset);
        }
        if (job->hidden_average != NULL) {
            REAL *average = &((REAL *)job->hidden_average)[unit];
            *average += (REAL)(1 - job->sparsity_decay) * (mean[j] - *average);
            gradient += (REAL)job->sparsity_cost * ((REAL)job->sparsity_target - *average);
        }
        velocity[j] = (REAL)job->momentum * velocity[j] + (REAL)job->learning_rate * gradient;
    }
}

/* Rows of means become factors of the gradient, with zero rows up to a multiple of 4; difference
 * (16) is rate (data - negative means). */
static void R_(panel_factors)(const rg_rbm_train_t *job, size_t batch, size_t negative,
                              size_t panel, REAL *means, REAL *difference)
{
    const work_t *work = job->workspace;
    size_t n_rows = batch + negative;
    _Alignas(64) REAL mean[2 * RG_PANEL];
    _Alignas(64) static const REAL zeros[RG_PANEL] = {0};
    const REAL *shares = work->share;
    rg_factors_t data = {.n_rows = batch, .share = shares};
    rg_factors_t other = {.n_rows = negative, .share = &shares[batch]};
    R_(row_means)(&data, means, mean);
    R_(row_means)(&other, &means[batch * RG_PANEL], &mean[RG_PANEL]);
    R_(hidden_means)(job, panel, mean);
    for (size_t j = 0; j < RG_PANEL; j++) {
        difference[j] = (REAL)job->learning_rate * (mean[j] - mean[RG_PANEL + j]);
    }
    const REAL *offset = job->hidden_offset;
    rg_factors_t all = {.n_rows = n_rows,
                        .n_units = panel_units(job->rbm->n_hidden, panel),
                        .scale = work->scale,
                        .offset = offset != NULL ? &offset[panel * RG_PANEL] : zeros};
    for (size_t j = all.n_units; j < RG_PANEL; j++) {
        difference[j] = 0;
    }
    R_(factors)(&all, means);
    memset(&means[n_rows * RG_PANEL], 0, 3 * RG_PANEL * sizeof *means);
}

/* Means of a pair of panels; persistent: also the chains' next h. CD has p0 already. */
static void R_(pair_means)(const rg_rbm_train_t *job, size_t batch, size_t negative,
                           const layer_t *layer, size_t worker, const scratch_t *scratch)
{
    const work_t *work = job->workspace;
    R_(layer_inputs)(layer, scratch);
    for (size_t q = 0; q < layer->n_panels; q++) {
        REAL *means = R_(means_at)(job, layer->panel + q, worker);
        rg_stream_t stream;
        R_(train_stream)(job, 2 * job->k, layer->panel + q, &stream);
        rows_t data = {.n_rows = batch};
        rows_t other = {.first = layer->n_rows - negative,
                        .n_rows = negative,
                        .stream = job->persistent && job->k > 0 ? &stream : NULL,
                        .bits = work->hidden};
        if (job->persistent) {
            R_(units)(layer, q, &data, means, scratch);
        }
        R_(units)(layer, q, &other, &means[batch * RG_PANEL], scratch);
    }
}

/* Means, gradient and update of a pair of panels of W and of their hidden biases. */
static void R_(update_pair)(const rg_rbm_train_t *job, size_t batch, size_t negative,
                            const layer_t *layer, size_t worker, const scratch_t *scratch)
{
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    _Alignas(64) REAL difference[PAIR][RG_PANEL];
    _Alignas(64) REAL hidden_shift[PAIR][RG_PANEL] = {{0}};
    rg_update_t step[PAIR];
    size_t panel_size = rg_rbm_panel_rows(rbm->n_visible) * RG_PANEL;
    REAL *velocity = &((REAL *)job->weight_velocity)[layer->panel * panel_size];
    REAL *weights = &((REAL *)rbm->weights)[layer->panel * panel_size];
    bool centred = job->visible_offset != NULL;
    R_(pair_means)(job, batch, negative, layer, worker, scratch);
    for (size_t q = 0; q < layer->n_panels; q++) {
        size_t panel = layer->panel + q;
        R_(panel_factors)(job, batch, negative, panel, R_(means_at)(job, panel, worker),
                          difference[q]);
        step[q] = (rg_update_t){
            .n_rows = rbm->n_visible,
            .momentum = job->momentum,
            .l1 = (REAL)job->learning_rate * (REAL)job->l1,
            .l2 = (REAL)job->learning_rate * (REAL)job->l2,
            .difference = difference[q],
            .visible_offset = job->visible_offset,
            .hidden_offset = centred ? &((REAL *)job->hidden_offset)[panel * RG_PANEL] : NULL,
            .visible_shift =
                centred ? &((REAL *)work->visible_shift)[panel * rbm->n_visible] : NULL,
            .hidden_shift = hidden_shift[q]};
        R_(update_start)(&step[q], &velocity[q * panel_size], &weights[q * panel_size]);
    }
    rg_lookup_t product = {.index = scratch->units,
                           .n_rows = rbm->n_visible,
                           .n_inputs = batch + negative,
                           .spin = rbm->spin,
                           .n_panels = layer->n_panels,
                           .weight_step = work->mean_rows * RG_PANEL,
                           .out_step = panel_size};
    if (layer->panel + 2 * PAIR <= n_panels(rbm->n_hidden)) { /* the next pair of one worker */
        product.ahead[0] = &velocity[PAIR * panel_size];
        product.ahead[1] = &weights[PAIR * panel_size];
    }
    R_(lookup)(&product, R_(means_at)(job, layer->panel, worker), velocity);
    for (size_t q = 0; q < layer->n_panels; q++) {
        size_t from = (layer->panel + q) * RG_PANEL;
        R_(update_finish)(&step[q], &velocity[q * panel_size], &weights[q * panel_size]);
        const REAL *hidden_velocity = &((REAL *)job->hidden_velocity)[from];
        REAL *hidden_bias = &((REAL *)rbm->hidden_bias)[from];
        for (size_t j = 0; j < panel_units(rbm->n_hidden, layer->panel + q); j++) {
            hidden_bias[j] += hidden_velocity[j] - hidden_shift[q][j];
        }
    }
}

/* Every row's share of its side's mean, and that times the learning rate with the side's sign. */
static void R_(row_shares)(const rg_rbm_train_t *job, size_t batch, size_t negative)
{
    work_t *work = job->workspace;
    const uint32_t *rows = &job->order[job->next_row];
    double total = 0.0;
    for (size_t i = 0; i < batch; i++) {
        total += job->row_weights != NULL ? job->row_weights[rows[i]] : 1.0;
    }
    work->total = total;
    REAL *share = work->share;
    REAL *scale = work->scale;
    REAL rate = (REAL)job->learning_rate;
    for (size_t i = 0; i < batch + negative; i++) {
        bool weighted = job->row_weights != NULL && (i < batch || !job->persistent);
        double weight = weighted ? job->row_weights[rows[i < batch ? i : i - batch]] : 1.0;
        double sum = i < batch || weighted ? total : (double)negative;
        share[i] = (REAL)(weight / sum);
        scale[i] = (i < batch ? rate : -rate) * share[i];
    }
    if (job->row_weights != NULL) {
        REAL *panel = work->share_panel;
        memset(panel, 0, work->mean_rows * RG_PANEL * sizeof *panel);
        for (size_t i = 0; i < batch + negative; i++) {
            panel[i * RG_PANEL + (i < batch ? 0 : 1)] = share[i];
        }
    }
}

/* Copies of what the batch starts from: its rows, the chains. */
static void R_(begin_batch)(const rg_rbm_train_t *job, size_t batch, size_t negative)
{
    const work_t *work = job->workspace;
    size_t words = rg_bits_words(job->rbm->n_visible);
    for (size_t row = 0; row < batch; row++) {
        size_t from = job->order[job->next_row + row];
        memcpy(&work->rows[row * words], &job->data[from * words], 8 * words);
    }
    if (job->persistent && job->k == 0) {
        memcpy(R_(negative_at)(job), job->negative, 8 * words * negative);
    } else if (job->persistent) {
        memcpy(work->hidden, job->hidden, 8 * rg_bits_words(job->rbm->n_hidden) * negative);
    }
    R_(row_shares)(job, batch, negative);
}

/* The last stage: parameters and chains move. */
static void R_(update_stage)(const rg_rbm_train_t *job, rg_team_t *team, size_t worker,
                             const scratch_t *scratch)
{
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    size_t n_workers = rg_team_size(team);
    size_t batch = batch_rows(job);
    size_t negative = negative_rows(job, batch);
    size_t words = rg_bits_words(rbm->n_visible);
    for (size_t w = worker; w < words; w += n_workers) {
        R_(visible_word)(job, batch, negative, w, scratch);
    }
    rg_team_barrier(team);
    size_t first = job->persistent ? 0 : batch;
    size_t n_rows = batch + negative - first;
    spread(rbm, true, &work->rows[first * words], n_rows, scratch);
    rg_lookup_spread(work->transposed, rg_bits_words(batch + negative), rbm->n_visible,
                     batch + negative, scratch->units);
    for (size_t p = PAIR * worker; p < n_panels(rbm->n_hidden); p += PAIR * n_workers) {
        layer_t layer = pair_at(rbm, true, n_rows, p);
        R_(update_pair)(job, batch, negative, &layer, worker, scratch);
    }
    rg_team_barrier(team);
    for (size_t w = worker; w < words && job->visible_offset != NULL; w += n_workers) {
        R_(visible_biases)(job, w);
    }
}

/* One stage of the running batch: 0 copies (CD: also p0 and the first draw of h), 1 .. 2k-1 Gibbs
 * half-steps of the negative rows, 2k the update. */
static void R_(train_stage)(const rg_rbm_train_t *job, rg_team_t *team, size_t worker)
{
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    char *memory = &work->scratch[worker * work->scratch_bytes];
    scratch_t scratch = open_scratch(rbm, work->mean_rows - 3, memory);
    size_t step = PAIR * rg_team_size(team);
    size_t batch = batch_rows(job);
    size_t negative = negative_rows(job, batch);
    if (job->stage == 0) {
        if (worker == 0) {
            R_(begin_batch)(job, batch, negative);
        }
        rg_team_barrier(team);
        if (!job->persistent) {
            spread(rbm, true, work->rows, batch, &scratch);
        }
        for (size_t p = PAIR * worker; p < n_panels(rbm->n_hidden) && !job->persistent; p += step) {
            layer_t layer = pair_at(rbm, true, batch, p);
            R_(positive_pair)(job, &layer, &scratch);
        }
    } else if (job->stage < 2 * job->k) {
        bool to_hidden = job->stage % 2 == 0;
        const uint64_t *given = to_hidden ? R_(negative_at)(job) : work->hidden;
        spread(rbm, to_hidden, given, negative, &scratch);
        size_t panels = n_panels(to_hidden ? rbm->n_hidden : rbm->n_visible);
        for (size_t p = PAIR * worker; p < panels; p += step) {
            layer_t layer = pair_at(rbm, to_hidden, negative, p);
            R_(negative_pair)(job, job->stage, &layer, &scratch);
        }
    }
    if (job->stage == 2 * job->k) {
        R_(update_stage)(job, team, worker, &scratch);
    }
}

/* x * 0 is 0 for finite x, else NaN; several sums hide the latency. */
static bool R_(finite)(const REAL *x, size_t n)
{
    REAL sum[RG_PANEL] = {0};
    REAL rest = 0;
    for (size_t i = 0; i + RG_PANEL <= n; i += RG_PANEL) {
        for (size_t j = 0; j < RG_PANEL; j++) {
            sum[j] += x[i + j] * (REAL)0;
        }
    }
    for (size_t j = 0; j < RG_PANEL; j++) {
        rest += sum[j];
    }
    return rest == (REAL)0;
}

/* Whether every parameter is finite; the arrays are padded to whole panels. */
static bool R_(all_finite)(const rg_rbm_t *rbm)
{
    size_t hidden = rg_rbm_panel_rows(rbm->n_hidden);
    size_t visible = rg_rbm_panel_rows(rbm->n_visible);
    return R_(finite)(rbm->weights, hidden * visible) && R_(finite)(rbm->visible_bias, visible) &&
           R_(finite)(rbm->hidden_bias, hidden);
}
