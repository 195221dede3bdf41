"""Burn-in and start of `sample` and `simulate`: from the tables, or from a pilot."""

from collections.abc import Callable
from dataclasses import dataclass

from rgdl._equilibrium import (
    CLUSTER,
    burn_in_sweeps,
    choose,
    doubt,
    start_of,
    tabulated,
)
from rgdl._pilot import FIRST_WINDOW, pilot
from rgdl._rng import Key
from rgdl.ising import Ising

__all__ = ["Plan", "plan", "resolve"]


@dataclass(frozen=True)
class Plan:
    """Sweeps of burn-in, the start of local updates, and all reasons for doubt."""

    burn_in: int
    start: str
    reason: str


def resolve(model: Ising, method: str, *, series: bool) -> str:
    """Resolve "auto"; refuse what the model cannot have."""
    if method in CLUSTER:
        K, _ = model._uniform(f"method={method!r} is for")
        around = zip(model.shape, model.periodic, strict=True)
        if K < 0 and any(extent % 2 and closed for extent, closed in around):
            raise ValueError(
                f"method={method!r} needs even extents for K < 0, got K={K:g} on shape "
                f'{model.shape}: the lattice is frustrated; use method="local"'
            )
    elif method == "perfect":
        model._plain('method="perfect" is for')
    if method != "auto":
        return method
    return choose(model, series=series) if model._is_nearest_neighbour else "local"


def plan(
    model: Ising,
    method: str,
    burn_in: int | None,
    key: Key,
    *,
    configurations: bool = False,
    workers: int = 1,
    update: Callable[[float], None] | None = None,
) -> Plan:
    """Fill in what was left to us.

    A given burn-in is only judged, and never where chains go on from `configurations`.
    """
    known, start, reasons = tabulated(model), "random", []
    least, table = FIRST_WINDOW, 0
    if method in CLUSTER and not model._is_nearest_neighbour:
        known = True  # open axes take the table of the torus
    if model._is_nearest_neighbour or method in CLUSTER:
        K, h = model._uniform("")
        start, _ = start_of(model.shape, K, h)
        if model._is_nearest_neighbour:
            reasons.append(doubt(model, method))
        table = burn_in_sweeps(model.shape, K, method)
        least = table // 3 if known else least
    if burn_in is not None:
        if burn_in < least and not configurations:
            safe = (
                f"about {table} sweeps are safe"
                if known
                else "leave it out for a pilot that finds one"
            )
            reasons.append(f"burn_in={burn_in} is short for this model; {safe}")
    elif known or method in CLUSTER:
        burn_in = table
    else:
        found = pilot(model, method, key, workers=workers, update=update)
        burn_in, start = found.burn_in, found.start
        if not found.agreed:
            reasons.append(
                f"chains from two starts did not agree within {burn_in} sweeps, so "
                "that the burn-in of this model is not known; compare two values of "
                "burn_in, or use rgdl.temper"
            )
    return Plan(burn_in, start, ". ".join(filter(None, reasons)))
