"""What the trained machines themselves draw: layer 1, and the whole network."""

from typing import Any

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl.experiments.mehta_schwab._data import distances
from rgdl.experiments.mehta_schwab._moments import (
    Spins,
    binary,
    correlations,
    difference,
    observables,
    packed,
)
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key

__all__ = ["measure"]


def measure(
    network: rgdl.DBN, held_out: Spins, settings: Settings, key: int, part: Part
) -> Result:
    """Observables of both machines, each from chains of two very different starts.

    Chains begin at data and at fair coins. Where both agree they have forgotten their
    start, and count together; where they do not, no number of steps here decides.
    """
    model = rgdl.Ising(settings.shape, K=settings.K)
    data = binary(held_out)[: settings.chains]
    coins = np.random.default_rng(stage_key(key, "coins"))
    starts = {
        "data": data,
        "coins": coins.integers(0, 2, data.shape, dtype=np.uint8),
    }
    first = {
        name: _snapshots(network.layers_[0], start, settings, key, name, part, i)
        for i, (name, start) in enumerate(starts.items())
    }
    n = settings.network_samples
    rows = np.resize(binary(held_out), (n, *settings.shape))
    whole = {
        "data": network.gibbs(
            rows, settings.network_steps, rng=stage_key(key, "whole data")
        ),
        "coins": network.sample(
            n, steps=settings.network_steps, rng=stage_key(key, "whole coins")
        ),
    }
    numbers, arrays = {}, {}
    for machine, sets in (("layer 1", first), ("network", whole)):
        spins = {name: _spins(states) for name, states in sets.items()}
        numbers[machine] = _judged(model, spins, settings)
        last = {name: s[:, -1] if s.ndim == 4 else s for name, s in spins.items()}
        for name, s in last.items():
            arrays[f"{machine} {name}"] = packed(s)
    return Result(numbers, arrays)


def _snapshots(
    machine: rgdl.RBM,
    start: npt.NDArray[np.uint8],
    settings: Settings,
    key: int,
    name: str,
    part: Part,
    place: int,
) -> npt.NDArray[Any]:
    """States of Gibbs chains, (chain, draw, ...), from the second half of the steps."""
    half = max(1, settings.steps // 2)
    gap = max(1, half // max(1, settings.snapshots - 1))
    states, result = start, []
    for i in range(settings.snapshots):
        rng = stage_key(key, f"chains {name} {i}")
        states = machine.gibbs(states, half if i == 0 else gap, rng=rng)
        result.append(states)
        part((place + (i + 1) / settings.snapshots) / 2)
    return np.stack(result, axis=1)


def _spins(states: npt.NDArray[Any]) -> Spins:
    return (2 * states.astype(np.int8) - 1).astype(np.int8)


def _judged(
    model: rgdl.Ising, spins: dict[str, Spins], settings: Settings
) -> dict[str, Any]:
    """Observables from each start, how far they differ, and from both together."""
    each = {name: observables(model, s) for name, s in spins.items()}
    together = np.concatenate(list(spins.values()))
    gaps = {
        name: difference(each["data"][name], each["coins"][name])
        for name in ("energy", "m^2")
    }
    return {
        "from data": each["data"],
        "from coins": each["coins"],
        "both": observables(model, together),
        "correlations": correlations(together, distances(settings)),
        "start gap": gaps,
    }
