"""The mapping on a lattice small enough to count every state."""

import math
from functools import partial
from typing import Any

import numpy as np

import rgdl
from rgdl.experiments.mehta_schwab._moments import binary
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key, together
from rgdl.report import Missing
from rgdl.stats import Estimate

__all__ = ["measure"]

_FIELDS = (
    "trace_constant",
    "trace_residual",
    "trace_rms",
    "kl",
    "delta_f",
    "log_z_v",
    "log_z_h",
    "kl_push",
)


def measure(settings: Settings, key: int, workers: int, part: Part) -> Result:
    """Trace condition and KL of machines on the twin, at the experiment's coupling.

    Trained machines are trained again from other keys and data: values are means over
    these repeats, with the standard error of the mean. The others are exact.
    """
    model = rgdl.Ising(settings.small_shape, K=settings.K)
    n = model.n_sites
    generator = np.random.default_rng(stage_key(key, "random machine"))
    fixed = {
        "exact bond RBM": rgdl.RBM.from_ising(model),
        "no weights": rgdl.RBM.from_weights(
            np.zeros((n, 1)), np.zeros(n), np.zeros(1), units="spin"
        ),
        "random RBM": rgdl.RBM.from_weights(
            generator.normal(0.0, 0.3, (n, settings.random_hidden)),
            generator.normal(0.0, 0.3, n),
            generator.normal(0.0, 0.3, settings.random_hidden),
            units="spin",
        ),
    }
    numbers: dict[str, Any] = {
        name: _plain(rgdl.mapping.verify(model, machine))
        for name, machine in fixed.items()
    }
    numbers["exact bond RBM"]["hidden"] = fixed["exact bond RBM"].W_.shape[1]
    part(0.2)
    repeats = range(settings.small_repeats)

    def trained(name: str, repeat: int) -> dict[str, Any]:
        machine = _train(model, settings, key, name, repeat)
        return _plain(rgdl.mapping.verify(model, machine))

    tasks = [partial(trained, name, repeat) for name in _TRAINED for repeat in repeats]
    runs = together(tasks, workers)
    for i, name in enumerate(_TRAINED):
        numbers[name] = _averaged(runs[i * len(repeats) : (i + 1) * len(repeats)])
    return Result(numbers)


_TRAINED = ("trained as the paper's", "trained for likelihood")


def _train(
    model: rgdl.Ising, settings: Settings, key: int, name: str, repeat: int
) -> rgdl.RBM:
    data = rgdl.sample(
        model,
        settings.small_rows,
        rng=stage_key(key, f"twin data {repeat}"),
        progress=False,
    )
    if name == "trained for likelihood":
        return rgdl.RBM(
            settings.small_hidden,
            units="spin",
            method="pcd",
            k=5,
            learning_rate=0.05,
            n_epochs=settings.small_epochs,
            rng=stage_key(key, f"twin likelihood {repeat}"),
            progress=False,
        ).fit(data)
    return rgdl.RBM(
        max(2, model.n_sites // 4),
        units="binary",
        method="cd",
        learning_rate=settings.learning_rate,
        momentum=settings.momentum,
        l1=settings.l1,
        batch_size=settings.batch_size,
        n_epochs=settings.small_epochs,
        weight_scale=settings.weight_scale,
        visible_bias="zero",
        rng=stage_key(key, f"twin paper {repeat}"),
        progress=False,
    ).fit(binary(data))


def _averaged(runs: list[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in _FIELDS:
        values = [run[name] for run in runs]
        if any(isinstance(value, Missing) for value in values):
            result[name] = next(v for v in values if isinstance(v, Missing))
            continue
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        result[name] = Estimate(float(np.mean(values)), spread / math.sqrt(len(values)))
    # an identity holds for every machine, so the worst of them counts
    result["balance"] = max(abs(run["balance"]) for run in runs)
    result["identities"] = {
        name: max(
            (run["identities"][name] for run in runs),
            key=lambda value: math.inf if isinstance(value, Missing) else abs(value),
        )
        for name in runs[0]["identities"]
    }
    return result


def _plain(result: Any) -> dict[str, Any]:
    def plain(name: str, value: float | None) -> float | Missing:
        if value is None:
            return Missing(result.reasons.get(name, "not enumerated"))
        return float(value)

    numbers: dict[str, Any] = {
        name: plain(name, getattr(result, name)) for name in _FIELDS
    }
    numbers["identities"] = {
        name: plain(name, value) for name, value in result.identities.items()
    }
    numbers["balance"] = result.kl + result.trace_constant + result.delta_f
    return numbers
