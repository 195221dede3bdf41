/* rg_walk_tpl.h: a Gray walk over the spins above the lanes; included once per type of energy.
 *
 * WALK_NAME(x): names of the functions, WALK_TYPE: type of an energy. */

static void WALK_NAME(add)(WALK_TYPE *restrict lanes, const WALK_TYPE *restrict row, WALK_TYPE sign)
{
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        lanes[lane] += sign * row[lane];
    }
}

/* Energies of the 64 states above which the spins are `high`, from scratch. */
static void WALK_NAME(begin)(const walk_t *walk, const WALK_TYPE *values, uint64_t high,
                             WALK_TYPE *lanes)
{
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        lanes[lane] = 0;
    }
    for (size_t group = 0; group < walk->states->n_groups; group++) {
        int sign = sign_of(walk->states->masks[group], high);
        WALK_NAME(add)(lanes, values + group * RG_STATE_LANES, (WALK_TYPE)sign);
    }
}

/* The same after spin `site` above the lanes was turned to give `high`. */
static void WALK_NAME(turn)(const walk_t *walk, const WALK_TYPE *values, size_t site, uint64_t high,
                            WALK_TYPE *lanes)
{
    const member_t *member = walk->members + walk->starts[site];
    const member_t *stop = walk->members + walk->starts[site + 1];
    WALK_TYPE same = 0;
    for (; member < stop && member->level; member++) {
        int sign = sign_of(member->mask, high);
        same += (WALK_TYPE)(2 * sign) * values[member->group * RG_STATE_LANES];
    }
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        lanes[lane] += same;
    }
    for (; member < stop; member++) {
        int sign = sign_of(member->mask, high);
        WALK_NAME(add)(lanes, values + member->group * RG_STATE_LANES, (WALK_TYPE)(2 * sign));
    }
}
