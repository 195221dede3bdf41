"""Independent configurations of spin models."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._backends import STARTS, ClusterBackend, cluster_start
from rgdl._equilibrium import CLUSTER, METHODS, start_of
from rgdl._packed import LOCAL_METHODS, advance, start_chains
from rgdl._perfect import MOST_SWEEPS, perfect_sample
from rgdl._plan import plan, resolve
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
        Sweeps from the start to the configuration that is returned; the last one of
        "wolff" is a "swendsen-wang" sweep, whose coins decide the side deep below T_c.
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
    """Rows of a plain model by clusters, each from a chain of its own.

    Wolff's clusters are the whole lattice deep below T_c, and a fixed number of them
    turns every row to the same side. The last sweep is therefore Swendsen and Wang's,
    which keeps the distribution and gives the whole lattice a fair coin (in a field if
    the ghost spin lets go of it).
    """
    purpose = _core.PURPOSE_SAMPLE
    start = cluster_start(model, n)
    chains = ClusterBackend(model, info.method, n, start, key, workers, purpose)
    coin = info.method == "wolff" and info.burn_in > 0
    if info.burn_in > coin:
        chains.run(1, info.burn_in - coin, (), update)
    if coin:
        chains.turn()
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
        for models it does not know (also antiferromagnets near their transition in a
        field), from a pilot: 512 replicas from a random start and 512 all up
        (ferromagnets), staggered (antiferromagnets on even extents) or cooled slowly
        (all others), with random numbers of their own, until they agree. For
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
            method = resolve(model, method, series=False)
            found = plan(model, method, burn_in, key, workers=workers, update=update)
            if found.reason:
                warnings.warn(found.reason, EquilibrationWarning, stacklevel=2)
            ground = "up" if model.K is None or model.K >= 0 else "staggered"
            start = ground if method in CLUSTER else found.start
            words = tuple(int(word) for word in key)
            info = SampleInfo(method, found.burn_in, start, words)
            rows = _terms_rows
            if info.method in CLUSTER:
                rows = _cluster_rows
            elif model._is_nearest_neighbour:
                rows = _local_rows
            flat = rows(model, n, info, key, workers, update)
    spins = flat.reshape(n, *model.shape)
    return (spins, info) if return_info else spins
