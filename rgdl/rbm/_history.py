"""What training tells about itself: one record per epoch, and Hinton's rules on it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._blas import blas_threads, matmul
from rgdl.errors import ConvergenceError
from rgdl.rbm._data import Rows
from rgdl.rbm._evaluate import pseudo_likelihood
from rgdl.rbm._moments import Parameters, bits_values, unit_means
from rgdl.rbm._settings import Settings

__all__ = ["HISTORY", "EarlyStopping", "diagnose", "hidden_activations", "record"]

HISTORY = (
    "epoch",
    "free_energy_data",
    "free_energy_model",
    "free_energy_spread",
    "reconstruction_error",
    "weight_rms",
    "update_ratio",
    "chain_drift",
    "chain_memory",
)

_SHOWN_ROWS = 200
_DRIFT_LIMIT = 5.0  # standard errors; with at most 200 rows and chains, 0.5 deviations
_MEMORY_LIMIT = 0.4  # of healthy chains, three in a row were never above 0.37
_MEMORY_STEPS = 500  # Gibbs steps, or more, between the states that are compared
_MEMORY_CHAINS = 5  # fewer agree with their past by chance
_PSEUDO_TERMS = 20_000_000  # softplus terms that a pseudo-likelihood may cost
_SPECTRUM_UNITS = 128  # layers up to this size have their singular values taken always

_Earlier = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]  # chains, batches done


def shown(rows: Rows, n_visible: int, spin: bool, most: int) -> npt.NDArray[Any]:
    """At most so many rows, evenly taken, as values."""
    stride = max(1, len(rows) // most)
    if rows.bits is not None:
        return bits_values(rows.bits[::stride][:most], n_visible, spin)
    assert rows.values is not None
    values: npt.NDArray[Any] = rows.values[::stride][:most]
    return values


def _looked_at(
    states: npt.NDArray[Any], parameters: Parameters, spin: bool
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """F(v) of states and E[h | v] (units first); not finite where they overflow.

    F is rounded to the machine's precision, so that it overflows when the machine's
    own arithmetic would.
    """
    W, b, c = parameters.as_float64()
    values = states.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs = matmul(W, values, transpose_a=True, transpose_b=True)
        soft, h = _core.unit_sums(inputs, c, spin), inputs
        return (-(values @ b) - soft).astype(parameters.W.dtype), h


def _shares(rows: Rows, n: int) -> npt.NDArray[np.float64]:
    """Of the n rows shown in the mean of them all."""
    if rows.weights is None:
        return np.full(n, 1 / n)
    weights = rows.weights[:: max(1, len(rows) // _SHOWN_ROWS)][:n]
    return np.asarray(weights / weights.sum())


def _memory(
    mean: npt.NDArray[np.float64],
    chains: npt.NDArray[Any],
    earlier: npt.NDArray[Any],
    spin: bool,
) -> float:
    """Overlap of chains with their earlier states, about the data's mean.

    <(v - mean)(v' - mean)> over units and chains, in units of the variance that units
    of this mean have.
    """
    variance = 1 - mean**2 if spin else mean * (1 - mean)
    if len(chains) < _MEMORY_CHAINS or len(chains) != len(earlier):
        return math.nan
    if not variance.sum() > 0:
        return math.nan
    overlap = ((chains - mean) * (earlier - mean)).mean(axis=0)
    return float(overlap.sum() / variance.sum())


def _drift(
    rows: Rows, data: npt.NDArray[np.float64], chains: npt.NDArray[np.float64]
) -> float:
    """Largest |<h_j>_data - <h_j>_chains| in standard errors; `data` shows `rows`.

    Both are E[h | v], units first. The variance is that of both together, as if they
    had one mean: chains that are all alike, too few to tell by, then cannot look
    significant.
    """
    n, m = data.shape[1], chains.shape[1]
    if m == 0 or not (np.isfinite(data).all() and np.isfinite(chains).all()):
        return math.nan
    share = _shares(rows, n)
    apart = np.abs(data @ share - chains.mean(axis=1))
    spread = np.concatenate([data, chains], axis=1).std(axis=1)
    error = spread * math.sqrt(float(share @ share) + 1 / m)
    return float(
        np.divide(apart, error, out=np.zeros_like(apart), where=error > 0).max()
    )


def _mean_and_spread(free: npt.NDArray[Any]) -> tuple[float, float]:
    if len(free) == 0:
        return math.nan, math.nan
    wide = free.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(wide.mean()), float(wide.std())


def _rms(array: npt.NDArray[Any]) -> float:
    return math.sqrt(float(np.mean(np.square(array, dtype=np.float64))))


def record(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    validation: Rows | None,
    extra: Mapping[str, float],
) -> None:
    """Append one epoch to `history_` and close it; ConvergenceError on overflow."""
    spectrum = rbm.spectrum_
    small = min(rbm.W_.shape) <= _SPECTRUM_UNITS
    with blas_threads(settings.workers):
        values, earlier = _values(rbm, rows, settings, validation)
        epoch = int(values["epoch"])
        due = small or epoch & (epoch - 1) == 0
        if due and math.isfinite(values["weight_rms"]):
            spectrum = {**spectrum, epoch: singular_values(rbm.W_)}
    values.update(extra)
    history = {name: list(column) for name, column in rbm.history_.items()}
    for name in values:  # a column that starts late has had nothing to say before
        history.setdefault(name, [math.nan] * (epoch - 1))
    for name, column in history.items():
        column.append(values.get(name, math.nan))
    cursor = rbm._cursor.copy()
    cursor[1:] = 0
    # one step that no interrupt can split
    rbm.__dict__.update(
        history_=history, spectrum_=spectrum, _cursor=cursor, _earlier=earlier
    )
    if not math.isfinite(values["free_energy_data"]):
        raise ConvergenceError(
            f"the free energy overflowed in epoch {epoch}; lower learning_rate "
            f"(now {settings.learning_rate(epoch - 1):g})"
        )


def _values(
    rbm: Any, rows: Rows, settings: Settings, validation: Rows | None
) -> tuple[dict[str, float], _Earlier | None]:
    """Numbers of an epoch, and the chains that later ones compare with."""
    parameters = Parameters(rbm.W_, rbm.b_, rbm.c_)
    spin, n_visible = settings.spin, rbm.n_features_in_
    _, _, changed, n_negative = rbm._cursor.tolist()
    data = shown(rows, n_visible, spin, _SHOWN_ROWS)
    n = len(data)
    chains = bits_values(rbm._negative[:n_negative], n_visible, spin)
    free, h = _looked_at(np.concatenate([data, chains]), parameters, spin)
    mean, spread = _mean_and_spread(free[:n])
    model, _ = _mean_and_spread(free[n:])
    known = settings.method == "cd" and settings.solver == "sgd"
    counted = known and rows.bits is not None
    persistent = settings.method != "cd" and settings.solver == "sgd"
    weight = _rms(rbm.W_)
    stride = max(1, n_negative // _SHOWN_ROWS)
    earlier: _Earlier | None = getattr(rbm, "_earlier", None)
    values = {
        "epoch": float(len(rbm.history_["epoch"]) + 1),
        "free_energy_data": mean,
        "free_energy_model": model,
        "free_energy_spread": spread,
        "reconstruction_error": (
            changed / (len(rows) * n_visible) if counted else math.nan
        ),
        "weight_rms": weight,
        "update_ratio": _rms(rbm._velocity[0]) / weight if weight > 0 else math.nan,
        "chain_drift": math.nan,
        "chain_memory": math.nan,
    }
    if persistent:
        values["chain_drift"] = _drift(rows, h[:, :n], h[:, n::stride][:, :_SHOWN_ROWS])
        step = rbm._cursor[:1].copy()
        past = math.inf if earlier is None else int(step[0] - earlier[1][0])
        if past * settings.k >= _MEMORY_STEPS:
            if earlier is not None:
                values["chain_memory"] = _memory(
                    _shares(rows, n) @ data,
                    chains[::stride][:_SHOWN_ROWS],
                    bits_values(earlier[0], n_visible, spin),
                    spin,
                )
            bits = rbm._negative[:n_negative][::stride][:_SHOWN_ROWS]
            earlier = bits.copy(), step
    if validation is not None:
        held_out = shown(validation, n_visible, spin, _SHOWN_ROWS)
        held, _ = _mean_and_spread(_looked_at(held_out, parameters, spin)[0])
        values["free_energy_validation"] = held
        values["free_energy_gap"] = held - mean
        if validation.bits is not None:
            most = max(1, _PSEUDO_TERMS // rbm.W_.size)
            values["pseudo_likelihood"] = float(
                pseudo_likelihood(held_out[:most], parameters, spin).mean()
            )
    return values, earlier


def singular_values(W: npt.NDArray[Any]) -> list[float]:
    """Of W, largest first; by the smaller Gram matrix, to its accuracy."""
    wide = np.ascontiguousarray(W, dtype=np.float64)
    gram = matmul(wide, wide, transpose_a=True)
    if W.shape[0] < W.shape[1]:
        gram = matmul(wide, wide, transpose_b=True)
    values = np.linalg.eigvalsh(gram)[::-1]
    return [float(value) for value in np.sqrt(np.maximum(values, 0.0))]


def hidden_activations(
    rbm: Any, rows: Rows, settings: Settings
) -> dict[str, npt.NDArray[Any]]:
    """Attributes: E[h | v] of 100 rows of the data, and means over at most 1000."""
    if rows.bits is not None:
        stride = max(1, len(rows) // 1000)
        bits = np.ascontiguousarray(rows.bits[::stride][:1000])
        means = _core.rbm_mean(
            rbm.W_, rbm.b_, rbm.c_, settings.spin, bits, True, settings.workers
        )
    else:
        values = shown(rows, rbm.n_features_in_, settings.spin, 1000)
        W, _, c = Parameters(rbm.W_, rbm.b_, rbm.c_).as_float64()
        with blas_threads(settings.workers):
            means = unit_means(matmul(values.astype(np.float64), W) + c, settings.spin)
    return {
        "hidden_activations_": means[:: max(1, len(means) // 100)][:100].copy(),
        "hidden_means_": means.mean(axis=0, dtype=np.float64),
    }


class EarlyStopping:
    """Callback that ends training when a number of the history stops getting better.

    It looks at `history_` alone, so that a training that goes on from a checkpoint
    stops in the same epoch.

    Parameters
    ----------
    monitor : str, default "pseudo_likelihood"
        Name in `history_`; "pseudo_likelihood" and "free_energy_gap" need
        ``validation=`` in `fit`, "log_likelihood" a `LogZTrajectory` before this one
        among the callbacks. Larger is better for the likelihoods, smaller for all else.
    patience : int, default 5
        Epochs without a new best value.
    least_gain : float, default 0.0
        By how much a value must beat the best to count.

    Examples
    --------
    >>> import rgdl
    >>> from rgdl.rbm import EarlyStopping
    >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 600, rng=0)
    >>> stop = EarlyStopping("free_energy_gap", patience=2)
    >>> rbm = rgdl.RBM(32, n_epochs=200, rng=0)
    >>> rbm = rbm.fit(s[:500], validation=s[500:], callbacks=[stop])
    >>> len(rbm.history_["epoch"]) < 200
    True
    """

    def __init__(
        self,
        monitor: str = "pseudo_likelihood",
        patience: int = 5,
        least_gain: float = 0.0,
    ) -> None:
        self.monitor = monitor
        self.patience = patience
        self.least_gain = least_gain

    def __call__(self, rbm: Any) -> bool:
        """Whether to stop; ValueError if the history has no such numbers."""
        if self.monitor not in rbm.history_:
            raise ValueError(
                f"monitor must name one of {sorted(rbm.history_)}, got {self.monitor!r}"
                "; some need validation= in fit"
            )
        values = np.asarray(rbm.history_[self.monitor])
        if self.monitor not in ("pseudo_likelihood", "log_likelihood"):
            values = -values
        best, since = -math.inf, 0
        for value in values:
            since += 1
            if value > best + self.least_gain:
                best, since = float(value), 0
        return since >= self.patience


def diagnose(rbm: Any) -> list[str]:
    """Hinton's rules (UTML TR 2010-003) that the trained machine breaks, in words."""
    remarks = []
    low = -1.0 if rbm.units == "spin" else 0.0
    on = (rbm.hidden_means_ - low) / (1.0 - low)
    for count, what in (
        (int((on < 0.01).sum()), "dead (on in less than 1 % of the data)"),
        (int((on > 0.99).sum()), "saturated (on in more than 99 % of the data)"),
    ):
        if count:
            remarks.append(
                f"{count} of {len(on)} hidden units are {what}: lower learning_rate, "
                "set a sparsity target or centered=True (Hinton, section 15)"
            )
    history = rbm.history_
    last = {name: np.asarray(column[-3:]) for name, column in history.items()}
    drift = np.abs(last["free_energy_model"] - last["free_energy_data"])
    if len(drift) == 3 and (drift > last["free_energy_spread"]).all():
        remarks.append(
            "the free energy of the chains has left that of the data by more than its "
            "spread for 3 epochs: lower learning_rate, raise k, or "
            'use method="pt-pcd" (Hinton, sections 5 and 14)'
        )
    apart = np.asarray(history.get("chain_drift", [])[-3:])
    if len(apart) == 3 and (apart > _DRIFT_LIMIT).all():
        remarks.append(
            f"a hidden unit's mean over the chains has been {apart.min():.0f} or more "
            "standard errors from that over the data for 3 epochs: chains are stuck in "
            "some modes and push the biases away; set centered=True, raise n_chains, "
            'or use method="pt-pcd" (Hinton, section 14)'
        )
    memory = np.asarray(history.get("chain_memory", []))
    memory = memory[np.isfinite(memory)][-3:]
    if len(memory) == 3 and (memory > _MEMORY_LIMIT).all():
        remarks.append(
            f"the chains have kept {memory.min():.0%} of their states over "
            f"{_MEMORY_STEPS} Gibbs steps and more, 3 times in a row, so the gradient "
            "is not the machine's: lower learning_rate, raise k, or use "
            'method="pt-pcd" (section 14)'
        )
    ratio = last["update_ratio"][-1:]
    if (ratio > 0.1).any():
        remarks.append(
            f"the last update was {ratio[0]:.0%} of the weights, about 0.1 % is "
            "wanted: lower learning_rate (Hinton, section 7)"
        )
    gaps = np.asarray(history.get("free_energy_gap", []))
    if len(gaps) >= 6 and gaps[-3:].min() > 0 and gaps[-3:].min() > gaps[:-3].max():
        remarks.append(
            "the free energy of held-out data keeps leaving that of the training data: "
            "the machine overfits; stop earlier or set l1 or l2 (Hinton, section 6)"
        )
    return remarks
