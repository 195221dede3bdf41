"""Stages of a run: timed, and kept in a folder until the run is complete."""

import hashlib
import json
import math
import resource
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl._blas import blas_threads
from rgdl._files import read_npz, write_npz
from rgdl.errors import FileFormatError
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.report import Missing
from rgdl.stats import Estimate

__all__ = ["Part", "Result", "Stages", "fingerprint", "stage_key", "together"]

Part: TypeAlias = Callable[[float], None]
Found = TypeVar("Found")
_KIND = "stage"


@dataclass(frozen=True)
class Result:
    """What a stage found: numbers for the report, arrays for later stages."""

    numbers: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


def fingerprint(settings: Settings, key: int) -> str:
    """Name of everything that decides the bits of a run."""
    text = json.dumps([asdict(settings), key, rgdl.__version__], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def stage_key(key: int, name: str) -> int:
    """Key of one stage, from the run's key and the stage's name."""
    words = np.frombuffer(hashlib.blake2b(name.encode(), digest_size=4).digest(), "<u4")
    child = np.random.SeedSequence(key, spawn_key=(int(words[0]),))
    low, high = child.generate_state(2, np.uint64)
    return int(low) | int(high) << 64


def together(tasks: Sequence[Callable[[], Found]], workers: int) -> list[Found]:
    """Results of independent tasks, in order, so many of them at a time.

    Ctrl-C returns at once: threads are daemons, which no exit waits for, and end with
    the task they are at; their results are forgotten.
    """
    if workers < 2:
        return [task() for task in tasks]
    waiting = deque(enumerate(tasks))
    done: SimpleQueue[tuple[int, Found | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        with suppress(IndexError):  # none is waiting
            while True:
                place, task = waiting.popleft()
                try:
                    done.put((place, task(), None))
                except BaseException as error:
                    done.put((place, None, error))

    found: dict[int, Any] = {}
    with blas_threads(1):  # lifted by the thread that set it, not by a task's
        for _ in range(min(workers, len(tasks))):
            threading.Thread(target=work, daemon=True).start()
        try:
            while len(found) < len(tasks):
                try:
                    place, result, error = done.get(timeout=0.05)
                except Empty:
                    continue  # a signal is looked for
                if error is not None:
                    raise error
                found[place] = result
        finally:
            waiting.clear()
    return [found[place] for place in range(len(tasks))]


class Stages:
    """Runs stages in order; a stage whose result is in the folder is read instead.

    Parameters
    ----------
    shares : mapping
        Every stage with its rough share of the time, for the bar.
    update : callable
        Moves the bar.
    folder : Path, optional
        Where results are kept until `finish`.
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        update: Part,
        folder: Path | None = None,
    ) -> None:
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}
        self._shares = shares
        self._update, self._reached = update, 0.0
        self.folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def __call__(
        self, name: str, work: Callable[[Part], Result], *, keep: bool = True
    ) -> Result:
        """Give the stage's result; `work` is called unless the folder has it.

        With keep=False it is called always: it keeps what it needs by itself.
        """
        part = self._part(name)
        done = self._read(name) if keep else None
        if done is None:
            wall, processor = self._spent(name)
            begin, begin_cpu = time.perf_counter(), _processor_seconds()
            try:
                result = work(part)
            except BaseException as error:
                error.add_note(f"stopped in stage {name!r}")
                self._count(name, begin, begin_cpu, wall, processor)
                raise
            self._count(name, begin, begin_cpu, wall, processor)
            done = Result(_decoded(_encoded(result.numbers)), result.arrays)
            if keep:
                self._write(name, result)
        self.seconds[name], self.processor[name] = self._spent(name)
        part(1.0)
        return done

    def finish(self) -> None:
        """Remove the kept results: the report has everything now."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, name: str) -> Part:
        total = math.fsum(self._shares.values())
        before = math.fsum(
            share
            for other, share in self._shares.items()
            if list(self._shares).index(other) < list(self._shares).index(name)
        )

        def part(done: float) -> None:
            reached = (before + min(done, 1.0) * self._shares[name]) / total
            self._reached = max(self._reached, reached)  # a bar does not go back
            self._update(self._reached)

        return part

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{name}.npz"

    def _read(self, name: str) -> Result | None:
        path = self._path(name)
        if path is None or not path.exists():
            return None
        try:
            meta, arrays = read_npz(path, _KIND)
        except FileFormatError:
            return None  # half a file from elsewhere: do the stage again
        return Result(_decoded(meta["numbers"]), arrays)

    def _write(self, name: str, result: Result) -> None:
        path = self._path(name)
        if path is not None:
            numbers = _encoded(result.numbers)
            write_npz(path, _KIND, {"numbers": numbers}, result.arrays)

    def _spent(self, name: str) -> tuple[float, float]:
        """Seconds of the stage so far, in this run and in those it resumes."""
        if self.folder is not None and (self.folder / f"{name}.seconds").exists():
            words = (self.folder / f"{name}.seconds").read_text().split()
            return float(words[0]), float(words[1])
        return self.seconds.get(name, 0.0), self.processor.get(name, 0.0)

    def _count(
        self, name: str, begin: float, begin_cpu: float, wall: float, processor: float
    ) -> None:
        wall += time.perf_counter() - begin
        processor += _processor_seconds() - begin_cpu
        self.seconds[name], self.processor[name] = wall, processor
        if self.folder is not None:
            text = f"{wall!r} {processor!r}\n"
            (self.folder / f"{name}.seconds").write_text(text)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _encoded(value: Any) -> Any:
    """Numbers as JSON holds them, nothing lost; tuples become lists."""
    if isinstance(value, Missing):
        return {"missing": value.reason}
    if isinstance(value, Estimate):
        return {"estimate": [value.value, value.error, value.reliable, value.reason]}
    if isinstance(value, Mapping):
        return {str(key): _encoded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"missing"}:
            return Missing(value["missing"])
        if set(value) == {"estimate"}:
            number, error, reliable, reason = value["estimate"]
            return Estimate(number, error, reliable=reliable, reason=reason)
        return {key: _decoded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    return value
