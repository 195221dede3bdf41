"""Parallel tempering: one model at a ladder of couplings, exchanging configurations."""

import warnings
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl.errors import EquilibrationWarning
from rgdl.ising import Ising
from rgdl.trace import Trace

__all__ = ["temper"]

_BLOCK = 512
_STARTS = ("random", "up")
_LEAST_RATE = 0.05  # of a pair that still passes replicas on


def _doubt(ladder: npt.NDArray[np.float64], rates: Any, trips: Any) -> str:
    """Why the replicas may not have travelled; empty if they did."""
    if rates.min(initial=1.0) < _LEAST_RATE:
        pair = int(rates.argmin())
        return (
            f"only {rates[pair]:.1%} of the exchanges between K = {ladder[pair]:g} and "
            f"{ladder[pair + 1]:g} were accepted: put more K between them"
        )
    if trips.mean() < 1:
        return (
            f"walkers made {trips.mean():.2g} round trips on average: take more draws, "
            "or a better ladder"
        )
    return ""


def _ladder_of(K_ladder: npt.ArrayLike) -> npt.NDArray[np.float64]:
    try:
        ladder = np.array(K_ladder, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"K_ladder must hold real numbers, got {K_ladder!r}") from None
    if ladder.ndim != 1 or len(ladder) < 2:
        raise ValueError(
            f"K_ladder must be a sequence of at least 2 numbers, got {K_ladder!r}"
        )
    steps = np.diff(ladder)
    if not np.isfinite(ladder).all() or not ((steps > 0).all() or (steps < 0).all()):
        raise ValueError(
            f"K_ladder must be finite and strictly monotonic, got {K_ladder!r}"
        )
    return ladder


def _start_words(
    n_blocks: int, n_K: int, n_sites: int, start: str, key: Key
) -> npt.NDArray[np.uint64]:
    if start == "up":
        return np.full((n_blocks, n_K, n_sites, 8), 2**64 - 1, dtype=np.uint64)
    # all at once, so that what does not fit is refused before any work
    words = np.empty((n_blocks, n_K, n_sites, 8), dtype=np.uint64)
    for block in range(n_blocks):
        planes = _core.stream_planes(key, _core.PURPOSE_START, block, n_K * n_sites)
        words[block] = planes.reshape(n_K, n_sites, 8)
    return words


def temper(
    model: Ising,
    K_ladder: npt.ArrayLike,
    *,
    chains: SupportsIndex = _BLOCK,
    draws: SupportsIndex,
    burn_in: SupportsIndex | None = None,
    thin: SupportsIndex = 1,
    start: str = "random",
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = "auto",
) -> Trace:
    r"""Sample a model at many couplings at once by replica exchange.

    Every chain is a copy of the whole ladder: one configuration at each K. A step is
    a heat-bath sweep at every K, then neighbours k and k + 1 (even and odd k in turn)
    exchange their configurations with probability

    .. math:: \min(1, e^{(K_k - K_{k+1})(B_{k+1} - B_k)}), \quad -H = K B + F,

    which keeps the product of all Boltzmann distributions (Hukushima and Nemoto, J.
    Phys. Soc. Jpn. 65, 1604 (1996), Eq. 8). What is stuck at large K thus melts at
    small K and comes back: the method for glasses.

    Parameters
    ----------
    model : Ising
        Any model with a K; the ladder takes its place, the reduced field h stays.
    K_ladder : array_like of float
        At least two couplings, strictly monotonic.
    chains : int, default 512
        Copies of the ladder; they run in blocks of 512, so fewer cost as much.
    draws : int
        Draws of each chain at each K, at least 2.
    burn_in : int, optional
        Steps before the first draw; by default half as many as the draws take.
    thin : int, default 1
        Steps per draw.
    start : {"random", "up"}
        Independent fair spins, or all spins +1.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        Keys the random numbers; the same key gives the same bits for every number of
        workers and on every instruction set.
    workers : int, default 1
        Threads; -1 for all processors.
    progress : bool, "auto" or callable
        Show a progress bar; "auto" after two seconds; a callable is given the
        fraction done.

    Returns
    -------
    Trace
        "energy" and "magnetization" with the ladder as leading axis, (K, chain, draw).
        Its ``info`` holds "swap_rates", the accepted part of the exchanges of each pair
        of neighbours; "round_trips" (chains, n_K), how often the walker that began at
        each K went from ``K[0]`` to ``K[-1]`` and back while draws were taken; and
        "reliable", whether replicas travelled: rates of 5 % and one round trip.

    Raises
    ------
    ValueError, TypeError
        For arguments outside their range and for models of reduced couplings, which
        have no K.
    MemoryError
        When the draws do not fit.

    Warns
    -----
    EquilibrationWarning
        When a pair hardly ever exchanges, or walkers did not travel the ladder.

    Examples
    --------
    A spin glass at T = 0.5, where single chains are stuck:

    >>> import numpy as np
    >>> import rgdl
    >>> signs = np.triu(np.random.default_rng(3).choice([-1.0, 1.0], (12, 12)), 1)
    >>> model = rgdl.Ising(12, K=1, couplings=(signs + signs.T) / 12**0.5)
    >>> run = rgdl.temper(model, np.linspace(0.2, 2, 8), draws=100, rng=1)
    >>> cold = rgdl.Ising(12, K=2, couplings=(signs + signs.T) / 12**0.5)
    >>> exact = rgdl.exact.enumerate_states(cold).energy
    >>> means = run["energy"][-1].mean(axis=1)  # one of each chain
    >>> bool(abs(means.mean() - exact) < 4 * means.std() / 512**0.5)
    True
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
    if model.K is None:
        raise ValueError(
            "model must have a K for the ladder to replace; an rgdl.Couplings is "
            "reduced: give its couplings as an array or a dict"
        )
    ladder = _ladder_of(K_ladder)
    chains = _validate.count(chains, "chains")
    draws = _validate.count(draws, "draws", least=2)
    thin = _validate.count(thin, "thin")
    before = (draws * thin + 1) // 2
    before = before if burn_in is None else _validate.count(burn_in, "burn_in", least=0)
    _validate.one_of(start, "start", _STARTS)
    workers = _validate.worker_count(workers)
    key = draw_key(rng)
    n_K, n_blocks = len(ladder), -(-chains // _BLOCK)
    terms = model._terms()
    shape = model.shape if model._is_nearest_neighbour else None
    h = float(model.h) if isinstance(model.h, float) else 0.0
    words = _start_words(n_blocks, n_K, model.n_sites, start, key)
    streams = _core.stream_states(key, _core.PURPOSE_TEMPER, 0, 2 * n_K * n_blocks)
    streams = streams.reshape(n_blocks, 2 * n_K, 4, 8)
    arrays = (terms.sites, terms.starts, terms.relative, terms.h, ladder, shape, h)
    share = before / (before + draws * thin)
    with Progress("tempering", progress) as update:
        if before:
            _core.temper(
                *arrays,
                words,
                streams,
                0,
                1,
                before,
                workers,
                lambda done: update(share * done),
            )
        bonds, up, accepted, trips = _core.temper(
            *arrays,
            words,
            streams,
            before,
            draws,
            thin,
            workers,
            lambda done: update(share + (1 - share) * done),
        )
    tried = (before + np.arange(draws * thin)) % 2  # odd steps take the odd pairs
    attempts = np.array([(tried == k % 2).sum() for k in range(n_K - 1)])
    attempts = np.maximum(attempts * n_blocks * _BLOCK, 1)
    bonds += terms.constant
    rates, trips = accepted.sum(axis=0) / attempts, trips[:chains].astype(np.int64)
    reason = _doubt(ladder, rates, trips)
    if reason:
        warnings.warn(reason, EquilibrationWarning, stacklevel=2)
    return Trace(
        {
            "energy": -bonds[:, :chains] / model.n_sites,
            "magnetization": up[:, :chains] / model.n_sites,
        },
        model=model,
        K=ladder,
        method="tempering",
        thin=thin,
        burn_in=before,
        key=tuple(int(word) for word in key),
        info={
            "swap_rates": rates.tolist(),
            "round_trips": trips.tolist(),
            "reliable": not reason,
        },
    )
