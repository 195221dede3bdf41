"""The run: stage by stage, then the report."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import rgdl
from rgdl._blas import blas_threads
from rgdl._progress import Progress, ProgressLike
from rgdl._report_html import draw
from rgdl._rng import RngLike, draw_key
from rgdl._validate import worker_count
from rgdl.experiments.mehta_schwab import (
    _coarse,
    _couplings,
    _data,
    _exponents,
    _fields,
    _likelihood,
    _pictures,
    _reconstruction,
    _ring,
    _samples,
    _training,
    _twin,
)
from rgdl.experiments.mehta_schwab._checks import BLOCK_RINGS, CONTROL, MODEL, checks
from rgdl.experiments.mehta_schwab._moments import binary, unpacked
from rgdl.experiments.mehta_schwab._page import lay_out
from rgdl.experiments.mehta_schwab._settings import FAST, FULL, Settings
from rgdl.experiments.mehta_schwab._stages import (
    Part,
    Result,
    Stages,
    fingerprint,
    stage_key,
)
from rgdl.report import Report

__all__ = ["expected_seconds", "run"]


def run(
    settings: Settings,
    *,
    rng: RngLike = None,
    workers: int = -1,
    progress: ProgressLike = "auto",
    out: Path | None = None,
) -> Report:
    """Run every stage and lay the results out as a report.

    Parameters
    ----------
    settings : Settings
        `FULL`, `FAST` or other sizes.
    rng : int, SeedSequence, BitGenerator or Generator, optional
        Keys all stages.
    workers : int
        Threads; by default all processors.
    progress : bool or "auto"
        One bar for all stages.
    out : Path, optional
        Folder for ``report.html``, ``report.json``, ``model.npz`` and the network
        trained without L1 penalty, ``model-without-L1.npz``. Until the run is complete,
        finished stages and the state of the training are kept in a folder in it; the
        same call goes on from there, to the same numbers.

    Returns
    -------
    Report

    Examples
    --------
    >>> from dataclasses import replace
    >>> from rgdl.experiments.mehta_schwab import FAST, run
    >>> tiny = replace(FAST, shape=(8, 8), rows=200, held_out=50, reference=64,
    ...                layers=(16, 4), epochs=1, block=4, chains=64, steps=4,
    ...                network_samples=64, network_steps=4, ais_chains=16, ais_betas=10,
    ...                reach=1, critical_size=16, levels=1, critical_rows=128,
    ...                filter_size=8, filter_rows=100, filter_epochs=1, small_rows=200,
    ...                small_epochs=1, ring=8, small_hidden=4, random_hidden=4)
    >>> report = run(tiny, rng=0, progress=False)
    >>> report.numbers["ring"]["sites"]
    [8, 4]
    """
    key, workers = _key_of(rng), worker_count(workers)
    folder = None
    if out is not None:
        folder = out / f"unfinished-{fingerprint(settings, key)}"
    # one thread for the dense products, so that their bits do not depend on `workers`
    with Progress("mehta-schwab", progress) as update, blas_threads(1):
        stages = Stages(_shares(settings), update, folder)
        try:
            numbers, report = _measure(settings, key, workers, stages, out)
        except KeyboardInterrupt as stop:
            if out is not None:
                stop.add_note("the same command goes on from there")
            raise
    report.numbers = numbers
    report.provenance = _provenance(settings, key, workers, stages)
    if out is not None:
        report.to_html(out / "report.html")
        report.to_json(out / "report.json")
        stages.finish()
    return report


def _measure(
    settings: Settings, key: int, workers: int, stages: Stages, out: Path | None
) -> tuple[dict[str, Any], Report]:
    """All numbers, and the page with its pictures."""
    numbers: dict[str, Any] = {}

    def ring(part: Part) -> Result:
        flow = _ring.ring_flow(settings.ring, settings.ring_K)
        flow["blocks"] = _ring.block_mapping(*BLOCK_RINGS)
        return Result(flow)

    numbers["ring"] = stages("ring", ring).numbers
    data = stages("data", lambda part: _data.draw(settings, key, workers, part))
    numbers["data"] = data.numbers
    training, held_out, reference = (
        _data.spins_of(data, name, settings)
        for name in ("training", "held_out", "reference")
    )
    networks: dict[str, rgdl.DBN] = {}

    def train(part: Part) -> Result:
        networks.update(
            _training.train(training, settings, key, workers, part, stages.folder)
        )
        return Result(_training.describe(networks))

    numbers["training"] = stages("training", train, keep=False).numbers
    paper = networks["paper"]
    for layer in paper.layers_:
        layer.set_params(workers=workers, progress=False)
    fields = stages("fields", lambda part: _fields.measure(networks, settings, key))
    numbers["fields"] = fields.numbers
    numbers["reconstruction"] = stages(
        "reconstruction",
        lambda part: _reconstruction.measure(networks, held_out, settings, key),
    ).numbers
    samples = stages(
        "samples",
        lambda part: _samples.measure(paper, held_out, settings, key, part),
    )
    numbers["samples"] = samples.numbers
    own = unpacked(samples.arrays["layer 1 annealed"], settings.shape)
    drift = samples.numbers["layer 1"]["worst gap"]
    numbers["likelihood"] = stages(
        "likelihood",
        lambda part: _likelihood.measure(
            paper, held_out, own, drift, settings, key, part
        ),
    ).numbers
    numbers["couplings"] = stages(
        "couplings",
        lambda part: _couplings.measure(paper.layers_[0], settings, key, workers, part),
    ).numbers
    numbers["coarse"] = stages(
        "coarse",
        lambda part: _coarse.measure(
            paper, fields.numbers, reference, settings, key, workers, part
        ),
    ).numbers
    numbers["exponents"] = stages(
        "exponents", lambda part: _exponents.measure(settings, key, workers, part)
    ).numbers
    numbers["twin"] = stages(
        "twin", lambda part: _twin.measure(settings, key, workers, part)
    ).numbers
    pages: list[Report] = []

    def write(part: Part) -> Result:
        if out is not None:
            paper.save(out / MODEL)
            networks["without L1"].save(out / CONTROL)
        pictures = _draw(settings, key, numbers, networks, training, held_out, samples)
        pages.append(lay_out(settings, numbers, pictures, checks(settings, key)))
        draw(pages[0].sections)
        return Result({})

    stages("write", write, keep=False)
    return numbers, pages[0]


def _draw(
    settings: Settings,
    key: int,
    numbers: Mapping[str, Any],
    networks: Mapping[str, rgdl.DBN],
    training: Any,
    held_out: Any,
    samples: Result,
) -> dict[str, Any]:
    paper = networks["paper"]
    five = held_out[:5]
    own = {
        name: unpacked(samples.arrays[name][:5], settings.shape)
        for name in ("layer 1 annealed", "network coins")
    }
    histories = {arm: each["history"] for arm, each in numbers["training"].items()}
    return {
        "lattices": _pictures.lattices(training[:6]),
        "flow": _pictures.flow(numbers["ring"]),
        "blocking": _pictures.blocking(_data.blocked(training, key)),
        "architecture": _pictures.architecture(settings.shape, settings.layers),
        "training": _pictures.training(histories),
        "fields": [
            _pictures.fields(paper.receptive_fields(depth))
            for depth in range(len(settings.layers))
        ],
        "fields without L1": _pictures.fields(
            networks["without L1"].receptive_fields(0)
        ),
        "widths": _pictures.widths(numbers["fields"]["layers"]),
        "reconstructions": _pictures.rows_of_lattices(
            {
                "held-out data": five,
                "network": 2.0 * paper.reconstruct(binary(five)) - 1.0,
                "block majority": _reconstruction.block_majority(
                    held_out, settings.block, key
                )[:5],
            },
            5,
        ),
        "samples": _pictures.rows_of_lattices(
            {
                "data": five,
                "layer 1": own["layer 1 annealed"],
                "whole network": own["network coins"],
            },
            5,
        ),
        "correlations": _pictures.correlations(numbers["data"], numbers["samples"]),
        "couplings": _pictures.couplings(numbers["couplings"]),
        "coarse": _pictures.coarse(numbers["coarse"]),
        "exponents": _pictures.exponents(numbers["exponents"]),
        "filter": _pictures.filter_weights(numbers["exponents"]["filter"]),
    }


# Time, keys and provenance.


def expected_seconds(
    seconds: Mapping[str, float], here: Settings, there: Settings = FULL
) -> float:
    """Time a run at other sizes will take, from the stages of this one.

    Parameters
    ----------
    seconds : mapping
        Seconds per stage, as the report's ``provenance["seconds"]`` has them; of the
        processors, shared among the workers, for a machine that does nothing else.
    here, there : Settings
        Sizes of the run measured and of the run asked about.

    Returns
    -------
    float

    Examples
    --------
    >>> from rgdl.experiments.mehta_schwab import FAST, FULL, expected_seconds
    >>> round(expected_seconds({"training": 10.0}, FAST) / 10.0)
    20
    """
    shares = {each: _shares(each) for each in (here, there)}
    return math.fsum(
        value * shares[there].get(name, 1.0) / shares[here].get(name, 1.0)
        for name, value in seconds.items()
    )


def _shares(s: Settings) -> dict[str, float]:
    """Rough seconds per stage, fixed costs left out where the rest is far more."""
    batches = s.rows * s.epochs / s.batch_size
    return {
        "ring": 0.5,
        "data": (s.rows + s.held_out + s.reference) / 8_000,
        "training": 0.005 * batches,
        "fields": 1.0,
        "reconstruction": 0.5,
        "samples": (3 * s.chains * s.steps + s.chains * s.ais_betas) / 45_000
        + s.network_samples * s.network_steps / 1.2e6,
        "likelihood": 1.0 + s.ais_chains * s.ais_betas / 22_000 + s.bound_draws / 6,
        "couplings": 0.2 + s.pairs / 50,
        "coarse": 0.5 + s.reference / 1_500,
        "exponents": 1.0
        + s.filter_rows * s.filter_epochs / 3_000
        + s.critical_rows * s.critical_size**2 / 5e6,
        "twin": 0.3 + s.small_repeats * (0.3 + s.small_rows * s.small_epochs / 5e5),
        "write": 5.0,
    }


def _key_of(rng: RngLike) -> int:
    """One integer that keys the run, drawn from `rng` or equal to it."""
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        if rng < 0:
            raise ValueError(f"rng must not be negative, got {rng}")
        return int(rng)
    if rng is None:
        low, high = np.random.SeedSequence().generate_state(2, np.uint64)
    else:
        low, high = draw_key(rng)[:2]
    return int(low) | int(high) << 64


_ALONE = ("ring", "fields", "reconstruction", "write")  # use one processor


def _provenance(
    settings: Settings, key: int, workers: int, stages: Stages
) -> dict[str, Any]:
    call = f"rgdl.reproduce('mehta-schwab', fast=True, rng={key})"
    command = f"python -m rgdl reproduce mehta-schwab --fast --seed {key}"
    if settings == FULL:
        call, command = call.replace("fast=True, ", ""), command.replace("--fast ", "")
    elif settings != FAST:
        command = call = f"rgdl.experiments.mehta_schwab.run(Settings(...), rng={key})"
    quiet = {
        name: seconds / (1 if name in _ALONE else min(workers, 2))
        for name, seconds in stages.processor.items()
    }
    expected = expected_seconds(quiet, settings)
    return {
        "rgdl": rgdl.__version__,
        "key": str(key),
        "workers": workers,
        "again in Python": call,
        "again in a shell": command,
        "what is the same again": "every number, picture and bit of the model, for any "
        "number of workers; not the seconds",
        "expected_seconds_of_the_full_run_on_a_quiet_machine": round(expected),
        "seconds": dict(stages.seconds),
        "processor_seconds": dict(stages.processor),
        "settings": asdict(settings),
        "keys of the stages": {
            name: str(stage_key(key, name)) for name in ("data", "reference", "train")
        },
        "machine": rgdl.show_config(),
    }
