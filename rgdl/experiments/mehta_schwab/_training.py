"""Training of the network, and of the same network without its L1 penalty."""

import itertools
import math
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import rgdl
from rgdl._blas import blas_threads
from rgdl.experiments.mehta_schwab._moments import Spins, binary
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, stage_key

__all__ = ["ARMS", "describe", "train"]

ARMS = ("paper", "without L1")


def train(
    spins: Spins,
    settings: Settings,
    key: int,
    workers: int,
    part: Part,
    folder: Path | None,
) -> dict[str, rgdl.DBN]:
    """Train both networks, from the same key; at the same time if workers allow.

    With a folder, training goes on from where an earlier run was broken off.
    """
    data = binary(spins)
    done = dict.fromkeys(ARMS, 0.0)
    stop = threading.Event()
    together = workers >= 2
    workers_each = max(1, workers // 2) if together else workers

    def watch(arm: str) -> Callable[[float], None]:
        def update(fraction: float) -> None:
            if stop.is_set():
                raise KeyboardInterrupt  # the checkpoint is written on the way out
            done[arm] = _work(fraction, settings)
            if threading.current_thread() is threading.main_thread():
                part(sum(done.values()) / len(done))

        return update

    def one(arm: str) -> rgdl.DBN:
        prototype = rgdl.RBM(
            units="binary",
            method="cd",
            k=1,
            learning_rate=settings.learning_rate,
            momentum=settings.momentum,
            l1=settings.l1 if arm == "paper" else 0.0,
            batch_size=settings.batch_size,
            n_epochs=settings.epochs,
            weight_scale=settings.weight_scale,
            visible_bias="zero",
            rng=stage_key(key, "train"),
            workers=workers_each,
            progress=watch(arm),
        )
        network = rgdl.DBN(layers=settings.layers, rbm=prototype)
        checkpoint = None if folder is None else folder / arm.replace(" ", "-")
        return network.fit(data, checkpoint=checkpoint)

    with warnings.catch_warnings():
        # units that never change are in the report, by `describe`
        warnings.simplefilter("ignore", rgdl.DataWarning)
        if not together:
            return {arm: one(arm) for arm in ARMS}
        # set and lifted by this thread: each arm's own would find the other's
        with blas_threads(1), ThreadPoolExecutor(len(ARMS)) as pool:
            waiting = {arm: pool.submit(one, arm) for arm in ARMS}
            try:
                while not _over(list(waiting.values())):
                    part(sum(done.values()) / len(done))
            finally:
                stop.set()  # of no effect on those that are done
            return {arm: each.result() for arm, each in waiting.items()}


def _work(fraction: float, settings: Settings) -> float:
    """Share of the work behind a fraction in which every layer counts the same."""
    sizes = [math.prod(settings.shape), *settings.layers]
    costs = [below * above for below, above in itertools.pairwise(sizes)]
    layers = fraction * len(costs)
    done = [min(max(layers - depth, 0.0), 1.0) for depth in range(len(costs))]
    return sum(a * b for a, b in zip(costs, done, strict=True)) / sum(costs)


def _over(waiting: list[Future[rgdl.DBN]]) -> bool:
    """Wait a tenth of a second; whether all are done. The first failure is raised."""
    done, going = wait(waiting, timeout=0.1, return_when=FIRST_EXCEPTION)
    for each in done:
        each.result()
    return not going


def describe(networks: dict[str, rgdl.DBN]) -> dict[str, Any]:
    """Record of both trainings: per epoch, and what broke Hinton's rules."""
    return {
        arm: {
            "history": [
                {
                    name: list(values)
                    for name, values in layer.history_.items()
                    if not all(value != value for value in values)  # nan: not recorded
                }
                for layer in network.layers_
            ],
            "remarks": [
                f"layer {depth}: {remark}"
                for depth, layer in enumerate(network.layers_, start=1)
                for remark in layer.diagnose()
            ],
        }
        for arm, network in networks.items()
    }
