"""Exponents at the critical point, with a trained filter as block-spin rule."""

from typing import Any

import rgdl
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key
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
    rule = rgdl.rg.train_filter(
        spins, n_epochs=settings.filter_epochs, rng=stage_key(key, "filter")
    )
    part(0.5)
    model = rgdl.Ising((settings.critical_size,) * 2, K=K)
    numbers: dict[str, Any] = {
        "size": settings.critical_size,
        "rows": settings.critical_rows,
        "filter": rule.weights.tolist(),
        "gradient": [float(x) for x in rule.history["rms_gradient"]],
    }
    rules = {"trained filter": rule, "majority rule": rgdl.rg.MajorityRule(b=2)}
    for i, (name, transform) in enumerate(rules.items()):
        run = rgdl.rg.mcrg(
            model,
            transform,
            levels=settings.levels,
            n=settings.critical_rows,
            rng=stage_key(key, "exponents"),
            workers=workers,
            progress=False,
        )
        part(0.75 + 0.25 * i)
        numbers[name] = {
            "levels": [
                {
                    "step": level + 1,
                    "y_t": _estimate(run.y_t[level, -1], run.y_t_error[level, -1]),
                    "y_h": _estimate(run.y_h[level, -1], run.y_h_error[level, -1]),
                }
                for level in range(settings.levels)
            ],
            "reliable": bool(run.reliable),
            "reason": run.reason,
        }
    return Result(numbers)


def _estimate(value: float, error: float) -> Estimate | Missing:
    if not value == value:
        return Missing("no real eigenvalue above 0")
    return Estimate(float(value), float(error))
