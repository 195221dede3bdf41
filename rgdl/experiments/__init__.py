"""Experiments from the literature, each run, measured and judged by one call."""

import importlib
import os
from pathlib import Path

from rgdl._progress import ProgressLike
from rgdl._rng import RngLike
from rgdl._validate import one_of, worker_count
from rgdl.report import Report

__all__ = ["names", "reproduce"]

_MODULES = {"mehta-schwab": "rgdl.experiments.mehta_schwab"}


def names() -> tuple[str, ...]:
    """Names of the experiments that `reproduce` knows.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from rgdl.experiments import names
    >>> "mehta-schwab" in names()
    True
    """
    return tuple(sorted(_MODULES))


def reproduce(
    name: str,
    *,
    fast: bool = False,
    out: str | os.PathLike[str] | None = None,
    rng: RngLike = None,
    workers: int = -1,
    progress: ProgressLike = "auto",
) -> Report:
    """Run an experiment from the literature and judge its claims.

    Parameters
    ----------
    name : str
        "mehta-schwab": P. Mehta and D. J. Schwab, "An exact mapping between the
        variational renormalization group and deep learning", arXiv:1410.3831.
    fast : bool
        Fewer configurations and epochs, under a minute; what has not converged says so.
    out : path-like, optional
        Folder for ``report.html``, ``report.json``, the trained ``model.npz`` and its
        control ``model-without-L1.npz``; made if it is not there. A run that was broken
        off (Ctrl-C) leaves a folder ``unfinished-...`` there, and the same call with
        the same key goes on from it, to the same numbers.
    rng : int, SeedSequence, BitGenerator or Generator, optional
        Keys every random number; the report records it, so that a run with None can be
        repeated too.
    workers : int
        Threads; by default all processors. The numbers do not depend on it.
    progress : bool or "auto"
        One bar for the whole run.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If the experiment is not known.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.reproduce("mehta_schwab")
    Traceback (most recent call last):
        ...
    ValueError: name must be one of 'mehta-schwab', got 'mehta_schwab'
    """
    one_of(name, "name", names())
    threads = worker_count(workers)
    folder = None if out is None else Path(out)
    if isinstance(rng, int) and rng < 0:
        raise ValueError(f"rng must not be negative, got {rng}")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    experiment = importlib.import_module(_MODULES[name])
    settings = experiment.FAST if fast else experiment.FULL
    report: Report = experiment.run(
        settings, rng=rng, workers=threads, progress=progress, out=folder
    )
    return report
