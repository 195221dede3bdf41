"""Independent configurations of spin models."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._backends import STARTS, ClusterBackend, cluster_start
from rgdl._equilibrium import (
    CLUSTER,
    METHODS,
    burn_in_sweeps,
    choose,
    doubt,
    start_of,
)
from rgdl._packed import LOCAL_METHODS, advance, start_chains
from rgdl._perfect import MOST_SWEEPS, perfect_sample
from rgdl._pilot import pilot
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl.errors import EquilibrationWarning
from rgdl.ising import Ising

__all__ = ["SampleInfo", "sample"]

_Spins: TypeAlias = npt.NDArray[np.int8]
_Update: TypeAlias = Callable[[float], None]


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
        down by a keyed coin per row, times the sublattice sign if staggered), with
        clusters "up" or "staggered" without a coin; "coupled" for "perfect", which
        starts from all.
    key : tuple of int
        The 256-bit key that was drawn; ``rng=info.key`` gives the same bits.

    Examples
    --------
    >>> import rgdl
    >>> _, info = rgdl.sample(rgdl.Ising(8, K=0.5), 4, rng=0, return_info=True)
    >>> info.method, info.start
    ('local', 'random')
    """

    method: str
    burn_in: int
    start: str
    key: tuple[int, ...]


def _warn_when_in_doubt(reason: str) -> None:
    if reason:
        warnings.warn(reason, EquilibrationWarning, stacklevel=3)


def _local_rows(
    model: Ising, n: int, info: SampleInfo, key: Key, workers: int, update: _Update
) -> _Spins:
    """Rows of a plain model by packed local updates."""
    K, h = model._plain("")
    _, p_up = start_of(model.shape, K, h)
    return _core.ising_sample(
        model.shape,
        K,
        h,
        LOCAL_METHODS[info.method],
        n,
        info.burn_in,
        STARTS[info.start],
        p_up,
        key,
        workers,
        update,
    )


def _terms_rows(
    model: Ising, n: int, info: SampleInfo, key: Key, workers: int, update: _Update
) -> _Spins:
    """Rows of any model by packed local updates."""
    state = start_chains(
        model.n_sites,
        n,
        key,
        coin=info.start == "ordered",
        purpose=_core.PURPOSE_SAMPLE,
    )
    if info.burn_in:
        advance(
            model,
            state,
            info.method,
            draws=1,
            thin=info.burn_in,
            workers=workers,
            update=update,
        )
    return state.spins(n)


def _cluster_rows(
    model: Ising, n: int, info: SampleInfo, key: Key, workers: int, update: _Update
) -> _Spins:
    """Rows by clusters, each from a chain of its own."""
    purpose = _core.PURPOSE_SAMPLE
    chains = ClusterBackend(
        model, info.method, n, cluster_start(model, n), key, workers, purpose
    )
    if info.burn_in:
        chains.run(1, info.burn_in, (), update)
    return chains.spins()


def _perfect(
    model: Ising,
    n: int,
    limit: int | None,
    key: Key,
    workers: int,
    update: _Update,
) -> tuple[_Spins, SampleInfo]:
    K, h = model._plain('method="perfect" draws from')
    spins, longest = perfect_sample(
        model.shape,
        K,
        h,
        n,
        max_sweeps=MOST_SWEEPS if limit is None else limit,
        key=key,
        workers=workers,
        update=update,
    )
    return spins, SampleInfo(
        "perfect", longest, "coupled", tuple(int(word) for word in key)
    )


def _short(sweeps: int, table: int) -> str:
    """Say that a burn-in is too short; empty where it is not."""
    if sweeps >= table // 3:
        return ""
    return f"burn_in={sweeps} is short for this model; about {table} sweeps are safe"


def _plan(
    model: Ising,
    method: str,
    burn_in: int | None,
    key: Key,
    workers: int,
    update: _Update,
) -> tuple[SampleInfo, str]:
    """Fill in what was left to us; why the result may not be equilibrium."""
    words = tuple(int(word) for word in key)
    if model._is_nearest_neighbour:
        K, h = model._plain("")
        method = choose(model, series=False) if method == "auto" else method
        table = burn_in_sweeps(model.shape, K, method)
        sweeps = table if burn_in is None else burn_in
        clusters = "up" if K >= 0 else "staggered"
        start = clusters if method in CLUSTER else start_of(model.shape, K, h)[0]
        reason = _short(sweeps, table) or doubt(model, method)
        return SampleInfo(method, sweeps, start, words), reason
    if method in CLUSTER:
        K, _ = model._uniform(f"method={method!r} draws from")
        table = burn_in_sweeps(model.shape, K, method)
        sweeps = table if burn_in is None else burn_in
        start = "up" if K >= 0 else "staggered"
        return SampleInfo(method, sweeps, start, words), _short(sweeps, table)
    method = "local" if method == "auto" else method
    if burn_in is not None:
        return SampleInfo(method, burn_in, "random", words), ""
    found = pilot(model, method, key, workers=workers, update=update)
    reason = (
        ""
        if found.agreed
        else (
            f"chains from two starts did not agree within "
            f"{found.burn_in} sweeps, so that the burn-in of this model is not known; "
            "compare two values of burn_in, or use rgdl.temper"
        )
    )
    return SampleInfo(method, found.burn_in, found.start, words), reason


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

    Each row is the end of a Markov chain of its own, with random numbers of its own, by
    clusters too.

    Parameters
    ----------
    model : Ising
        What to sample. Every model has local updates; clusters need nearest neighbours
        in a uniform field, and "perfect" also axes that are all periodic.
    n : int
        Number of configurations.
    method : str
        - "auto" (default): a fixed table in (dimension, extents, K): "local" where
          its burn-in takes less time than that of "swendsen-wang" (at T_c to 32x32
          and to about 100 along each of three axes), else the latter, and below T_c in
          a weak field. For all other models "local".
        - "heatbath" sets every site by its conditional probability
          :math:`p(s_i = +1) = 1 / (1 + e^{-2 (K \sum_j s_j + h)})`, one sublattice
          after the other, 512 replicas to a machine word.
        - "metropolis" flips it with probability :math:`\min(1, e^{-\Delta H})`:
          faster, but not ergodic on chains, on tiny lattices and at K = 0.
        - "local" is Metropolis with every eighth sweep heat bath, which mends that.
        - "swendsen-wang" and "wolff" turn whole clusters (Phys. Rev. Lett. 58, 86
          (1987); 62, 361 (1989)): hardly any critical slowing down. Antiferromagnets
          need even extents along periodic axes.
        - "perfect" is monotone coupling from the past (Propp and Wilson, Random Struct.
          Alg. 9, 223 (1996)): exact, without any burn-in, for ferromagnets and for
          antiferromagnets on even extents; affordable above T_c.
    burn_in : int, optional
        Sweeps from the start. By default 15 relaxation times from a fixed table, or,
        for models it does not know, from a pilot: 512 replicas from a random start and
        512 all up (ferromagnets) or cooled slowly (all others), with random numbers of
        their own, until they agree. For
        "perfect" the longest attempt, 32,768 sweeps by default.
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
        For arguments outside their range, and models that the method cannot do.
    MemoryError
        When the configurations do not fit; the message names the bytes.
    ConvergenceError
        When "perfect" does not end within its limit (below T_c).

    Warns
    -----
    EquilibrationWarning
        When the configurations may not follow the Boltzmann distribution: a short
        `burn_in`, phases that local updates do not weigh, or a pilot whose two starts
        do not agree.

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

    A frustrated magnet with open edges:

    >>> couplings = {"nn": 1, "nnn": -0.3}
    >>> model = rgdl.Ising((12, 12), K=0.4, periodic=False, couplings=couplings)
    >>> rgdl.sample(model, 100, rng=1).shape
    (100, 12, 12)
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
    n = _validate.count(n, "n")
    _validate.one_of(method, "method", METHODS)
    if burn_in is not None:
        least = 1 if method == "perfect" else 0
        burn_in = _validate.count(burn_in, "burn_in", least=least)
    workers = _validate.worker_count(workers)
    key = draw_key(rng)
    with Progress("sampling", progress) as update:
        if method == "perfect":
            flat, info = _perfect(model, n, burn_in, key, workers, update)
        else:
            info, reason = _plan(model, method, burn_in, key, workers, update)
            _warn_when_in_doubt(reason)
            rows = _terms_rows
            if info.method in CLUSTER:
                rows = _cluster_rows
            elif model._is_nearest_neighbour:
                rows = _local_rows
            flat = rows(model, n, info, key, workers, update)
    spins = flat.reshape(n, *model.shape)
    return (spins, info) if return_info else spins
