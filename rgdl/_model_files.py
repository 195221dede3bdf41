"""Models in files: what `_files` writes of a `rgdl.Ising`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl.couplings import Couplings, LatticeCouplings
from rgdl.ising import Ising

__all__ = ["model_from_file", "model_to_file"]

_FIELD, _PAIRS = "model_field", "model_pairs"


def model_to_file(model: Ising) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Split a model into JSON and arrays."""
    meta: dict[str, Any] = {
        "shape": list(model.shape),
        "K": model.K,
        "periodic": list(model.periodic),
    }
    arrays: dict[str, npt.NDArray[Any]] = {}
    if isinstance(model.h, float):
        meta["h"] = model.h
    else:
        arrays[_FIELD] = model.h
    couplings = model.couplings
    if isinstance(couplings, Couplings | LatticeCouplings):
        raise ValueError("a model with a rgdl.Couplings cannot be saved yet")
    if isinstance(couplings, dict):
        meta["couplings"] = [[key, value] for key, value in couplings.items()]
    elif couplings is not None:
        dense = couplings.toarray() if hasattr(couplings, "toarray") else couplings
        arrays[_PAIRS] = np.asarray(dense)
    return meta, arrays


def model_from_file(meta: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Ising:
    """Put a model together again; its arrays are taken out of `arrays`."""
    couplings: Any = arrays.pop(_PAIRS, None)
    if "couplings" in meta:
        couplings = {_key(key): value for key, value in meta["couplings"]}
    return Ising(
        tuple(meta["shape"]),
        K=meta["K"],
        h=arrays.pop(_FIELD) if _FIELD in arrays else meta["h"],
        periodic=tuple(meta["periodic"]),
        couplings=couplings,
    )


def _key(key: Any) -> Any:
    """JSON has lists where coupling keys have tuples."""
    return tuple(_key(part) for part in key) if isinstance(key, list) else key
