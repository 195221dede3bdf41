/* test_rng.c: keyed streams against the published xoshiro256++, thresholds, biased planes. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "rg_rng.h"

static const uint64_t KEY[4] = {1, 2, 3, 4};

/* Blackman & Vigna, prng.di.unimi.it/xoshiro256plusplus.c, one lane. */
typedef struct {
    uint64_t s[4];
} xoshiro_t;

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t xoshiro_next(xoshiro_t *self)
{
    uint64_t *s = self->s;
    uint64_t result = rotl(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

static void scalar_generator_gives_the_published_words(void)
{
    /* the words every implementation quotes for the state {1, 2, 3, 4} */
    static const uint64_t words[6] = {
        UINT64_C(41943041),
        UINT64_C(58720359),
        UINT64_C(3588806011781223),
        UINT64_C(3591011842654386),
        UINT64_C(9228616714210784205),
        UINT64_C(9973669472204895162),
    };
    xoshiro_t generator = {{1, 2, 3, 4}};
    for (size_t i = 0; i < 6; i++) {
        CHECK(xoshiro_next(&generator) == words[i]);
    }
}

static void planes_are_eight_lanes_of_xoshiro(void)
{
    rg_stream_t stream;
    rg_stream_init(&stream, KEY, RG_PURPOSE_SAMPLE, 5);
    xoshiro_t lanes[RG_LANES];
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        for (size_t word = 0; word < 4; word++) {
            lanes[lane].s[word] = stream.s[word][lane];
        }
    }
    for (size_t step = 0; step < 1000; step++) {
        uint64_t plane[RG_LANES];
        rg_stream_plane(&stream, plane);
        for (size_t lane = 0; lane < RG_LANES; lane++) {
            CHECK(plane[lane] == xoshiro_next(&lanes[lane]));
        }
    }
}

/* The words were computed with Python integers from the definition in rg_rng.h. */
static void keyed_words_stay_as_they_are(void)
{
    static const uint64_t third[2][RG_LANES] = {
        {UINT64_C(0x2d34dde4a073be87), UINT64_C(0x86148f646660eb21), UINT64_C(0xa6cb0da6e2334890),
         UINT64_C(0xe434c814d3fc1a53), UINT64_C(0x366990edb738de1c), UINT64_C(0xd7eca9f3ea1e2186),
         UINT64_C(0x8b203da49f89f8dd), UINT64_C(0x5fd2788f8a3ec77b)},
        {UINT64_C(0x34c0c5cdf6920940), UINT64_C(0xf3569c20018b7a85), UINT64_C(0x4611fcc37341cc26),
         UINT64_C(0xa0631013ed6aa86d), UINT64_C(0x89a15c03dfff3127), UINT64_C(0xf1e7821eaac06269),
         UINT64_C(0x736334e2843a3d4f), UINT64_C(0xc5c3ed30f4116cff)},
    };
    static const uint64_t keys[2][4] = {{1, 2, 3, 4}, {UINT64_MAX, 0, 7, UINT64_C(1) << 63}};
    static const uint64_t places[2][2] = {{1, 0}, {17, 123456789}};
    for (size_t k = 0; k < 2; k++) {
        rg_stream_t stream;
        rg_stream_init(&stream, keys[k], places[k][0], places[k][1]);
        uint64_t plane[RG_LANES];
        for (size_t step = 0; step < 3; step++) {
            rg_stream_plane(&stream, plane);
        }
        CHECK(memcmp(plane, third[k], sizeof plane) == 0);
    }
}

static int compare_words(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Every first word over keys, purposes, indices and lanes is another one. */
static void streams_of_other_places_differ(void)
{
    enum { KEYS = 5, PURPOSES = 20, INDICES = 20, N = KEYS * PURPOSES * INDICES * RG_LANES };
    uint64_t *words = rg_alloc(N, sizeof *words);
    size_t n = 0;
    for (size_t k = 0; k < KEYS; k++) {
        uint64_t key[4] = {0, 0, 0, 0};
        if (k < 4) {
            key[k] = 1;
        }
        for (uint64_t purpose = 0; purpose < PURPOSES; purpose++) {
            for (uint64_t index = 0; index < INDICES; index++) {
                rg_stream_t stream;
                rg_stream_init(&stream, key, purpose, index);
                rg_stream_plane(&stream, words + n);
                n += RG_LANES;
            }
        }
    }
    CHECK(n == N);
    qsort(words, N, sizeof *words, compare_words);
    size_t equal = 0;
    for (size_t i = 1; i < N; i++) {
        equal += words[i] == words[i - 1];
    }
    CHECK(equal == 0);
    rg_free(words);
}

static void thresholds_are_exact(void)
{
    bool certain = true;
    CHECK(rg_threshold64(0.0, &certain) == 0 && !certain);
    CHECK(rg_threshold64(0x1p-64, &certain) == 1 && !certain);
    CHECK(rg_threshold64(0x1p-66, &certain) == 0 && !certain);
    CHECK(rg_threshold64(0.5, &certain) == UINT64_C(1) << 63 && !certain);
    CHECK(rg_threshold64(0.75, &certain) == UINT64_C(3) << 62 && !certain);
    CHECK(rg_threshold64(1.0, &certain) == UINT64_MAX && certain);
    CHECK(rg_threshold64(1.0 - 0x1p-53, &certain) == UINT64_MAX - 0x7ff && !certain);
}

/* Compare with "U < t" for the 64-bit U = t xor Z of each position; returns the planes read. */
static size_t check_one_biased_plane(rg_stream_t *stream, double p)
{
    rg_stream_t copy = *stream;
    bool certain = false;
    uint64_t threshold = rg_threshold64(p, &certain);
    uint64_t z[64][RG_LANES];
    for (size_t bit = 0; bit < 64; bit++) {
        rg_stream_plane(&copy, z[bit]);
    }
    uint64_t plane[RG_LANES];
    rg_stream_biased_plane(stream, p, plane);
    size_t read = 0;
    for (size_t i = 0; i < RG_PLANE_BITS; i++) {
        uint64_t word = 0;
        for (size_t bit = 0; bit < 64; bit++) {
            word = word << 1 | ((z[bit][i / 64] >> (i % 64)) & 1);
        }
        bool expected = certain || (threshold ^ word) < threshold;
        CHECK(((plane[i / 64] >> (i % 64)) & 1) == expected);
        size_t depth = word == 0 ? 64 : (size_t)__builtin_clzll(word) + 1;
        read = depth > read ? depth : read;
    }
    return read;
}

static void biased_plane_is_an_exact_comparison(void)
{
    static const double ps[] = {0x1p-64, 0.25, 0.3, 0.5, 0.999, 1.0 - 0x1p-53};
    for (size_t k = 0; k < sizeof ps / sizeof ps[0]; k++) {
        rg_stream_t stream;
        rg_stream_init(&stream, KEY, 99, k);
        for (size_t draw = 0; draw < 20; draw++) {
            rg_stream_t before = stream;
            size_t read = check_one_biased_plane(&stream, ps[k]);
            for (size_t i = 0; i < read; i++) {
                uint64_t plane[RG_LANES];
                rg_stream_plane(&before, plane);
            }
            CHECK(memcmp(&before, &stream, sizeof stream) == 0); /* no plane more than needed */
        }
    }
}

/* Ones in n_planes biased planes of p. */
static size_t count_ones(double p, size_t n_planes)
{
    rg_stream_t stream;
    rg_stream_init(&stream, KEY, 98, 0);
    size_t ones = 0;
    for (size_t i = 0; i < n_planes; i++) {
        uint64_t plane[RG_LANES];
        rg_stream_biased_plane(&stream, p, plane);
        for (size_t lane = 0; lane < RG_LANES; lane++) {
            ones += (size_t)__builtin_popcountll(plane[lane]);
        }
    }
    return ones;
}

static void biased_plane_of_0_and_1_is_constant(void)
{
    CHECK(count_ones(0.0, 200) == 0);
    CHECK(count_ones(1.0, 200) == (size_t)200 * RG_PLANE_BITS);
}

/* Distance of the count from n p in standard deviations. */
static double deviation(size_t ones, double p, size_t n_planes)
{
    double n = (double)(n_planes * RG_PLANE_BITS);
    return fabs((double)ones - n * p) / sqrt(n * p * (1 - p));
}

/* A million bits: sigma is 4.6e-4, so p off by 0.01 stands 22 sigma away. */
static void biased_counts_follow_p(void)
{
    size_t ones = count_ones(0.3, 2000);
    CHECK(deviation(ones, 0.3, 2000) < 5);
    CHECK(deviation(ones, 0.31, 2000) > 5);
    CHECK(deviation(ones, 0.29, 2000) > 5);
}

static const harness_test_t TESTS[] = {
    TEST(scalar_generator_gives_the_published_words),
    TEST(planes_are_eight_lanes_of_xoshiro),
    TEST(keyed_words_stay_as_they_are),
    TEST(streams_of_other_places_differ),
    TEST(thresholds_are_exact),
    TEST(biased_plane_is_an_exact_comparison),
    TEST(biased_plane_of_0_and_1_is_constant),
    TEST(biased_counts_follow_p),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
