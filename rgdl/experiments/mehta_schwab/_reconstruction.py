"""Reconstructions of held-out configurations from the top layer."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl.experiments.mehta_schwab._fields import shuffle_weights, with_weights
from rgdl.experiments.mehta_schwab._moments import Floats, Spins, binary, mean
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Result, stage_key
from rgdl.report import Missing
from rgdl.stats import Estimate

__all__ = ["block_majority", "measure"]


def measure(
    networks: dict[str, rgdl.DBN], held_out: Spins, settings: Settings, key: int
) -> Result:
    """Overlap of originals with reconstructions and with four controls."""
    generator = np.random.default_rng(stage_key(key, "shuffle"))
    paper = networks["paper"]
    weights = shuffle_weights([layer.W_ for layer in paper.layers_], generator)
    data = binary(held_out)
    network = _signs(paper.reconstruct(data))
    guesses = {
        "network": network,
        "without L1": _signs(networks["without L1"].reconstruct(data)),
        "shuffled weights": _signs(with_weights(paper, weights).reconstruct(data)),
        "another configuration": np.roll(network, 1, axis=0),
        "block majority": block_majority(held_out, settings.block, key).astype(float),
    }
    return Result(
        {
            **{
                name: _agreement(held_out, guess, settings.block, generator)
                for name, guess in guesses.items()
            },
            "numbers kept": settings.layers[-1],
        }
    )


def block_majority(spins: Spins, block: int, key: int) -> Spins:
    """Each spin replaced by the majority of its block."""
    rule = rgdl.rg.MajorityRule(b=block)
    coarse = rule.coarsen(spins, rng=stage_key(key, "blocks"))
    return np.asarray(coarse).repeat(block, axis=1).repeat(block, axis=2)


def _signs(means: npt.NDArray[Any]) -> Floats:
    return np.where(means >= 0.5, 1.0, -1.0)


def _agreement(
    spins: Spins, signs: Floats, block: int, generator: np.random.Generator
) -> dict[str, Any]:
    """Mean of s times the guess, and correlation of block means, with errors."""
    a, b = (_block_means(np.asarray(x, dtype=float), block) for x in (spins, signs))
    value = _correlation(a, b)
    correlation: Estimate | Missing = Missing("the reconstructions are all alike")
    if math.isfinite(value):
        rows = generator.integers(0, len(a), (100, len(a)))
        again = [_correlation(a[each], b[each]) for each in rows]
        correlation = Estimate(value, float(np.std(again, ddof=1)))
    return {
        "overlap": mean((spins * signs).mean(axis=(1, 2))),
        "block correlation": correlation,
    }


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = math.sqrt(float((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / norm if norm > 0 else math.nan


def _block_means(values: Floats, block: int) -> Floats:
    n, height, width = values.shape
    cells = values.reshape(n, height // block, block, width // block, block)
    return np.asarray(cells.mean(axis=(2, 4)))
