"""The parameters of training, checked once, with their schedules."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rgdl import _validate
from rgdl._units import UNITS

__all__ = ["METHODS", "SOLVERS", "Schedule", "Settings", "check_settings"]

METHODS = ("pcd", "cd", "pt-pcd")
SOLVERS = ("sgd", "exact", "lbfgs")
EXACT_UNITS = 22

Schedule: TypeAlias = float | Sequence[float] | Callable[[int], float]


@dataclass(frozen=True)
class Settings:
    """Checked parameters of `rgdl.RBM`; `learning_rate(e)` and `momentum(e)` from 0."""

    n_hidden: int
    units: str
    method: str
    k: int
    n_chains: int
    n_temperatures: int
    learning_rate: Callable[[int], float]
    momentum: Callable[[int], float]
    l1: float
    l2: float
    centered: bool
    sparsity: tuple[float, float] | None
    solver: str
    batch_size: int
    n_epochs: int
    weight_scale: float
    visible_bias: str
    dtype: str
    workers: int

    @property
    def spin(self) -> bool:
        """Whether units are -1/+1."""
        return self.units == "spin"

    def record(self) -> dict[str, Any]:
        """Everything that decides bits, as JSON holds it; schedules as tables."""
        record = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("learning_rate", "momentum", "workers", "sparsity")
        }
        epochs = range(self.n_epochs)
        return {
            **record,
            "sparsity": None if self.sparsity is None else list(self.sparsity),
            "learning_rate": [self.learning_rate(epoch) for epoch in epochs],
            "momentum": [self.momentum(epoch) for epoch in epochs],
        }


def _schedule(value: Schedule, name: str, *, below: float) -> Callable[[int], float]:
    """Return a function of the epoch, from 0; a sequence stays at its last value."""

    def checked(number: Any, what: str) -> float:
        result = _validate.finite(number, what, least=0.0)
        if result >= below:
            raise ValueError(f"{what} must be in [0, {below:g}), got {result:g}")
        return result

    if callable(value):
        checked(value(0), f"{name}(0)")
        return lambda epoch: checked(value(epoch), f"{name}({epoch})")
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes):
        if len(value) == 0:
            raise ValueError(f"{name} must have at least one value, got an empty one")
        table = [checked(number, f"every value of {name}") for number in value]
        return lambda epoch: table[min(epoch, len(table) - 1)]
    number = checked(value, name)
    return lambda epoch: number


def _sparsity(value: Any, units: str) -> tuple[float, float] | None:
    if value is None:
        return None
    pair = value if isinstance(value, tuple | list) else (value, 1.0)
    if len(pair) != 2:
        raise ValueError(
            f"sparsity must be None, a target or (target, cost), got {value!r}"
        )
    low = -1.0 if units == "spin" else 0.0
    target = _validate.finite(pair[0], "the target of sparsity", least=low, most=1.0)
    cost = _validate.finite(pair[1], "the cost of sparsity", least=0.0)
    return target, cost


def check_settings(rbm: Any, n_visible: int | None = None) -> Settings:
    """Check the parameters of a machine; ValueError or TypeError names the culprit."""
    n_hidden = _validate.count(rbm.n_hidden, "n_hidden")
    units = _validate.one_of(rbm.units, "units", UNITS)
    method = _validate.one_of(rbm.method, "method", METHODS)
    if _validate.count(rbm.k, "k") > 2047:
        raise ValueError(f"k must be at most 2047, got {rbm.k}")
    batch_size = _validate.count(rbm.batch_size, "batch_size")
    n_chains = batch_size
    if rbm.n_chains is not None:
        n_chains = _validate.count(rbm.n_chains, "n_chains")
        if method == "cd":
            raise ValueError('n_chains needs method="pcd"; CD has one per data row')
    settings = Settings(
        n_hidden=n_hidden,
        units=units,
        method=method,
        k=int(rbm.k),
        n_chains=n_chains,
        n_temperatures=_validate.count(rbm.n_temperatures, "n_temperatures", least=2),
        learning_rate=_schedule(rbm.learning_rate, "learning_rate", below=math.inf),
        momentum=_schedule(rbm.momentum, "momentum", below=1.0),
        l1=_validate.finite(rbm.l1, "l1", least=0.0),
        l2=_validate.finite(rbm.l2, "l2", least=0.0),
        centered=_flag(rbm.centered, "centered"),
        sparsity=_sparsity(rbm.sparsity, units),
        solver=_validate.one_of(rbm.solver, "solver", SOLVERS),
        batch_size=batch_size,
        n_epochs=_validate.count(rbm.n_epochs, "n_epochs", least=0),
        weight_scale=_validate.finite(rbm.weight_scale, "weight_scale", least=0.0),
        visible_bias=_validate.one_of(
            rbm.visible_bias, "visible_bias", ("marginals", "zero")
        ),
        dtype=_validate.one_of(rbm.dtype, "dtype", ("float32", "float64")),
        workers=_validate.worker_count(rbm.workers),
    )
    _check_solver(settings, n_visible)
    return settings


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def _check_solver(settings: Settings, n_visible: int | None) -> None:
    solver = settings.solver
    if solver == "sgd":
        return
    smaller = min(settings.n_hidden, n_visible or settings.n_hidden)
    if smaller > EXACT_UNITS:
        raise ValueError(
            f'solver="{solver}" needs a layer of at most {EXACT_UNITS} units, got '
            f"{n_visible} visible and {settings.n_hidden} hidden"
        )
    if solver == "lbfgs":
        for name, given in (
            ("l1", settings.l1 > 0),
            ("momentum", settings.momentum(0) > 0),
            ("centered", settings.centered),
            ("sparsity", settings.sparsity is not None),
        ):
            if given:
                raise ValueError(f'solver="lbfgs" takes no {name}; use solver="exact"')
