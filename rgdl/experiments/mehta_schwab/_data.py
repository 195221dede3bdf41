"""Two dimensions: the configurations, and whether they are equilibrated."""

import math
from typing import Any

import rgdl
from rgdl.experiments.mehta_schwab._moments import (
    Spins,
    correlations,
    observables,
    packed,
    unpacked,
)
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key

__all__ = ["blocked", "distances", "draw", "spins_of"]


def distances(settings: Settings) -> tuple[int, ...]:
    """Where correlations are measured: 1, 2, 4, .. up to half the lattice."""
    half = min(settings.shape) // 2
    powers = [2**i for i in range(half.bit_length())]
    return tuple(sorted({*(r for r in powers if r <= half), half}))


def draw(settings: Settings, key: int, workers: int, part: Part) -> Result:
    """Training, held-out and independent reference configurations, and their moments.

    Kaufman's energy and specific heat are exact for this lattice.
    """
    model = rgdl.Ising(settings.shape, K=settings.K)
    n = settings.rows + settings.held_out
    share = n / (n + settings.reference)
    spins, how = rgdl.sample(
        model,
        n,
        rng=stage_key(key, "data"),
        workers=workers,
        progress=lambda done: part(done * share),
        return_info=True,
    )
    reference: Spins = rgdl.sample(
        model,
        settings.reference,
        rng=stage_key(key, "reference"),
        workers=workers,
        progress=lambda done: part(share + done * (1.0 - share)),
    )
    exact = rgdl.exact.kaufman(settings.shape, settings.K)
    numbers: dict[str, Any] = {
        "rows": settings.rows,
        "key": stage_key(key, "data"),
        "sampler": {
            "method": how.method,
            "start": how.start,
            "burn_in": how.burn_in,
        },
        "training": observables(model, spins[: settings.rows]),
        "reference": observables(model, reference),
        "exact": {
            "energy": float(exact.energy),
            "specific heat": float(exact.specific_heat),
            "log Z": float(exact.log_z),
            "entropy": float(exact.entropy) * math.prod(settings.shape),
        },
        "distances": list(distances(settings)),
        "correlations": correlations(reference, distances(settings)),
    }
    return Result(
        numbers,
        {
            "training": packed(spins[: settings.rows]),
            "held_out": packed(spins[settings.rows :]),
            "reference": packed(reference),
        },
    )


def spins_of(result: Result, name: str, settings: Settings) -> Spins:
    """One of the three sets as spins."""
    return unpacked(result.arrays[name], settings.shape)


def blocked(spins: Spins, key: int) -> dict[str, list[Spins]]:
    """One configuration coarsened by two rules, as often as b = 2 divides it."""
    rules = {
        "majority rule": rgdl.rg.MajorityRule(b=2),
        "decimation": rgdl.rg.Decimation(b=2),
    }
    strips = {}
    for name, rule in rules.items():
        images = [spins[:1]]
        while all(extent % 2 == 0 and extent > 4 for extent in images[-1].shape[1:]):
            step = stage_key(key, f"{name} {len(images)}")
            images.append(rule.coarsen(images[-1], rng=step))
        strips[name] = [image[0] for image in images]
    return strips
