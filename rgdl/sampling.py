"""Independent configurations of spin models."""

import math
import warnings
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._perfect import MOST_SWEEPS, perfect_sample
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import RngLike, draw_key
from rgdl.errors import EquilibrationWarning
from rgdl.ising import Ising

__all__ = ["SampleInfo", "sample"]

_METHODS = ("auto", "heatbath", "perfect")
_STARTS = {"random": 0, "ordered": 1, "staggered": 2}
#: By dimension; 3D: Ferrenberg, Xu and Landau, Phys. Rev. E 97, 043301 (2018).
_K_CRITICAL = (math.inf, math.log1p(math.sqrt(2.0)) / 2.0, 0.221654626)
_NO_WALLS = 1e-3  # lengths below this part of the wall distance have no walls


@dataclass(frozen=True)
class SampleInfo:
    """How `sample` made its configurations.

    Attributes
    ----------
    method : str
        What "auto" resolved to.
    burn_in : int
        Sweeps from the start to the configuration that is returned.
    start : str
        "random" (independent fair spins), "ordered" or "staggered" (all up or all
        down by a keyed coin per row, times the sublattice sign if staggered);
        "coupled" for "perfect", which starts from all.
    key : tuple of int
        The 256-bit key that was drawn; ``rng=info.key`` gives the same bits.

    Examples
    --------
    >>> import rgdl
    >>> _, info = rgdl.sample(rgdl.Ising(8, K=0.5), 4, rng=0, return_info=True)
    >>> info.method, info.start
    ('heatbath', 'random')
    """

    method: str
    burn_in: int
    start: str
    key: tuple[int, ...]


def _relaxation_sweeps(shape: tuple[int, ...], K: float) -> float:
    """Slowest heat-bath relaxation time in sweeps, from above: a fixed table.

    Only modes that are even under a global flip count, since starts are symmetric;
    measured on this package's kernels as the decay of <e> and <m^2> from random and
    ordered starts. l is the smaller of the extent and three correlation lengths.
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
    """
    K = abs(K)
    if K == 0:
        return 1.0
    if len(shape) == 1:
        xi = -1.0 / math.log(math.tanh(K)) if math.tanh(K) < 1 else math.inf
        return 1.0 + _wall_sweeps(xi, shape[0])
    short, long = min(shape), max(shape)
    if len(shape) == 2:
        inverse_xi = abs(2.0 * K + math.log(math.tanh(K)))
        factor, power = 0.08, 2.17
    else:
        inverse_xi = 2.0 * abs(1.0 - K / _K_CRITICAL[2]) ** 0.63
        factor, power = 0.22, 2.1
    length = min(float(long), 3.0 / inverse_xi) if inverse_xi > 0 else float(long)
    if len(shape) == 3 or K < _K_CRITICAL[1]:
        return 1.0 + factor * math.pow(length, power)
    bulk = 1.0 + factor * math.pow(min(length, float(short)), power)
    between_walls = _strip_correlation_length(short, K)
    if long < _NO_WALLS * between_walls:
        return bulk
    kink = math.exp(4.0 * (K - _K_CRITICAL[1]))
    return bulk + kink * _wall_sweeps(between_walls, long)


def _burn_in_sweeps(shape: tuple[int, ...], K: float) -> int:
    """Sweeps after which `sample` returns a configuration unless told otherwise."""
    return 100 + math.ceil(15.0 * _relaxation_sweeps(shape, K))


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
    t = 1.0 - _K_CRITICAL[2] / K
    near = min(t, 0.26)
    fit = near**0.32694109 * (
        1.6919045 - 0.34357731 * near**0.50842026 - 0.42572366 * near
    )
    return float(fit if t < 0.26 else max(fit, 1.0 - 2.0 * math.exp(-12.0 * K)))


def _start_of(shape: tuple[int, ...], K: float, h: float) -> tuple[str, float]:
    """Start of the chains and the probability of "up" where it is ordered."""
    even = all(extent % 2 == 0 for extent in shape)
    if abs(K) < _K_CRITICAL[len(shape) - 1]:
        return "random", 0.5
    if len(shape) == 2 and max(shape) > _strip_correlation_length(min(shape), abs(K)):
        return "random", 0.5  # an elongated lattice: walls across the short axis
    if K < 0:
        return ("staggered", 0.5) if even else ("random", 0.5)
    # ratio of the two phases' weights in a field: exp(2 h N m0)
    bias = 2.0 * h * math.prod(shape) * _spontaneous(K, len(shape))
    return "ordered", 1.0 / (1.0 + math.exp(-min(max(bias, -700.0), 700.0)))


def _warn_when_in_doubt(
    model: Ising, sweeps: int, table: int, start: str, p_up: float
) -> None:
    K, h = model._plain("")
    reason = ""
    if sweeps < table // 3:
        reason = (
            f"burn_in={sweeps} is short for this model; about {table} sweeps are safe"
        )
    elif K < -_K_CRITICAL[model.ndim - 1] and any(x % 2 for x in model.shape):
        reason = (
            "an antiferromagnet on odd extents is frustrated and relaxes slowly at "
            "this K; compare two values of burn_in"
        )
    elif (
        model.ndim == 3
        and start != "random"
        and max(model.shape) > 2 * min(model.shape)
    ):
        reason = (
            "below T_c domain walls cross the short axes of an elongated lattice, and "
            "the burn-in table does not know how often; compare two values of burn_in"
        )
    elif start == "ordered" and h != 0 and 1e-5 < p_up < 1 - 1e-5:
        reason = (
            "below T_c in a weak field the weights of the two phases are set by "
            f"exp(+-h N m0), an approximation (P(up) = {p_up:.4f})"
        )
    if reason:
        warnings.warn(reason, EquilibrationWarning, stacklevel=3)


@overload
def sample(
    model: Ising,
    n: int,
    *,
    method: str = ...,
    burn_in: int | None = ...,
    rng: RngLike = ...,
    workers: int = ...,
    progress: ProgressLike = ...,
    return_info: Literal[False] = ...,
) -> npt.NDArray[np.int8]: ...


@overload
def sample(
    model: Ising,
    n: int,
    *,
    method: str = ...,
    burn_in: int | None = ...,
    rng: RngLike = ...,
    workers: int = ...,
    progress: ProgressLike = ...,
    return_info: Literal[True],
) -> tuple[npt.NDArray[np.int8], SampleInfo]: ...


def sample(
    model: Ising,
    n: int,
    *,
    method: str = "auto",
    burn_in: int | None = None,
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = "auto",
    return_info: bool = False,
) -> npt.NDArray[np.int8] | tuple[npt.NDArray[np.int8], SampleInfo]:
    r"""Draw independent configurations from the Boltzmann distribution.

    Each row is the end of a Markov chain of its own, with random numbers of its own.

    Parameters
    ----------
    model : Ising
        What to sample: nearest neighbours in 1 to 3 dimensions, periodic along every
        axis, in a uniform field.
    n : int
        Number of configurations.
    method : {"auto", "heatbath", "perfect"}
        "heatbath" sets every site by its conditional probability
        :math:`p(s_i = +1) = 1 / (1 + e^{-2 (K \sum_j s_j + h)})`, one sublattice
        after the other, 512 replicas to a machine word. "auto" picks from a fixed
        table in (dimension, extents, K); so far that is always "heatbath".
        "perfect" is monotone coupling from the past (Propp and Wilson, Random Struct.
        Alg. 9, 223 (1996)): exact, without any burn-in, for ferromagnets and for
        antiferromagnets on even extents; affordable above T_c.
    burn_in : int, optional
        Sweeps from the start. By default from a fixed table: 15 relaxation times
        and 100 sweeps. For "perfect" the longest attempt, 32,768 sweeps by default.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        Keys the random numbers. The same key gives the same bits on every
        instruction set and for every number of workers, and ``sample(model, n)[:m]``
        equals ``sample(model, m)``.
    workers : int, default 1
        Threads; -1 for all processors.
    progress : bool, "auto" or callable
        Show a progress bar; "auto" after two seconds; a callable is given the
        fraction done.
    return_info : bool
        Also return a `SampleInfo`.

    Returns
    -------
    spins : ndarray of int8, shape (n, \*model.shape)
        -1 and +1.
    info : SampleInfo
        Only with `return_info`.

    Raises
    ------
    ValueError, TypeError
        For arguments outside their range or models with other couplings, boundaries
        or fields.
    MemoryError
        When the configurations do not fit; the message names the bytes.
    ConvergenceError
        When "perfect" does not end within its limit (below T_c).

    Warns
    -----
    EquilibrationWarning
        When the configurations may not follow the Boltzmann distribution.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((16, 16), K=0.3)
    >>> s = rgdl.sample(model, 1024, rng=1)
    >>> s.shape
    (1024, 16, 16)
    >>> e, exact = model.energy(s), rgdl.exact.kaufman((16, 16), 0.3).energy
    >>> bool(abs(e.mean() - exact) < 4 * e.std() / 32)
    True
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
    K, h = model._plain("rgdl.sample draws from")
    n = _validate.count(n, "n")
    _validate.one_of(method, "method", _METHODS)
    workers = _validate.worker_count(workers)
    if method == "perfect":
        limit = _validate.count(MOST_SWEEPS if burn_in is None else burn_in, "burn_in")
        key = draw_key(rng)
        with Progress("sampling", progress) as update:
            flat, longest = perfect_sample(
                model.shape,
                K,
                h,
                n,
                max_sweeps=limit,
                key=key,
                workers=workers,
                update=update,
            )
        exact = flat.reshape(n, *model.shape)
        words = tuple(int(word) for word in key)
        info = SampleInfo("perfect", longest, "coupled", words)
        return (exact, info) if return_info else exact
    table = _burn_in_sweeps(model.shape, K)
    sweeps = table if burn_in is None else _validate.count(burn_in, "burn_in", least=0)
    start, p_up = _start_of(model.shape, K, h)
    _warn_when_in_doubt(model, sweeps, table, start, p_up)
    key = draw_key(rng)
    with Progress("sampling", progress) as update:
        flat = _core.ising_sample(
            model.shape,
            K,
            h,
            0,
            n,
            sweeps,
            _STARTS[start],
            p_up,
            key,
            workers,
            update,
        )
    spins = flat.reshape(n, *model.shape)
    if not return_info:
        return spins
    return spins, SampleInfo(
        "heatbath", sweeps, start, tuple(int(word) for word in key)
    )
