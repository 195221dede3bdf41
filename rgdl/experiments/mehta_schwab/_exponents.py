"""Exponents at the critical point, with a trained filter as block-spin rule."""

from collections.abc import Callable
from functools import partial
from typing import Any

import rgdl
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key, together
from rgdl.report import Missing
from rgdl.stats import Estimate

__all__ = ["measure"]


def measure(settings: Settings, key: int, workers: int, part: Part) -> Result:
    """y_t and y_h by Monte Carlo RG: a translation-invariant machine, and majority.

    The paper's network has no translation invariance and its data are not critical, so
    this is a run of its own, at K_c: one filter, its weights shared over the lattice,
    is trained as a Boltzmann machine, and its p(h|v) is the rule of the Monte Carlo RG.
    """
    K = float(rgdl.exact.K_CRITICAL)
    small = rgdl.Ising((settings.filter_size,) * 2, K=K)
    spins = rgdl.sample(
        small,
        settings.filter_rows,
        rng=stage_key(key, "critical"),
        workers=workers,
        progress=False,
    )
    part(0.05)
    model = rgdl.Ising((settings.critical_size,) * 2, K=K)

    def run(transform: rgdl.rg.Transform, threads: int) -> rgdl.rg.MCRGResult:
        return rgdl.rg.mcrg(
            model,
            transform,
            levels=settings.levels,
            n=settings.critical_rows,
            rng=stage_key(key, "exponents"),
            workers=threads,
            progress=False,
        )

    def train() -> rgdl.rg.FilterTransform:
        return rgdl.rg.train_filter(
            spins, n_epochs=settings.filter_epochs, rng=stage_key(key, "filter")
        )

    tasks: list[Callable[[], Any]] = [train, partial(run, rgdl.rg.MajorityRule(b=2), 1)]
    rule, majority = together(tasks, workers)
    part(0.75)
    runs = {"trained filter": run(rule, workers), "majority rule": majority}
    numbers: dict[str, Any] = {
        "size": settings.critical_size,
        "rows": settings.critical_rows,
        "filter": rule.weights.tolist(),
        "gradient": [float(x) for x in rule.history["rms_gradient"]],
    }
    for name, found in runs.items():
        numbers[name] = {
            "levels": [
                {
                    "step": level + 1,
                    "y_t": _estimate(found.y_t[level, -1], found.y_t_error[level, -1]),
                    "y_h": _estimate(found.y_h[level, -1], found.y_h_error[level, -1]),
                }
                for level in range(settings.levels)
            ],
            "reliable": bool(found.reliable),
            "reason": found.reason,
        }
    return Result(numbers)


def _estimate(value: float, error: float) -> Estimate | Missing:
    if not value == value:
        return Missing("no real eigenvalue above 0")
    return Estimate(float(value), float(error))
