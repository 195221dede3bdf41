"""Belief networks in files: one machine after the other in one .npz."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rgdl._files import read_npz, write_npz
from rgdl._rng import Key, RngLike, draw_key
from rgdl.errors import FileFormatError
from rgdl.rbm._checkpoint import machine_parts, machine_state
from rgdl.rbm._machine import RBM

__all__ = ["read_layers", "stack_key", "write_layers"]

PathLike = str | os.PathLike[str]

_KIND, _KEY = "dbn", "dbn-key"


def write_layers(layers: Sequence[RBM], path: PathLike, key: Sequence[int]) -> None:
    """Write trained machines, layer 0 first; array "W" of layer 1 is "1.W"."""
    parts = [machine_parts(layer) for layer in layers]
    arrays = {
        f"{depth}.{name}": array
        for depth, (_, own) in enumerate(parts)
        for name, array in own.items()
    }
    meta = {"layers": [each for each, _ in parts], "key": [int(word) for word in key]}
    write_npz(path, _KIND, meta, arrays)


def stack_key(folder: Path | None, rng: RngLike) -> Key:
    """Key of a stack; one drawn from nothing is kept in the folder of checkpoints."""
    if folder is None:
        return draw_key(rng)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "key.npz"
    if rng is None and path.exists():
        meta, _ = read_npz(path, _KEY)
        return draw_key(tuple(meta["key"]))
    key = draw_key(rng)
    write_npz(path, _KEY, {"key": [int(word) for word in key]}, {})
    return key


def read_layers(path: PathLike) -> tuple[list[RBM], tuple[int, ...]]:
    """Return the machines of a file and the key of their training."""
    meta, arrays = read_npz(path, _KIND)
    try:
        records: list[dict[str, Any]] = meta["layers"]
        key = tuple(int(word) for word in meta["key"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{os.fspath(path)} is damaged: {error!r} while reading a network"
        ) from error
    layers = []
    for depth, record in enumerate(records):
        prefix = f"{depth}."
        own = {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
        layers.append(RBM._restored(record, machine_state(path, record, own)))
    if not layers:
        raise FileFormatError(f"{os.fspath(path)} is damaged: it holds no layer")
    return layers, key
