"""Couplings of the network's hidden layers, beside block spins of the same scale."""

import math
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl.experiments.mehta_schwab._fields import is_local
from rgdl.experiments.mehta_schwab._moments import Floats, Spins, binary, mean
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key, together
from rgdl.receptive import field_sizes
from rgdl.report import Missing
from rgdl.stats import Estimate

__all__ = ["FARTHEST", "MOST_SILENT", "grid", "measure", "place"]

# Placement fails beyond these: a unit nearer to another's place than to its own is no
# block spin, and a unit that never changes is no spin.
FARTHEST = 1.0  # rms distance of field centres from their places, in coarse spacings
MOST_SILENT = 0.05  # share of units that never change

COUPLINGS = ("nn", "nnn", "plaquette")


def grid(units: int, shape: tuple[int, int]) -> tuple[int, int] | None:
    """Coarse lattice of so many units, square as the lattice is; None if none fits."""
    ratio = math.prod(shape) / units
    b = round(math.sqrt(ratio))
    if b * b != ratio or any(extent % b for extent in shape):
        return None
    return shape[0] // b, shape[1] // b


def place(
    centres: Floats, shape: tuple[int, int], coarse: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], float]:
    """Return the unit of every coarse site, and the rms distance in spacings.

    One unit per site, so that the sum of squared distances on the torus is least.
    """
    from scipy.optimize import linear_sum_assignment

    extents, blocks = np.array(shape), np.array(shape) / np.array(coarse)
    sites = np.indices(coarse).reshape(2, -1).T
    middle = (sites + 0.5) * blocks - 0.5
    away = centres[None, :, :] - middle[:, None, :]
    away -= extents * np.round(away / extents)
    squares = np.square(away / blocks).sum(axis=2)
    _, units = linear_sum_assignment(squares)
    chosen = squares[np.arange(len(sites)), units]
    return np.asarray(units), float(math.sqrt(chosen.mean()))


def measure(
    network: rgdl.DBN,
    fields: dict[str, Any],
    spins: Spins,
    settings: Settings,
    key: int,
    workers: int,
    part: Part,
) -> Result:
    """K_eff and couplings by layer: hidden units, and three rules of block spins.

    Every rule acts on the same independent configurations. K_eff is the coupling of a
    nearest-neighbour model on the coarse torus with the same energy.
    """
    shapes = [grid(units, settings.shape) for units in settings.layers]
    data = binary(spins)

    def blocked(name: str, rule: rgdl.rg.Transform) -> list[dict[str, Any]]:
        coarse, found = spins, []
        for shape in shapes:
            while shape is not None and coarse.shape[1] > shape[0]:
                rng = stage_key(key, f"{name} {coarse.shape[1]}")
                coarse = rule.coarsen(coarse, rng=rng)
            fits = shape is not None and coarse.shape[1:] == shape
            found.append(_read(coarse) if fits else _nothing("no block of this size"))
        return found

    def placed(depth: int) -> tuple[dict[str, Any], dict[str, Any]]:
        hidden = network.sample_hidden(data, depth, rng=stage_key(key, f"up {depth}"))
        return _network(network, hidden, fields, depth, shapes[depth])

    rules = {
        "decimation": rgdl.rg.Decimation(b=2),
        "majority rule": rgdl.rg.MajorityRule(b=2),
        "Kadanoff": rgdl.rg.Kadanoff(b=2),
    }
    by_rule = together([partial(blocked, *each) for each in rules.items()], workers)
    part(0.5)
    depths = range(len(shapes))
    own = together([partial(placed, depth) for depth in depths], workers)
    layers = [
        {
            "layer": depth + 1,
            "shape": shapes[depth] and list(shapes[depth] or ()),
            **{name: found[depth] for name, found in zip(rules, by_rule, strict=True)},
            "network": own[depth][0],
            "placement": own[depth][1],
        }
        for depth in depths
    ]
    return Result({"layers": layers, "rows": len(spins)})


def _network(
    network: rgdl.DBN,
    hidden: npt.NDArray[Any],
    fields: dict[str, Any],
    depth: int,
    shape: tuple[int, int] | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Couplings of hidden units placed by the centre of their field, with its sign."""
    units = hidden.shape[1]
    if shape is None:
        reason = f"{units} units fill no square lattice of blocks"
        return _nothing(reason), {"distance": Missing(reason), "reason": reason}
    maps = network.receptive_fields(depth)
    found = field_sizes(maps)
    silent = float((hidden.min(axis=0) == hidden.max(axis=0)).mean())
    centres = np.nan_to_num(found.centre)
    order, distance = place(centres, maps.shape[1:], shape)
    sign = np.where(maps.sum(axis=(1, 2)) < 0, -1, 1)
    placement: dict[str, Any] = {"distance": distance, "never change": silent}
    reason = _failure(fields, depth, silent, distance)
    placement["reason"] = reason
    if reason:
        return _nothing(reason), placement
    signed = (2 * hidden.astype(np.int8) - 1) * sign.astype(np.int8)
    lattice = np.ascontiguousarray(signed[:, order]).reshape(-1, *shape)
    return _read(lattice), placement


def _failure(fields: dict[str, Any], depth: int, silent: float, distance: float) -> str:
    """Why these units are no lattice of block spins; empty if they are one."""
    sets, even = fields["layers"][depth], fields["even radius"]
    own, control = sets["paper"]["all weights"], sets["shuffled"]["all weights"]
    if isinstance(own["radius"], Missing):
        return "every field is zero"
    if not is_local(own, control, even):
        return (
            f"fields are not local: radius {own['radius'].value:.1f}, shuffled "
            f"{control['radius 5 %']:.1f}, even {even:.1f}"
        )
    if silent > MOST_SILENT:
        return f"{silent:.0%} of the units never change"
    if distance > FARTHEST:
        return f"field centres lie {distance:.2f} coarse spacings from their places"
    return ""


def _nothing(reason: str) -> dict[str, Any]:
    return {name: Missing(reason) for name in ("K_eff", "energy", *COUPLINGS)}


def _read(spins: Spins) -> dict[str, Any]:
    """Energy, K_eff and couplings of configurations on their own torus."""
    shape = (spins.shape[1], spins.shape[2])
    energy = mean(rgdl.Ising(shape, K=1.0).energy(spins))
    result: dict[str, Any] = {"energy": energy, "K_eff": _k_eff(energy, shape)}
    try:
        found = rgdl.Couplings.from_samples(spins)
    except (RuntimeError, ValueError) as problem:
        return {**result, **{name: Missing(str(problem)) for name in COUPLINGS}}
    for name in COUPLINGS:
        result[name] = Missing("coincides with another on this lattice")
        if name in found.labels:
            result[name] = Estimate(found[name], found.error(name))
    return result


def _k_eff(energy: Estimate, shape: tuple[int, int]) -> Estimate | Missing:
    try:
        ends = rgdl.exact.k_eff(
            [energy.value + side * energy.error for side in (-1, 0, 1)], shape
        )
    except ValueError:
        return Missing("no finite K has this energy")
    return Estimate(float(ends[1]), abs(float(ends[2] - ends[0])) / 2)
