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

/* W transposed for 16 visible units: out is (hidden panels x 16) x 16. */
static void R_(transpose_panel)(const rg_rbm_t *rbm, size_t panel, REAL *out)
{
    const REAL *weights = rbm->weights;
    size_t units = panel_units(rbm->n_visible, panel);
    for (size_t p = 0; p < n_panels(rbm->n_hidden); p++) {
        const REAL *tile = &weights[(p * rbm->n_visible + panel * RG_PANEL) * RG_PANEL];
        REAL *to = &out[p * RG_PANEL * RG_PANEL];
        for (size_t j = 0; j < RG_PANEL; j++) {
            for (size_t i = 0; i < RG_PANEL; i++) {
                to[j * RG_PANEL + i] = i < units ? tile[i * RG_PANEL + j] : (REAL)0;
            }
        }
    }
}

/* One panel of a layer given the other layer: bits if a stream is given, means if `mean` is
 * (n_rows x 16; may be the scratch). scratch: layer_scratch_bytes. */
static void R_(layer)(const layer_t *layer, rg_stream_t *stream, rg_panel_bits_t *bits, REAL *mean,
                      void *scratch)
{
    const rg_rbm_t *rbm = layer->rbm;
    size_t n_drawn = layer->to_hidden ? rbm->n_hidden : rbm->n_visible;
    size_t n_given = layer->to_hidden ? rbm->n_visible : rbm->n_hidden;
    REAL *input = scratch;
    REAL *tile = &input[layer->n_rows * RG_PANEL];
    const REAL *weights = tile;
    const REAL *bias = layer->to_hidden ? rbm->hidden_bias : rbm->visible_bias;
    if (layer->to_hidden) {
        weights = &((const REAL *)rbm->weights)[layer->panel * rbm->n_visible * RG_PANEL];
    } else {
        R_(transpose_panel)(rbm, layer->panel, tile);
    }
    for (size_t row = 0; row < layer->n_rows; row++) {
        memcpy(&input[row * RG_PANEL], &bias[layer->panel * RG_PANEL], RG_PANEL * sizeof(REAL));
    }
    rg_lookup_t product = {.bits = layer->given,
                           .stride = rg_bits_words(n_given),
                           .n_rows = layer->n_rows,
                           .n_inputs = n_given,
                           .spin = rbm->spin};
    R_(lookup)(&product, weights, input);
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

/* Where the negative rows stand: behind room for a full batch, whatever this batch's length. */
static uint64_t *R_(negative_at)(const rg_rbm_train_t *job)
{
    const work_t *work = job->workspace;
    return &work->rows[job->batch_size * rg_bits_words(job->rbm->n_visible)];
}

/* p0 of a panel, and the first draw of h: from v0 (CD) or from the chains (PCD). */
static void R_(positive_panel)(const rg_rbm_train_t *job, size_t batch, size_t panel, void *scratch)
{
    const work_t *work = job->workspace;
    REAL *positive = &((REAL *)work->positive)[panel * job->batch_size * RG_PANEL];
    rg_panel_bits_t *hidden = (rg_panel_bits_t *)work->hidden + panel;
    layer_t layer = {
        .rbm = job->rbm, .to_hidden = true, .given = work->rows, .n_rows = batch, .panel = panel};
    rg_stream_t stream;
    R_(train_stream)(job, 0, panel, &stream);
    R_(layer)(&layer, job->persistent ? NULL : &stream, hidden, positive, scratch);
    if (job->persistent) {
        layer.given = R_(negative_at)(job);
        layer.n_rows = job->n_chains;
        R_(layer)(&layer, &stream, hidden, NULL, scratch);
    }
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

/* Bits of 64 visible units over the batch and the negative rows, and those units' biases. */
static void R_(transpose_word)(const rg_rbm_train_t *job, size_t batch, size_t negative,
                               size_t word)
{
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    size_t words = rg_bits_words(rbm->n_visible);
    size_t stride = rg_bits_words(batch) + rg_bits_words(negative);
    size_t units = rbm->n_visible - 64 * word < 64 ? rbm->n_visible - 64 * word : 64;
    size_t count[2][64] = {{0}};
    size_t to = 0;
    for (size_t side = 0; side < 2; side++) {
        const uint64_t *rows = side == 0 ? work->rows : R_(negative_at)(job);
        size_t n_rows = side == 0 ? batch : negative;
        for (size_t first = 0; first < n_rows; first += 64, to++) {
            uint64_t tile[64] = {0};
            for (size_t r = 0; r < 64 && first + r < n_rows; r++) {
                tile[r] = rows[(first + r) * words + word];
            }
            rg_bits_transpose64(tile);
            for (size_t i = 0; i < units; i++) {
                work->transposed[(64 * word + i) * stride + to] = tile[i];
                count[side][i] += (size_t)__builtin_popcountll(tile[i]);
            }
        }
    }
    REAL unit_step = rbm->spin ? 2 : 1;
    REAL *bias = &((REAL *)rbm->visible_bias)[64 * word];
    REAL *velocity = &((REAL *)job->visible_velocity)[64 * word];
    for (size_t i = 0; i < units; i++) {
        REAL gradient =
            unit_step * ((REAL)count[0][i] / (REAL)batch - (REAL)count[1][i] / (REAL)negative);
        velocity[i] = (REAL)job->momentum * velocity[i] + (REAL)job->learning_rate * gradient;
        bias[i] += velocity[i];
    }
}

/* to = scale x from, n x 16, and the column sums added to `sum` row by row. */
static void R_(scale_rows)(const REAL *from, size_t n, REAL scale, REAL *to, REAL *sum)
{
    for (size_t row = 0; row < n; row++) {
        for (size_t j = 0; j < RG_PANEL; j++) {
            REAL x = scale * from[row * RG_PANEL + j];
            to[row * RG_PANEL + j] = x;
            sum[j] += x;
        }
    }
}

/* Gradient and update of one panel of W and of its hidden biases. */
static void R_(update_panel)(const rg_rbm_train_t *job, size_t batch, size_t negative, size_t panel,
                             char *scratch)
{
    const work_t *work = job->workspace;
    const rg_rbm_t *rbm = job->rbm;
    size_t batch_words = rg_bits_words(batch);
    size_t inputs = 64 * (batch_words + rg_bits_words(negative));
    REAL *means = (REAL *)(void *)scratch;
    REAL *factors =
        (REAL *)(void *)(scratch + layer_scratch_bytes(rbm, job->batch_size + negative));
    REAL *next = &factors[inputs * RG_PANEL];
    layer_t layer = {.rbm = rbm,
                     .to_hidden = true,
                     .given = R_(negative_at)(job),
                     .n_rows = negative,
                     .panel = panel};
    R_(layer)(&layer, NULL, NULL, means, scratch);

    REAL rate = (REAL)job->learning_rate;
    REAL momentum = (REAL)job->momentum;
    REAL *hidden_velocity = &((REAL *)job->hidden_velocity)[panel * RG_PANEL];
    REAL *hidden_bias = &((REAL *)rbm->hidden_bias)[panel * RG_PANEL];
    for (size_t j = 0; j < RG_PANEL; j++) {
        hidden_velocity[j] *= momentum;
    }
    memset(factors, 0, inputs * RG_PANEL * sizeof *factors);
    const REAL *positive = &((const REAL *)work->positive)[panel * job->batch_size * RG_PANEL];
    R_(scale_rows)(positive, batch, rate / (REAL)batch, factors, hidden_velocity);
    R_(scale_rows)(means, negative, -rate / (REAL)negative, &factors[64 * batch_words * RG_PANEL],
                   hidden_velocity);
    for (size_t j = 0; j < panel_units(rbm->n_hidden, panel); j++) {
        hidden_bias[j] += hidden_velocity[j];
    }

    size_t n = rbm->n_visible * RG_PANEL;
    REAL *weights = &((REAL *)rbm->weights)[panel * n];
    REAL *velocity = &((REAL *)job->weight_velocity)[panel * n];
    REAL decay = rate * (REAL)job->l1;
    for (size_t i = 0; i < n; i++) {
        REAL sign = (REAL)(weights[i] > 0) - (REAL)(weights[i] < 0);
        next[i] = momentum * velocity[i] - decay * sign;
    }
    rg_lookup_t product = {.bits = work->transposed,
                           .stride = inputs / 64,
                           .n_rows = rbm->n_visible,
                           .n_inputs = inputs,
                           .spin = rbm->spin};
    R_(lookup)(&product, factors, next);
    size_t units = panel_units(rbm->n_hidden, panel);
    for (size_t i = 0; i < n; i++) {
        REAL step = i % RG_PANEL < units ? next[i] : (REAL)0;
        velocity[i] = step;
        weights[i] += step;
    }
}

static void R_(gather_batch)(const rg_rbm_train_t *job, size_t batch)
{
    const work_t *work = job->workspace;
    size_t words = rg_bits_words(job->rbm->n_visible);
    for (size_t row = 0; row < batch; row++) {
        size_t from = job->order[job->next_row + row];
        memcpy(&work->rows[row * words], &job->data[from * words], 8 * words);
    }
}

/* One stage of the running batch: 0 means and first draws, 1 .. 2k-1 Gibbs half-steps of the
 * negative rows, 2k the update. */
static void R_(train_stage)(const rg_rbm_train_t *job, rg_team_t *team, size_t worker)
{
    const work_t *work = job->workspace;
    char *scratch = &((char *)work->scratch)[worker * work->scratch_bytes];
    size_t n_workers = rg_team_size(team);
    size_t batch = batch_rows(job);
    size_t negative = negative_rows(job, batch);
    size_t hidden_panels = n_panels(job->rbm->n_hidden);
    if (job->stage == 0) {
        if (worker == 0) {
            R_(gather_batch)(job, batch);
        }
        rg_team_barrier(team);
        for (size_t p = worker; p < hidden_panels; p += n_workers) {
            R_(positive_panel)(job, batch, p, scratch);
        }
    } else if (job->stage < 2 * job->k) {
        bool to_hidden = job->stage % 2 == 0;
        size_t panels = to_hidden ? hidden_panels : n_panels(job->rbm->n_visible);
        for (size_t p = worker; p < panels; p += n_workers) {
            R_(negative_panel)(job, negative, job->stage, p, scratch);
        }
    } else {
        for (size_t w = worker; w < rg_bits_words(job->rbm->n_visible); w += n_workers) {
            R_(transpose_word)(job, batch, negative, w);
        }
        rg_team_barrier(team);
        for (size_t p = worker; p < hidden_panels; p += n_workers) {
            R_(update_panel)(job, batch, negative, p, scratch);
        }
    }
}

static bool R_(all_finite)(const rg_rbm_t *rbm)
{
    const REAL *weights = rbm->weights;
    size_t n = n_panels(rbm->n_hidden) * rbm->n_visible * RG_PANEL;
    REAL sum = 0; /* x * 0 is 0 for finite x, else NaN */
    for (size_t i = 0; i < n; i++) {
        sum += weights[i] * (REAL)0;
    }
    const REAL *bias = rbm->visible_bias;
    for (size_t i = 0; i < rbm->n_visible; i++) {
        sum += bias[i] * (REAL)0;
    }
    bias = rbm->hidden_bias;
    for (size_t i = 0; i < rbm->n_hidden; i++) {
        sum += bias[i] * (REAL)0;
    }
    return sum == (REAL)0;
}
