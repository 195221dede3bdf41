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

static void R_(update)(const rg_update_t *job, void *velocity, void *weights)
{
    if (sizeof(REAL) == sizeof(float)) {
        rg_kernels()->update_f32(job, velocity, weights);
    } else {
        rg_kernels()->update_f64(job, velocity, weights);
    }
}

/* One panel of a layer given the other layer: bits if a stream is given, means if `mean` is
 * (n_rows x 16; may be the scratch of the inputs, n_rows x 16). */
static void R_(layer)(const layer_t *layer, rg_stream_t *stream, rg_panel_bits_t *bits, REAL *mean,
                      void *scratch)
{
    const rg_rbm_t *rbm = layer->rbm;
    size_t n_drawn = layer->to_hidden ? rbm->n_hidden : rbm->n_visible;
    size_t n_given = layer->to_hidden ? rbm->n_visible : rbm->n_hidden;
    REAL *input = scratch;
    const REAL *bias = layer->to_hidden ? rbm->hidden_bias : rbm->visible_bias;
    for (size_t row = 0; row < layer->n_rows; row++) {
        memcpy(&input[row * RG_PANEL], &bias[layer->panel * RG_PANEL], RG_PANEL * sizeof(REAL));
    }
    rg_lookup_t product = {.bits = layer->given,
                           .stride = rg_bits_words(n_given),
                           .n_rows = layer->n_rows,
                           .n_inputs = n_given,
                           .spin = rbm->spin,
                           .tile_rows = layer->to_hidden ? 0 : rg_rbm_panel_rows(rbm->n_visible)};
    size_t rows = layer->to_hidden ? rg_rbm_panel_rows(rbm->n_visible) : RG_PANEL;
    R_(lookup)(&product, &((const REAL *)rbm->weights)[layer->panel * rows * RG_PANEL], input);
    if (stream == NULL && mean == NULL) {
        return;
    }
    rg_unit_t unit = {.n_rows = layer->n_rows,
                      .n_units = panel_units(n_drawn, layer->panel),
                      .spin = rbm->spin,
                      .bits = stream != NULL ? bits : NULL,
                      .stride = panel_stride(n_drawn)};
    R_(unit)(&unit, stream, input, mean);
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
 * to the update, else per worker. */
static REAL *R_(means_at)(const rg_rbm_train_t *job, size_t panel, size_t worker)
{
    const work_t *work = job->workspace;
    return &((REAL *)work->means)[(job->persistent ? worker : panel) * work->mean_rows * RG_PANEL];
}

/* CD: p0 of a panel, and the first draw of h. */
static void R_(positive_panel)(const rg_rbm_train_t *job, size_t batch, size_t panel, void *scratch)
{
    const work_t *work = job->workspace;
    layer_t layer = {
        .rbm = job->rbm, .to_hidden = true, .given = work->rows, .n_rows = batch, .panel = panel};
    rg_stream_t stream;
    R_(train_stream)(job, 0, panel, &stream);
    R_(layer)(&layer, &stream, (rg_panel_bits_t *)work->hidden + panel, R_(means_at)(job, panel, 0),
              scratch);
}

/* Half-step t >= 1 of the negative rows for one panel. */
static void R_(negative_panel)(const rg_rbm_train_t *job, size_t rows, size_t t, size_t panel,
                               void *scratch)
{
    const work_t *work = job->workspace;
    bool to_hidden = t % 2 == 0;
    uint64_t *drawn = to_hidden ? work->hidden : R_(negative_at)(job);
    layer_t layer = {.rbm = job->rbm,
                     .to_hidden = to_hidden,
                     .given = to_hidden ? R_(negative_at)(job) : work->hidden,
                     .n_rows = rows,
                     .panel = panel};
    rg_stream_t stream;
    R_(train_stream)(job, t, panel, &stream);
    R_(layer)(&layer, &stream, (rg_panel_bits_t *)drawn + panel, NULL, scratch);
}

/* Transpose the states of 64 visible units over all rows of the batch; count those that are on
 * among the data (count[i]) and among all rows (count[64 + i]). */
static void R_(transpose_word)(const rg_rbm_train_t *job, size_t batch, size_t n_rows, size_t word,
                               size_t *count)
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
            count[i] += (size_t)__builtin_popcountll(tile[i] & mask);
            count[64 + i] += (size_t)__builtin_popcountll(tile[i]);
        }
    }
}

/* Visible means of 64 units, as fractions of "on": out is 64 x 16, column 0 the data, column 1
 * the negative rows; weighted by the rows' shares. */
static void R_(weighted_fractions)(const rg_rbm_train_t *job, size_t n_rows, size_t word,
                                   size_t units, REAL *out)
{
    const work_t *work = job->workspace;
    rg_lookup_t product = {.bits = &work->transposed[64 * word * rg_bits_words(n_rows)],
                           .stride = rg_bits_words(n_rows),
                           .n_rows = units,
                           .n_inputs = n_rows};
    memset(out, 0, (size_t)64 * RG_PANEL * sizeof *out);
    R_(lookup)(&product, work->share_panel, out);
}

/* Bits of 64 visible units over all rows, the step of their (centred) biases, their offsets. */
static void R_(visible_word)(const rg_rbm_train_t *job, size_t batch, size_t negative, size_t word)
{
    const rg_rbm_t *rbm = job->rbm;
    size_t units = rbm->n_visible - 64 * word < 64 ? rbm->n_visible - 64 * word : 64;
    size_t count[128];
    _Alignas(64) REAL fraction[64 * RG_PANEL];
    R_(transpose_word)(job, batch, batch + negative, word, count);
    if (job->row_weights != NULL) {
        R_(weighted_fractions)(job, batch + negative, word, units, fraction);
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

/* Means, gradient and update of one panel of W and of its hidden biases. */
static void R_(update_panel)(const rg_rbm_train_t *job, size_t batch, size_t negative, size_t panel,
                             size_t worker, void *scratch)
{
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    size_t first = job->persistent ? 0 : batch; /* CD has p0 already */
    REAL *means = R_(means_at)(job, panel, worker);
    rg_stream_t stream;
    R_(train_stream)(job, 2 * job->k, panel, &stream);
    layer_t layer = {.rbm = rbm,
                     .to_hidden = true,
                     .given = &work->rows[first * rg_bits_words(rbm->n_visible)],
                     .n_rows = batch + negative - first,
                     .panel = panel};
    R_(layer)(&layer, NULL, NULL, &means[first * RG_PANEL], scratch);
    if (job->persistent && job->k > 0) { /* the chains' next h, from the inputs left in scratch */
        rg_unit_t unit = {.n_rows = negative,
                          .n_units = panel_units(rbm->n_hidden, panel),
                          .spin = rbm->spin,
                          .bits = (rg_panel_bits_t *)work->hidden + panel,
                          .stride = panel_stride(rbm->n_hidden)};
        R_(unit)(&unit, &stream, &((REAL *)scratch)[batch * RG_PANEL], NULL);
    }
    _Alignas(64) REAL difference[RG_PANEL];
    _Alignas(64) REAL hidden_shift[RG_PANEL] = {0};
    R_(panel_factors)(job, batch, negative, panel, means, difference);
    size_t from = panel * RG_PANEL;
    bool centred = job->visible_offset != NULL;
    rg_update_t step = {.product = {.bits = work->transposed,
                                    .stride = rg_bits_words(batch + negative),
                                    .n_rows = rbm->n_visible,
                                    .n_inputs = batch + negative,
                                    .spin = rbm->spin},
                        .momentum = job->momentum,
                        .l1 = (REAL)job->learning_rate * (REAL)job->l1,
                        .l2 = (REAL)job->learning_rate * (REAL)job->l2,
                        .factors = means,
                        .difference = difference,
                        .visible_offset = job->visible_offset,
                        .hidden_offset = centred ? &((REAL *)job->hidden_offset)[from] : NULL,
                        .visible_shift =
                            centred ? &((REAL *)work->visible_shift)[panel * rbm->n_visible] : NULL,
                        .hidden_shift = hidden_shift};
    size_t at = panel * rg_rbm_panel_rows(rbm->n_visible) * RG_PANEL;
    R_(update)(&step, &((REAL *)job->weight_velocity)[at], &((REAL *)rbm->weights)[at]);
    const REAL *hidden_velocity = &((REAL *)job->hidden_velocity)[from];
    REAL *hidden_bias = &((REAL *)rbm->hidden_bias)[from];
    for (size_t j = 0; j < panel_units(rbm->n_hidden, panel); j++) {
        hidden_bias[j] += hidden_velocity[j] - hidden_shift[j];
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

/* One stage of the running batch: 0 copies (CD: also p0 and the first draw of h), 1 .. 2k-1 Gibbs
 * half-steps of the negative rows, 2k the update. */
static void R_(train_stage)(const rg_rbm_train_t *job, rg_team_t *team, size_t worker)
{
    const work_t *work = job->workspace;
    char *scratch = &((char *)work->scratch)[worker * work->scratch_bytes];
    size_t n_workers = rg_team_size(team);
    size_t batch = batch_rows(job);
    size_t negative = negative_rows(job, batch);
    size_t hidden_panels = n_panels(job->rbm->n_hidden);
    size_t words = rg_bits_words(job->rbm->n_visible);
    if (job->stage == 0) {
        if (worker == 0) {
            R_(begin_batch)(job, batch, negative);
        }
        rg_team_barrier(team);
        for (size_t p = worker; p < hidden_panels && !job->persistent; p += n_workers) {
            R_(positive_panel)(job, batch, p, scratch);
        }
    } else if (job->stage < 2 * job->k) {
        size_t panels = job->stage % 2 == 0 ? hidden_panels : n_panels(job->rbm->n_visible);
        for (size_t p = worker; p < panels; p += n_workers) {
            R_(negative_panel)(job, negative, job->stage, p, scratch);
        }
    }
    if (job->stage == 2 * job->k) {
        for (size_t w = worker; w < words; w += n_workers) {
            R_(visible_word)(job, batch, negative, w);
        }
        rg_team_barrier(team);
        for (size_t p = worker; p < hidden_panels; p += n_workers) {
            R_(update_panel)(job, batch, negative, p, worker, scratch);
        }
        rg_team_barrier(team);
        for (size_t w = worker; w < words && job->visible_offset != NULL; w += n_workers) {
            R_(visible_biases)(job, w);
        }
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
