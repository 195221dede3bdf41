/* test_exact.c: sums and tables against loops that follow the definitions. */
#include "harness.h"

#include <math.h>

#include "rg_exact.h"

enum { MANY = 3 * 70 * 7 };

static const rg_torus_t LATTICES[] = {
    {1, {2}},    {1, {7}},     {1, {200}},   {2, {2, 2}},
    {2, {3, 5}}, {2, {70, 7}}, {2, {7, 70}}, {3, {2, 3, 4}},
};

static int8_t pseudo_spin(size_t i)
{
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (x >> 37) & 1 ? 1 : -1;
}

/* Bond sum by coordinates. */
static int64_t bonds_of(const rg_torus_t *lattice, const int8_t *spins, size_t n_sites)
{
    int64_t sum = 0;
    size_t stride = 1;
    for (size_t axis = lattice->ndim; axis-- > 0;) {
        size_t extent = lattice->extents[axis];
        for (size_t site = 0; site < n_sites; site++) {
            size_t here = site / stride % extent;
            size_t next = site - here * stride + (here + 1) % extent * stride;
            sum += spins[site] * spins[next];
        }
        stride *= extent;
    }
    return sum;
}

static void sums_follow_the_definition(void)
{
    int8_t spins[MANY];
    for (size_t i = 0; i < MANY; i++) {
        spins[i] = pseudo_spin(i);
    }
    for (size_t k = 0; k < sizeof LATTICES / sizeof LATTICES[0]; k++) {
        size_t n_sites = 0;
        CHECK(rg_torus_sites(&LATTICES[k], &n_sites) == RG_OK);
        int64_t sums[6] = {0};
        CHECK(rg_ising_sums(&LATTICES[k], spins, 3, sums) == RG_OK);
        for (size_t c = 0; c < 3; c++) {
            int64_t m = 0;
            for (size_t i = 0; i < n_sites; i++) {
                m += spins[c * n_sites + i];
            }
            CHECK(sums[2 * c] == bonds_of(&LATTICES[k], spins + c * n_sites, n_sites));
            CHECK(sums[2 * c + 1] == m);
        }
    }
}

static void sums_do_not_wrap_on_uniform_lattices(void)
{
    enum { SIDE = 130 };
    static int8_t spins[SIDE * SIDE];
    const rg_torus_t lattice = {2, {SIDE, SIDE}};
    int64_t sums[2];
    for (int sign = -1; sign <= 1; sign += 2) {
        for (size_t i = 0; i < SIDE * SIDE; i++) {
            spins[i] = (int8_t)sign;
        }
        CHECK(rg_ising_sums(&lattice, spins, 1, sums) == RG_OK);
        CHECK(sums[0] == 2 * SIDE * SIDE && sums[1] == sign * SIDE * SIDE);
    }
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        spins[i] = (i / SIDE + i) % 2 ? 1 : -1;
    }
    CHECK(rg_ising_sums(&lattice, spins, 1, sums) == RG_OK);
    CHECK(sums[0] == -2 * SIDE * SIDE && sums[1] == 0);
}

static void sums_refuse_what_is_no_spin(void)
{
    const rg_torus_t lattice = {1, {100}};
    const int8_t wrong[] = {0, 2, 3, -2, 127, -128};
    int64_t sums[2];
    for (size_t place = 0; place < 100; place += 99) {
        for (size_t k = 0; k < sizeof wrong; k++) {
            int8_t spins[100];
            memset(spins, 1, sizeof spins);
            spins[place] = wrong[k];
            CHECK(rg_ising_sums(&lattice, spins, 1, sums) == RG_ERR_VALUES);
        }
    }
}

static void lattices_are_checked(void)
{
    size_t n_sites = 0;
    const rg_torus_t none = {0, {0}};
    const rg_torus_t thin = {2, {1, 5}};
    const rg_torus_t huge = {2, {SIZE_MAX, 3}};
    CHECK(rg_torus_sites(&none, &n_sites) == RG_ERR_ARGUMENT);
    CHECK(rg_torus_sites(&thin, &n_sites) == RG_ERR_ARGUMENT);
    CHECK(rg_torus_sites(&huge, &n_sites) == RG_ERR_OVERFLOW);
}

static void walsh_hadamard_finds_products(void)
{
    double values[32];
    for (size_t state = 0; state < 32; state++) { /* 0.5 + 2 s_1 - s_0 s_3 s_4 */
        double s0 = state & 1 ? 1 : -1;
        double s1 = state & 2 ? 1 : -1;
        double s3 = state & 8 ? 1 : -1;
        double s4 = state & 16 ? 1 : -1;
        values[state] = 0.5 + 2 * s1 - s0 * s3 * s4;
    }
    for (size_t level = 0; level < 5; level++) {
        rg_walsh_hadamard_level(values, 32, level);
    }
    for (size_t set = 0; set < 32; set++) {
        double expected = set == 0 ? 0.5 : set == 2 ? 2.0 : set == 25 ? -1.0 : 0.0;
        CHECK(fabs(values[set] - expected) < 1e-15);
    }
}

static void free_energies_do_not_depend_on_split_or_workers(void)
{
    enum { N_FIRST = 12, N_OTHER = 5, N_STATES = 1 << N_FIRST };
    static double weights[N_FIRST * N_OTHER];
    static double first_bias[N_FIRST];
    static double other_bias[N_OTHER];
    static double whole[N_STATES];
    static double parts[N_STATES];
    for (size_t i = 0; i < N_FIRST * N_OTHER; i++) {
        weights[i] = sin((double)i);
        first_bias[i % N_FIRST] = 0.3 * cos((double)i);
        other_bias[i % N_OTHER] = 0.1 * (double)(i % 7);
    }
    for (int spin_units = 0; spin_units < 2; spin_units++) {
        const rg_rbm_side_t rbm = {N_FIRST,    N_OTHER,    weights,
                                   first_bias, other_bias, spin_units == 1};
        CHECK(rg_rbm_free_energies(&rbm, 0, N_STATES, 1, whole) == RG_OK);
        for (size_t workers = 1; workers < 6; workers += 2) {
            memset(parts, 0, sizeof parts);
            CHECK(rg_rbm_free_energies(&rbm, 0, 1500, workers, parts) == RG_OK);
            CHECK(rg_rbm_free_energies(&rbm, 1500, N_STATES, workers, parts + 1500) == RG_OK);
            CHECK(memcmp(whole, parts, sizeof whole) == 0);
        }
        for (size_t state = 0; state < N_STATES; state += 371) {
            double energy = 0.0;
            double activations[N_OTHER];
            memcpy(activations, other_bias, sizeof activations);
            for (size_t i = 0; i < N_FIRST; i++) {
                double unit = (state >> i) & 1 ? 1.0 : (spin_units ? -1.0 : 0.0);
                energy -= unit * first_bias[i];
                for (size_t j = 0; j < N_OTHER; j++) {
                    activations[j] += unit * weights[i * N_OTHER + j];
                }
            }
            for (size_t j = 0; j < N_OTHER; j++) {
                double a = activations[j];
                energy -= spin_units ? log(2 * cosh(a)) : log(1 + exp(a));
            }
            CHECK(fabs(whole[state] - energy) < 1e-12);
        }
    }
}

static void free_energies_are_stable_and_report_errors(void)
{
    double weights[1] = {800.0};
    double zero[1] = {0.0};
    double energies[2];
    rg_rbm_side_t rbm = {1, 1, weights, zero, zero, true};
    CHECK(rg_rbm_free_energies(&rbm, 0, 2, 1, energies) == RG_OK);
    CHECK(energies[0] == -800.0 && energies[1] == -800.0);
    rbm.spin_units = false;
    CHECK(rg_rbm_free_energies(&rbm, 0, 2, 1, energies) == RG_OK);
    CHECK(fabs(energies[0] + log(2.0)) < 1e-15 && energies[1] == -800.0);
    CHECK(rg_rbm_free_energies(&rbm, 0, 3, 1, energies) == RG_ERR_ARGUMENT);
    CHECK(rg_rbm_free_energies(&rbm, 1, 0, 1, energies) == RG_ERR_ARGUMENT);
    CHECK(rg_rbm_free_energies(&rbm, 0, 2, 0, energies) == RG_ERR_ARGUMENT);
    CHECK(rg_rbm_free_energies(&rbm, 1, 1, 1, energies) == RG_OK);
#ifdef RG_TEST
    rg_test_fail_allocation_after(0);
    CHECK(rg_rbm_free_energies(&rbm, 0, 2, 1, energies) == RG_ERR_MEMORY);
    rg_test_fail_allocation_after(-1);
#endif
}

static const harness_test_t TESTS[] = {
    TEST(sums_follow_the_definition),
    TEST(sums_do_not_wrap_on_uniform_lattices),
    TEST(sums_refuse_what_is_no_spin),
    TEST(lattices_are_checked),
    TEST(walsh_hadamard_finds_products),
    TEST(free_energies_do_not_depend_on_split_or_workers),
    TEST(free_energies_are_stable_and_report_errors),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
