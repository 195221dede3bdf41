"""Receptive fields: how many sites, how far, and against which controls."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl.experiments.mehta_schwab._moments import Floats
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Result, stage_key
from rgdl.receptive import field_sizes, half_maximum
from rgdl.report import Missing
from rgdl.stats import Estimate

__all__ = ["is_local", "measure", "shuffle_weights", "with_weights"]

_RESAMPLES = 200


def measure(networks: dict[str, rgdl.DBN], settings: Settings, key: int) -> Result:
    """Sizes of every layer's fields, as they are and above half of each maximum.

    Controls: the same weights in other places (every unit keeps its incoming weights),
    and the network trained without L1 penalty.
    """
    generator = np.random.default_rng(stage_key(key, "fields"))
    weights = [layer.W_ for layer in networks["paper"].layers_]
    shuffled = products(shuffle_weights(weights, generator), settings.shape)
    layers = []
    for depth in range(len(settings.layers)):
        own = {arm: net.receptive_fields(depth) for arm, net in networks.items()}
        sets = {**own, "shuffled": shuffled[depth]}
        layers.append(
            {
                name: {
                    "all weights": sizes(fields, generator),
                    "half maximum": sizes(half_maximum(fields), generator),
                }
                for name, fields in sets.items()
            }
        )
    square = sum((extent**2 - 1) / 12 for extent in settings.shape)
    return Result({"layers": layers, "even radius": math.sqrt(square)})


def sizes(fields: npt.ArrayLike, generator: np.random.Generator) -> dict[str, Any]:
    """Medians over units with bootstrap errors, 5 % quantiles, and coverage."""
    found = field_sizes(fields)
    alive = np.isfinite(found.participation)
    share = found.coverage / found.coverage.mean() if alive.any() else np.ones(1)
    return {
        "units": len(alive),
        "silent": int((~alive).sum()),
        "participation": median(found.participation[alive], generator),
        "participation 5 %": quantile(found.participation[alive], 0.05),
        "radius": median(found.radius[alive], generator),
        "radius 5 %": quantile(found.radius[alive], 0.05),
        "covered": float(found.covered),
        "unevenness": float(share.std()),
    }


def is_local(own: Mapping[str, Any], control: Mapping[str, Any], even: float) -> bool:
    """Whether fields are local: narrower than shuffled ones, and half as wide as even.

    Both medians must lie below the 5 % quantile of the shuffled units, except that of
    the participation ratio where a shuffle does not change it (layer 1); and the
    median radius below half that of a field that is the same everywhere.
    """
    radius, participation = own["radius"], own["participation"]
    bound, sites = control["radius 5 %"], control["participation 5 %"]
    if any(isinstance(each, Missing) for each in (radius, participation, bound)):
        return False
    same = participation.value == control["participation"].value
    return bool(
        radius.value < min(bound, even / 2) and (same or participation.value < sites)
    )


def median(values: Floats, generator: np.random.Generator) -> Estimate | Missing:
    """Median with its bootstrap error."""
    if len(values) == 0:
        return Missing("every field is zero")
    again = generator.choice(values, (_RESAMPLES, len(values)))
    error = float(np.median(again, axis=1).std(ddof=1)) if len(values) > 1 else math.nan
    return Estimate(float(np.median(values)), error)


def quantile(values: Floats, q: float) -> float | Missing:
    if len(values) == 0:
        return Missing("every field is zero")
    return float(np.quantile(values, q))


def shuffle_weights(
    weights: Sequence[npt.ArrayLike], generator: np.random.Generator
) -> list[Floats]:
    """Matrices with each hidden unit's incoming weights in random order."""
    return [
        generator.permuted(np.asarray(matrix, dtype=float), axis=0)
        for matrix in weights
    ]


def products(weights: Sequence[Floats], shape: tuple[int, ...]) -> list[Floats]:
    """Receptive fields of all layers: products of the matrices up to each."""
    fields = []
    product = np.eye(1)
    for depth, matrix in enumerate(weights):
        product = matrix if depth == 0 else product @ matrix
        fields.append(np.ascontiguousarray(product.T).reshape(-1, *shape))
    return fields


def with_weights(network: rgdl.DBN, weights: Sequence[Floats]) -> rgdl.DBN:
    """Return the network with other weights, its biases kept."""
    other = rgdl.DBN(network.layers, rbm=network.rbm)
    other.layers_ = []
    for layer, matrix in zip(network.layers_, weights, strict=True):
        machine = rgdl.RBM.from_weights(
            matrix.astype(layer.W_.dtype), layer.b_, layer.c_, units=layer.units
        )
        other.layers_.append(machine)
    other.key_ = network.key_
    other.lattice_shape_ = network.lattice_shape_
    other.n_features_in_ = network.n_features_in_
    return other
