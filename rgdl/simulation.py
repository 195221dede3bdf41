"""Time series of Markov chains, with checkpoints that resume to the same bits."""

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl._backends import (
    NATIVE,
    Backend,
    ClusterBackend,
    FoldBackend,
    LocalBackend,
    TermsBackend,
    folds,
)
from rgdl._equilibrium import CLUSTER, METHODS, tabulated
from rgdl._files import read_npz, write_npz
from rgdl._model_files import model_to_file
from rgdl._perfect import MOST_SWEEPS, perfect_sample
from rgdl._plan import plan, resolve
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl._states import as_spins
from rgdl.couplings._base import BaseCouplings
from rgdl.errors import EquilibrationWarning
from rgdl.ising import Ising
from rgdl.observables import measure
from rgdl.trace import Trace

__all__ = ["simulate"]

_STARTS = ("auto", "random", "up")
_FEW = 128  # chains up to which lattices that fold run one by one
_KIND = "simulation"
_SAVE_SECONDS = 5.0  # between two checkpoints, about
_STATE, _SERIES = "state_", "series_"

_Series = dict[str, npt.NDArray[np.float64]]
_First: TypeAlias = str | npt.NDArray[np.int8]


def simulate(
    model: Ising,
    *,
    chains: int,
    draws: int,
    method: str = "auto",
    observables: Sequence[str] = ("energy", "magnetization"),
    burn_in: int | None = None,
    thin: int = 1,
    start: str | npt.ArrayLike = "auto",
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
) -> Trace:
    r"""Run Markov chains and record observables.

    Parameters
    ----------
    model : Ising
        Every model has local updates; clusters need nearest neighbours in a uniform
        field, and "perfect" also axes that are all periodic.
    chains : int
        Independent chains. Local methods run whole blocks of 512, but for up to 128
        lattices with one axis a multiple of 64 (at least 128) and another one of 8 (at
        least 16), or chains a multiple of 512 long, which run one by one.
    draws : int
        Records of each chain.
    method : str
        "local" (Metropolis, every 8th sweep heat-bath), "heatbath", "metropolis",
        "swendsen-wang" or "wolff" (a sweep is N / <C> clusters, rounded up, with <C>
        from a keyed pilot), and "perfect" (every draw exact and independent: row draw *
        chains + chain of `rgdl.sample`). "auto" is a fixed table in (extents, K): local
        updates where they decorrelate sooner (at T_c to 52x52 and about 70 along
        each of three axes), and for models without clusters, Swendsen-Wang beyond.
    observables : sequence of str
        As in `rgdl.observables.measure`; those but the energy and the magnetisation
        make configurations for every draw, which is slower. "swendsen-wang" also has
        the improved estimators "improved_m2" and "improved_m4" of <m^2> and <m^4>.
    burn_in : int, optional
        Sweeps before the first draw; by default from the table or the pilot of
        `rgdl.sample`.
    thin : int, default 1
        Sweeps for each draw; perfect draws need none.
    start : "auto", "random", "up" or array_like of shape (chains, \*model.shape)
        First configurations; "auto" is random above T_c and ordered, by a keyed coin,
        below; for models that no table knows, what the pilot advises.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        Keys the random numbers. The same key gives the same bits on every instruction
        set and for every number of workers; more draws continue fewer.
    workers : int, default 1
        Threads; -1 for all processors.
    progress : bool, "auto" or callable
        Show a progress bar; "auto" after two seconds; a callable is given the
        fraction done.
    checkpoint : path-like, optional
        File that is written every few seconds. The same call goes on from it, to the
        same bits as without a break, also with more draws. A call with other parameters
        is refused.

    Returns
    -------
    Trace
        Arrays of shape (chain, draw).

    Raises
    ------
    ValueError, TypeError
        For arguments outside their range, models that the method cannot do, or a
        checkpoint of another run.
    FileFormatError
        When the checkpoint is damaged.
    ConvergenceError
        When "perfect" does not end within its limit, `burn_in`.

    Warns
    -----
    EquilibrationWarning
        When the burn-in may be too short, as `rgdl.sample` warns; not for chains that
        go on from configurations.

    Notes
    -----
    An interrupt (Ctrl-C) ends a call within 0.1 s; draws up to the last checkpoint are
    in the file.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((16, 16), K=0.4)
    >>> trace = rgdl.simulate(model, chains=512, draws=200, rng=0)
    >>> trace["energy"].shape, trace.method
    ((512, 200), 'local')
    >>> e = trace.mean("energy")
    >>> abs(e.value - rgdl.exact.kaufman((16, 16), 0.4).energy) < 4 * e.error < 0.01
    True
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
    chains = _validate.count(chains, "chains")
    draws = _validate.count(draws, "draws", least=2)
    thin = _validate.count(thin, "thin")
    threads = _validate.worker_count(workers)
    _validate.one_of(method, "method", METHODS)
    method = resolve(model, method, series=True)
    names = _names(observables, method)
    if burn_in is not None:
        least = 1 if method == "perfect" else 0
        burn_in = _validate.count(burn_in, "burn_in", least=least)
    first = _start(start, chains, model)
    if method == "perfect":
        if checkpoint is not None:
            raise ValueError(
                'checkpoint must be None with method="perfect": draws are made at once'
            )
        return _perfect(
            model, chains, draws, names, burn_in, draw_key(rng), threads, progress
        )
    saved = None
    if checkpoint is not None and os.path.exists(checkpoint):
        saved = read_npz(checkpoint, _KIND)
        if rng is None:
            rng = tuple(saved[0]["run"]["key"])
    key = draw_key(rng)
    if saved is not None and burn_in is None and not tabulated(model):
        burn_in = int(saved[0]["run"]["burn_in"])  # no second pilot
    found = plan(
        model,
        method,
        burn_in,
        key,
        configurations=not isinstance(first, str),
        workers=threads,
    )
    if found.reason:
        warnings.warn(found.reason, EquilibrationWarning, stacklevel=2)
    burn_in = found.burn_in
    if isinstance(first, str) and first == "auto" and not tabulated(model):
        first = found.start
    run = {
        "model": None if checkpoint is None else _identity(model),
        "chains": chains,
        "method": method,
        "observables": list(names),
        "burn_in": burn_in,
        "thin": thin,
        "start": start if isinstance(start, str) else "configurations",
        "key": [int(word) for word in key],
    }
    backend = _backend(model, method, chains, first, key, threads)
    series: _Series = {name: np.empty((chains, 0)) for name in names}
    if saved is not None:
        series = _resume(backend, run, *saved)
    with Progress("simulating", progress) as update:
        done = series[names[0]].shape[1]
        share = 0.0  # of the burn-in in all sweeps
        if saved is None and burn_in:
            share = burn_in / (burn_in + draws * thin)
            backend.run(1, burn_in, (), lambda part: update(share * part))
        size = draws if checkpoint is None else 16
        while done < draws:
            begun = time.monotonic()
            step = min(size, draws - done)

            def report(part: float, done: int = done, step: int = step) -> None:
                update(share + (1.0 - share) * (done + part * step) / draws)

            new = _record(backend, model, names, step, thin, report)
            series = {name: np.hstack([series[name], new[name]]) for name in names}
            done += step
            if checkpoint is not None:
                _save(checkpoint, run, backend, series)
                if time.monotonic() - begun < _SAVE_SECONDS / 2:
                    size *= 2
    return Trace(
        {name: values[:, :draws] for name, values in series.items()},
        model=model,
        method=method,
        thin=thin,
        burn_in=burn_in,
        key=tuple(int(word) for word in key),
        info=backend.info,
    )


def _perfect(
    model: Ising,
    chains: int,
    draws: int,
    names: tuple[str, ...],
    limit: int | None,
    key: Key,
    workers: int,
    progress: ProgressLike,
) -> Trace:
    """Exact, independent draws; row draw * chains + chain of `sample`."""
    K, h = model._plain("")
    with Progress("simulating", progress) as update:
        flat, longest = perfect_sample(
            model.shape,
            K,
            h,
            chains * draws,
            max_sweeps=MOST_SWEEPS if limit is None else limit,
            key=key,
            workers=workers,
            update=update,
        )
    series = measure(model, flat.reshape(-1, *model.shape), names)
    return Trace(
        {name: series[name].reshape(draws, chains).T for name in names},
        model=model,
        method="perfect",
        key=tuple(int(word) for word in key),
        info={"longest_attempt": longest},
    )


def _identity(model: Ising) -> dict[str, Any]:
    """Describe a model as a checkpoint knows it: JSON, arrays as digests."""
    if isinstance(model.couplings, BaseCouplings):
        terms = model._terms()
        meta: dict[str, Any] = {"shape": list(model.shape), "constant": terms.constant}
        arrays = {
            name: getattr(terms, name) for name in ("sites", "starts", "values", "h")
        }
    else:
        meta, arrays = model_to_file(model)
    digests = {
        name: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        for name, array in arrays.items()
    }
    return meta | digests


def _names(observables: Sequence[str], method: str) -> tuple[str, ...]:
    names = tuple(observables)
    if isinstance(observables, str) or not names or len(set(names)) < len(names):
        raise ValueError(
            f"observables must be different names in a sequence, got {observables!r}"
        )
    improved = [name for name in names if name.startswith("improved_m")]
    if improved and method != "swendsen-wang":
        raise ValueError(f'{improved[0]} needs method="swendsen-wang", got {method!r}')
    if improved and any(name not in NATIVE for name in names):
        raise ValueError(f"observables must not mix {improved[0]} with slower ones")
    return names


def _start(start: str | npt.ArrayLike, chains: int, model: Ising) -> _First:
    if isinstance(start, str):
        return _validate.one_of(start, "start", _STARTS)
    spins = as_spins(start, "start")
    if spins.shape != (chains, *model.shape):
        raise ValueError(
            f"start must have shape {(chains, *model.shape)}, got {spins.shape}"
        )
    return spins.reshape(chains, -1)


def _backend(
    model: Ising,
    method: str,
    chains: int,
    start: _First,
    key: Key,
    workers: int,
) -> Backend:
    kind: type[LocalBackend | FoldBackend | TermsBackend | ClusterBackend]
    if method in CLUSTER:
        kind = ClusterBackend
    elif not model._is_nearest_neighbour:
        kind = TermsBackend
    elif chains <= _FEW and folds(model.shape):
        kind = FoldBackend
    else:
        kind = LocalBackend
    return kind(model, method, chains, start, key, workers)


def _record(
    backend: Backend,
    model: Ising,
    names: tuple[str, ...],
    draws: int,
    thin: int,
    update: Callable[[float], None],
) -> _Series:
    """Make draws: in C where it knows the observables, else from configurations."""
    if all(name in NATIVE for name in names):
        return backend.run(draws, thin, names, update)
    rows: list[_Series] = []
    for i in range(draws):
        backend.run(1, thin, (), None)
        rows.append(measure(model, backend.spins(), names))
        update((i + 1) / draws)
    return {name: np.stack([row[name] for row in rows], axis=1) for name in names}


def _save(
    path: str | os.PathLike[str],
    run: Mapping[str, Any],
    backend: Backend,
    series: _Series,
) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {}
    arrays |= {_STATE + name: array for name, array in backend.state.items()}
    arrays |= {_SERIES + name: array for name, array in series.items()}
    write_npz(path, _KIND, {"run": dict(run)}, arrays)


def _resume(
    backend: Backend,
    run: Mapping[str, Any],
    meta: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> _Series:
    """Put the saved state into the backend; return the series so far."""
    for name, value in run.items():
        if meta["run"].get(name) != value:
            raise ValueError(
                f"the checkpoint is of another run: its {name} is "
                f"{meta['run'].get(name)!r}, not {value!r}"
            )
    for name, array in backend.state.items():
        array[...] = arrays[_STATE + name]
    return {name: arrays[_SERIES + name] for name in run["observables"]}
