"""Machines in files: everything that going on with the training needs."""

import hashlib
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl._files import read_npz, write_npz
from rgdl._rng import RngLike, draw_key
from rgdl.errors import FileFormatError
from rgdl.rbm._data import Rows
from rgdl.rbm._lbfgs import Search
from rgdl.rbm._settings import Settings
from rgdl.rbm._update import Offsets

__all__ = [
    "Checkpoint",
    "digest",
    "machine_parts",
    "machine_state",
    "read_machine",
    "write_machine",
]

PathLike = str | os.PathLike[str]

_KIND = "rbm"
# attribute -> names of its arrays in the file
_ARRAYS = {
    "W_": ("W",),
    "b_": ("b",),
    "c_": ("c",),
    "_velocity": ("velocity_W", "velocity_b", "velocity_c"),
    "_offsets": ("visible_offset", "hidden_offset"),
    "_activity": ("activity",),
    "_negative": ("negative",),
    "_hidden": ("hidden",),
    "_earlier": ("earlier", "earlier_step"),
    "_cursor": ("cursor",),
    "_search": ("search_x", "search_value", "search_slope", "steps", "changes"),
    "hidden_means_": ("hidden_means",),
    "hidden_activations_": ("hidden_activations",),
    "feature_names_in_": ("feature_names",),
}


def digest(rows: Rows) -> str:
    """Fingerprint of the data of a training, weights and shape included."""
    h = hashlib.blake2b(repr(rows.row_shape).encode(), digest_size=16)
    for array in (rows.bits, rows.values, rows.weights):
        h.update(b"-" if array is None else array.dtype.str.encode())
        if array is not None:
            h.update(np.ascontiguousarray(array).data)
    return h.hexdigest()


def _plain(value: Any, n_epochs: int) -> Any:
    """Return a constructor's argument as JSON holds it; schedules become tables."""
    if callable(value):
        return [float(value(epoch)) for epoch in range(max(1, n_epochs))]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item, n_epochs) for item in value]
    return value


def write_machine(rbm: Any, path: PathLike, **more: Any) -> None:
    """Write a fitted machine; `more` goes to the file's meta."""
    meta, arrays = machine_parts(rbm)
    write_npz(path, _KIND, {**meta, **more}, arrays)


def read_machine(path: PathLike) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the meta of a file and the attributes of its machine."""
    meta, arrays = read_npz(path, _KIND)
    return meta, machine_state(path, meta, arrays)


def machine_parts(rbm: Any) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return what a file holds of a fitted machine: meta and arrays."""
    parameters = rbm.get_params(deep=False)
    progress = parameters.pop("progress")
    key = getattr(rbm, "key_", None)
    parameters.pop("rng")
    n_epochs = int(parameters["n_epochs"])
    meta = {
        "parameters": {
            name: _plain(value, n_epochs) for name, value in parameters.items()
        },
        "progress": "auto" if callable(progress) else progress,
        "key": None if key is None else list(key),
        "history": rbm.history_,
        "spectrum": [[epoch, values] for epoch, values in rbm.spectrum_.items()],
        "converged": getattr(rbm, "converged_", None),
        "solver_message": getattr(rbm, "solver_message_", ""),
        "lattice_shape": list(rbm.lattice_shape_),
    }
    arrays: dict[str, npt.NDArray[Any]] = {}
    for attribute, names in _ARRAYS.items():
        value = getattr(rbm, attribute, None)
        if value is not None:
            parts = value if len(names) > 1 else (value,)
            arrays.update(zip(names, parts, strict=True))
    if "feature_names" in arrays:
        arrays["feature_names"] = arrays["feature_names"].astype(str)
    return meta, arrays


def machine_state(
    path: PathLike, meta: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]
) -> dict[str, Any]:
    """Return the attributes of the machine in a file."""
    try:
        state: dict[str, Any] = {
            "history_": meta["history"],
            "spectrum_": {int(epoch): values for epoch, values in meta["spectrum"]},
            "converged_": meta.get("converged"),
            "solver_message_": meta.get("solver_message", ""),
            "lattice_shape_": tuple(meta["lattice_shape"]),
            "n_features_in_": int(arrays["W"].shape[0]),
            "_offsets": None,
            "_activity": None,
            "_search": None,
            "_earlier": None,
        }
        if meta["key"] is not None:
            state["key_"] = tuple(meta["key"])
        for attribute, names in _ARRAYS.items():
            if names[0] in arrays:
                parts = [np.ascontiguousarray(arrays[name]) for name in names]
                state[attribute] = tuple(parts) if len(parts) > 1 else parts[0]
        if state["_offsets"] is not None:
            state["_offsets"] = Offsets(*state["_offsets"])
        if state["_search"] is not None:
            state["_search"] = Search(*state["_search"])
        if "feature_names" in arrays:
            state["feature_names_in_"] = arrays["feature_names"].astype(object)
        W, b, c = state["W_"], state["b_"], state["c_"]
        shapes_fit = W.shape == (*b.shape, *c.shape)
        if not shapes_fit or math.prod(state["lattice_shape_"]) != len(b):
            raise ValueError("shapes that do not fit")
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{os.fspath(path)} is damaged: {error!r} while reading a machine"
        ) from error
    return state


class Checkpoint:
    """The file that a training writes and goes on from.

    Parameters
    ----------
    path : path
    settings : Settings
    rows : Rows
    rng : as the machine's
        Compared with the file's key, unless it is None.
    """

    def __init__(
        self, path: PathLike, settings: Settings, rows: Rows, rng: RngLike
    ) -> None:
        self._path = path
        self._record = settings.record()
        self._data = digest(rows)
        self._rng = rng

    def write(self, rbm: Any, *, stopped: bool) -> None:
        """Write the state reached; `stopped` says that a callback ended training."""
        write_machine(
            rbm, self._path, settings=self._record, data=self._data, stopped=stopped
        )

    def read(self, rbm: Any) -> bool | None:
        """Take over the file's state; whether it had stopped, None without a file.

        ValueError if it belongs to other parameters, data or another key.
        """
        if not os.path.exists(self._path):
            return None
        meta, state = read_machine(self._path)
        if "settings" not in meta:
            raise self._refusal("it was saved without its training")
        found = meta["settings"]
        for name, value in self._record.items():
            if found.get(name) != value:
                raise self._refusal(
                    f"its {name} is {_short(found.get(name))}, not {_short(value)}"
                )
        if self._rng is not None:
            key = tuple(int(word) for word in draw_key(self._rng))
            if key != state["key_"]:
                raise self._refusal("its key is not that of rng")
        if meta["data"] != self._data:
            raise self._refusal("its data (X or sample_weight) are others")
        rbm.__dict__.update(state)
        return bool(meta["stopped"])

    def _refusal(self, why: str) -> ValueError:
        return ValueError(
            f"checkpoint={os.fspath(self._path)!r} belongs to another training: {why}; "
            "give another path, or delete the file to start again"
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
