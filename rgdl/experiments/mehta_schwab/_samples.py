"""What the trained machines themselves draw: layer 1, and the whole network."""

import math
from collections.abc import Mapping
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
    mean,
    observables,
    packed,
)
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key

__all__ = ["measure", "snapshot_plan"]

States = npt.NDArray[np.uint8]


def measure(
    network: rgdl.DBN, held_out: Spins, settings: Settings, key: int, part: Part
) -> Result:
    """Observables of both machines, each from chains of different starts.

    Chains of layer 1 begin at annealed states, at data and at fair coins. The annealed
    ones are its samples, if they do not drift in all their steps; the others show how
    far a chain gets that is not annealed. Chains of the network begin at data and at
    fair coins, and count together if they agree.
    """
    model = rgdl.Ising(settings.shape, K=settings.K)
    layer = network.layers_[0].set_params(progress=lambda done: part(0.25 * done))
    n = settings.chains
    annealed = layer.anneal(
        n, n_betas=settings.ais_betas, rng=stage_key(key, "annealed")
    )
    layer.set_params(progress=False)
    data = binary(held_out)
    coins = np.random.default_rng(stage_key(key, "coins"))
    starts = {
        "annealed": annealed,
        "data": data[:n],
        "coins": coins.integers(0, 2, (n, *settings.shape), dtype=np.uint8),
    }
    first = {}
    for i, (name, start) in enumerate(starts.items()):
        first[name] = _snapshots(
            layer, start, settings, stage_key(key, f"{name} chains")
        )
        part(0.25 + 0.15 * (i + 1))
    rows = np.resize(data, (settings.network_samples, *settings.shape))
    steps = settings.network_steps
    whole = {"data": network.gibbs(rows, steps, rng=stage_key(key, "whole data"))}
    part(0.85)
    whole["coins"] = network.sample(
        len(rows), steps=steps, rng=stage_key(key, "whole coins")
    )
    drift = _drift(model, _spins(annealed), _spins(first["annealed"][:, -1]))
    numbers = {
        "layer 1": _judged(model, first, ("annealed",), drift, settings),
        "network": _judged(model, whole, ("data", "coins"), None, settings),
    }
    last = {f"layer 1 {name}": x[:, -1] for name, x in first.items()}
    last |= {f"network {name}": x for name, x in whole.items()}
    return Result(numbers, {name: packed(_spins(x)) for name, x in last.items()})


def snapshot_plan(settings: Settings) -> tuple[int, int, int]:
    """Return the steps before all snapshots, those between them, and their number.

    They lie in the second half of the chains' steps.
    """
    thin = max(1, settings.steps // (2 * settings.snapshots))
    return max(0, settings.steps - settings.snapshots * thin), thin, settings.snapshots


def _snapshots(
    machine: rgdl.RBM, start: States, settings: Settings, key: int
) -> npt.NDArray[Any]:
    """States of Gibbs chains, (chain, draw, ...)."""
    before, thin, draws = snapshot_plan(settings)
    return machine.chains(
        len(start), draws, thin=thin, burn_in=before, start=start, rng=key
    )


def _spins(states: npt.NDArray[Any]) -> Spins:
    return (2 * states.astype(np.int8) - 1).astype(np.int8)


def _drift(model: rgdl.Ising, before: Spins, after: Spins) -> dict[str, float]:
    """Change of each chain, in standard errors of its mean over the chains."""
    changes = {
        "energy": model.energy(after) - model.energy(before),
        "m^2": model.magnetization(after) ** 2 - model.magnetization(before) ** 2,
    }
    return {name: difference(mean(each), 0.0) for name, each in changes.items()}


def _judged(
    model: rgdl.Ising,
    sets: Mapping[str, npt.NDArray[Any]],
    own: tuple[str, ...],
    gap: Mapping[str, float] | None,
    settings: Settings,
) -> dict[str, Any]:
    """Observables of the machine's own samples, and of each start.

    `gap` tells in standard errors how far from equilibrium they are; without it the
    difference of the first two starts does.
    """
    spins = {name: _spins(states) for name, states in sets.items()}
    each = {name: observables(model, s) for name, s in spins.items()}
    together = np.concatenate([spins[name] for name in own])
    if gap is None:
        a, b = (each[name] for name in own)
        gap = {name: difference(a[name], b[name]) for name in ("energy", "m^2")}
    signed = np.asarray(model.magnetization(together.reshape(-1, *model.shape)))
    return {
        "own": observables(model, together),
        "m": mean(signed.reshape(len(together), -1).mean(axis=1)),
        "starts": each,
        "correlations": correlations(together, distances(settings)),
        "gap": dict(gap),
        "worst gap": max((abs(x) for x in gap.values()), default=math.nan),
    }
