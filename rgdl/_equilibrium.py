"""Fixed tables of `sample` and `simulate`: starts, burn-in, which method is faster."""

import math

from rgdl.ising import Ising

__all__ = [
    "CLUSTER",
    "K_CRITICAL",
    "LOCAL",
    "METHODS",
    "burn_in_sweeps",
    "choose",
    "doubt",
    "relaxation_sweeps",
    "start_of",
    "tabulated",
]

LOCAL = ("local", "heatbath", "metropolis")
CLUSTER = ("swendsen-wang", "wolff")
METHODS = ("auto", *LOCAL, *CLUSTER, "perfect")
#: By dimension; 3D: Ferrenberg, Xu and Landau, Phys. Rev. E 97, 043301 (2018).
K_CRITICAL = (math.inf, math.log1p(math.sqrt(2.0)) / 2.0, 0.221654626)
_NO_WALLS = 1e-3  # lengths below this part of the wall distance have no walls
_RELAXATIONS = 15  # a start is forgotten to e^-15

#: A Swendsen-Wang sweep in local ones, by dimension. `rgdl bench samplers`, AVX-512, ns
#: per spin, 2.6, 1.8, 1.9 at L = 32, 128, 512 over 0.059, and 6.3, 4.5 at L = 16, 32
#: over 0.063 in 3D: 45, 31, 32 and 100, 71. AVX2 has 2/3 and portable C 1/2 of that.
_CLUSTER_SWEEP = (35.0, 35.0, 80.0)
#: Relaxation times of "local" beyond which clusters decorrelate sooner: near T_c, and
#: on lattices beyond `_FAR` correlation lengths, where clusters hardly correlate at
#: all. tau_int of m^2, local / Swendsen-Wang, and what an independent value costs with
#: local updates over what it costs with clusters: 44 / 3.6, 0.27 at 32x32, K_c (this
#: table has 280); 196 / 4.4, 1.4 at 64x64, K_c (1150); 882 / 5.3, 5.4 at 128x128, K_c
#: (4800); 21 / 4.4, 0.05 at L = 16, K_c in 3D (38); 53 / 1.1, 1.5 at 64x64, K = 0.42
#: (95, 5 xi); 63 / 0.6, 3.2 at 128x128, K = 0.42 (95, 11 xi); 15 / 0.6, 0.75 at 64x64,
#: K = 0.4 (22, 11 xi). From `rgdl.stats.autocorrelation_time` of `rgdl.simulate`;
#: `rgdl bench samplers` has the two 64x64 points.
_SLOW_NEAR, _SLOW_FAR, _FAR = 800.0, 60.0, 4.0


def relaxation_sweeps(shape: tuple[int, ...], K: float, method: str) -> float:
    """Slowest relaxation time in sweeps, from above: a fixed table.

    Only modes that are even under a global flip count, since starts are symmetric;
    measured on this package's kernels as the decay of <e> and <m^2> from random and
    ordered starts.

    Heat bath: l is the smaller of the extent and three correlation lengths.
    2D: 0.08 l^2.17: 59 sweeps at 40x40, K = 0.408 (the formula gives 69), 100 to 160
    at 32x32, K_c (150). 3D: 0.22 l^2.1 with xi = 0.5 |1 - K/K_c|^-0.63 on both sides of
    K_c: 10, 15 and 37 sweeps at L = 6, 8 and 12, K_c (the formula gives 10, 18, 42), 7
    at L = 8, K = 0.21 (18), 9 from up at L = 8, K = 0.235 (18), 11 from up at L = 12,
    K = 0.23 (39). 1D: domain walls diffuse over the smaller of the correlation length
    and the ring. Walls across the short axis of an elongated lattice below T_c
    do the same, slowed by exp(4 (K - K_c)), the cost of a kink; measured as the decay
    of <m^2> to its exact value on 2 to 8 rows: 160 sweeps at 4x200, K = 0.5 (the
    formula gives 215), 2500 at 4x400, K = 0.6 (2600), 900 at 8x64, K = 0.5 (1050), 900
    at 2x1000, K = 0.8 (1100), 6000 at 2x100, K = 1 (13,000).

    "local" and "metropolis": half of that in the bulk, for walls the same. Heat bath
    took 2.1 to 3.8 times as long at eight points in two and three dimensions: 13, 47
    and 39 sweeps at 16x16, K_c (the formula gives 16), 32x32, K_c (75) and 64x64, K =
    0.42 (95), 27 at 40x40, K = 0.408 (35); 1.1 to 8 times as long where walls diffuse.

    Clusters: 2 l^0.25, in three dimensions 2 l^0.5, about twice tau_int of the energy.
    """
    K = abs(K)
    if K == 0:
        return 1.0
    if method in CLUSTER:
        return 1.0 + 2.0 * math.pow(max(shape), 0.5 if len(shape) == 3 else 0.25)
    bulk, walls = _bulk_and_walls(shape, K)
    return 1.0 + (bulk if method == "heatbath" else 0.5 * bulk) + walls


def _bulk_and_walls(shape: tuple[int, ...], K: float) -> tuple[float, float]:
    """Relaxation times of the heat bath within phases, and of walls between them."""
    if len(shape) == 1:
        xi = -1.0 / math.log(math.tanh(K)) if math.tanh(K) < 1 else math.inf
        return 0.0, _wall_sweeps(xi, shape[0])
    short, long = min(shape), max(shape)
    factor, power = (0.08, 2.17) if len(shape) == 2 else (0.22, 2.1)
    length = min(float(long), 3.0 * _correlation_length(len(shape), K))
    if len(shape) == 3 or K < K_CRITICAL[1]:
        return factor * math.pow(length, power), 0.0
    bulk = factor * math.pow(min(length, float(short)), power)
    between_walls = _strip_correlation_length(short, K)
    if long < _NO_WALLS * between_walls:
        return bulk, 0.0
    kink = math.exp(4.0 * (K - K_CRITICAL[1]))
    return bulk, kink * _wall_sweeps(between_walls, long)


def _correlation_length(ndim: int, K: float) -> float:
    """Onsager's in two dimensions, 0.5 |1 - K/K_c|^-0.63 in three."""
    if ndim == 2:
        inverse = abs(2.0 * K + math.log(math.tanh(K)))
    else:
        inverse = 2.0 * abs(1.0 - K / K_CRITICAL[2]) ** 0.63
    return 1.0 / inverse if inverse > 0 else math.inf


def burn_in_sweeps(shape: tuple[int, ...], K: float, method: str) -> int:
    """Sweeps before the first configuration unless told otherwise."""
    first = 50 if method in CLUSTER else 100
    return first + math.ceil(_RELAXATIONS * relaxation_sweeps(shape, K, method))


def choose(model: Ising, *, series: bool) -> str:
    """Choose for a plain model: "local", or "swendsen-wang" where that is faster.

    Faster to a first configuration, or (`series`) from one independent value to the
    next. Clusters also where local updates cannot weigh the phases below T_c: in a weak
    field, and on elongated lattices in three dimensions. Frustrated tori, and
    antiferromagnets in a field, have no useful clusters.
    """
    K, h = model._plain("")
    odd = any(extent % 2 for extent in model.shape)
    if K < 0 and (odd or h != 0):
        return "local"
    if doubt(model, "local"):
        return "swendsen-wang"
    if series:
        late = relaxation_sweeps(model.shape, K, "local") > _slow(model.shape, abs(K))
    else:
        clusters = burn_in_sweeps(model.shape, K, "swendsen-wang")
        most = _CLUSTER_SWEEP[model.ndim - 1] * clusters
        late = burn_in_sweeps(model.shape, K, "local") > most
    return "swendsen-wang" if late else "local"


def _slow(shape: tuple[int, ...], K: float) -> float:
    """Relaxation time of "local" beyond which clusters decorrelate sooner."""
    if K == 0 or len(shape) == 1:
        return _SLOW_FAR
    far = min(shape) > _FAR * _correlation_length(len(shape), K)
    return _SLOW_FAR if far else _SLOW_NEAR


def _wall_sweeps(distance: float, extent: int) -> float:
    """Sweeps in which domain walls find each other by diffusion."""
    return min(2.0 * distance**2, extent**2 / 5.0)


def _strip_correlation_length(width: int, K: float) -> float:
    """Correlation length along an infinite periodic strip, by Kaufman's eigenvalues.

    1 / xi = (sum_r gamma_{2r+1} - sum_r gamma_{2r}) / 2, with gamma_0 = 2 (K - K*)
    signed (Kaufman, Phys. Rev. 76, 1232 (1949); Onsager 1944). Far below T_c it is
    the mean distance between domain walls across the strip.
    """
    if K > 20:
        return math.inf
    dual = -0.5 * math.log(math.tanh(K))
    product = math.cosh(2 * K) * math.cosh(2 * dual)
    sines = math.sinh(2 * K) * math.sinh(2 * dual)  # = 1

    def gamma(r: int) -> float:
        return math.acosh(max(product - sines * math.cos(math.pi * r / width), 1.0))

    odd = math.fsum(gamma(2 * r + 1) for r in range(width))
    even = math.fsum(gamma(2 * r) for r in range(1, width)) + 2 * (K - dual)
    gap = 0.5 * (odd - even)
    return 1.0 / gap if gap > 1e-15 * odd else math.inf


def _spontaneous(K: float, ndim: int) -> float:
    """Magnetisation of one phase below T_c.

    2D: Yang (1952). 3D: the fit of Talapov and Bloete, J. Phys. A 29, 5727 (1996), and
    far below T_c the first excitation.
    """
    if ndim == 2:
        return math.pow(1.0 - math.pow(math.sinh(2.0 * min(K, 20.0)), -4), 0.125)
    t = 1.0 - K_CRITICAL[2] / K
    near = min(t, 0.26)
    fit = near**0.32694109 * (
        1.6919045 - 0.34357731 * near**0.50842026 - 0.42572366 * near
    )
    return float(fit if t < 0.26 else max(fit, 1.0 - 2.0 * math.exp(-12.0 * K)))


def start_of(shape: tuple[int, ...], K: float, h: float) -> tuple[str, float]:
    """Start of the chains and the probability of "up" where it is ordered."""
    even = all(extent % 2 == 0 for extent in shape)
    if abs(K) < K_CRITICAL[len(shape) - 1]:
        return "random", 0.5
    if len(shape) == 2 and max(shape) > _strip_correlation_length(min(shape), abs(K)):
        return "random", 0.5  # an elongated lattice: walls across the short axis
    if K < 0:
        return ("staggered", 0.5) if even else ("random", 0.5)
    # ratio of the two phases' weights in a field: exp(2 h N m0)
    bias = 2.0 * h * math.prod(shape) * _spontaneous(K, len(shape))
    return "ordered", 1.0 / (1.0 + math.exp(-min(max(bias, -700.0), 700.0)))


def tabulated(model: Ising) -> bool:
    r"""Whether the tables, which know K alone, hold.

    A field moves the transition of an antiferromagnet to larger :math:`|K|`, in the
    plane to :math:`\sinh^2 2|K| = \cosh h` within a per cent (E. Mueller-Hartmann and
    J. Zittartz, Z. Phys. B 27, 261 (1977)), and slows it down there. For
    :math:`h^2 \le 2 (|K| - K_c)` it moves by less than a fifth of :math:`|K| - K_c`
    (h^2 tanh(2 K_c) / 8; in three dimensions, by mean fields, K_c h^2 / 4), and the
    table of h = 0 holds with half of its relaxation times to spare; so it does above
    the transition of h = 0, and deep below it to half of the field 2 d |K| that aligns
    the ground state (0.59 in place of K = -0.8, h = 1.6: 3 sweeps to relax).
    """
    if not model._is_nearest_neighbour:
        return False
    K, h = model._plain("")
    beyond = -K - K_CRITICAL[model.ndim - 1]
    if h == 0 or beyond < 0:
        return True
    if max(model.shape) > 2 * min(model.shape):
        return False  # walls across the short axis know the field
    deep = beyond > 0.8 * K_CRITICAL[model.ndim - 1] and abs(h) <= -K * model.ndim
    return deep or h * h <= 2.0 * beyond


def doubt(model: Ising, method: str) -> str:
    """Say why the table may not be right for a plain model; empty where it is."""
    reasons = (_frustrated(model), _not_ergodic(model, method), _phases(model, method))
    return ". ".join(filter(None, reasons))


def _frustrated(model: Ising) -> str:
    K, _ = model._plain("")
    if K < -K_CRITICAL[model.ndim - 1] and any(x % 2 for x in model.shape):
        return (
            "an antiferromagnet on odd extents is frustrated and relaxes slowly at "
            "this K; compare two values of burn_in"
        )
    return ""


def _not_ergodic(model: Ising, method: str) -> str:
    K, h = model._plain("")
    if method == "metropolis" and (
        model.ndim == 1 or min(model.shape) < 4 or (K == 0 and h == 0)
    ):
        return (
            'ordered sweeps of "metropolis" are not ergodic on chains, tiny lattices '
            'and at K = 0 (flips that cost nothing are always made); use "local"'
        )
    return ""


def _phases(model: Ising, method: str) -> str:
    """Phases that the method does not weigh."""
    K, h = model._plain("")
    start, p_up = start_of(model.shape, K, h)
    if method in CLUSTER:
        if tabulated(model):
            return ""
        return (
            "clusters of an antiferromagnet near its transition in a field do not "
            'follow the field, and their burn-in is not known; use "local"'
        )
    if (
        model.ndim == 3
        and start != "random"
        and max(model.shape) > 2 * min(model.shape)
    ):
        return (
            "below T_c domain walls cross the short axes of an elongated lattice, and "
            "the burn-in table of local updates does not know how often; use "
            '"swendsen-wang"'
        )
    if start == "ordered" and h != 0 and 1e-5 < p_up < 1 - 1e-5:
        return (
            "below T_c in a weak field local updates start in phases with weights "
            f"exp(+-h N m0), an approximation (P(up) = {p_up:.4f}); use "
            '"swendsen-wang"'
        )
    return ""
