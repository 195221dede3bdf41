"""The package's one file format: .npz without pickles, with a JSON member `meta`."""

import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl.errors import FileFormatError

__all__ = ["FORMAT", "read_npz", "write_npz"]

FORMAT = 1
_META = "meta"


def write_npz(
    path: str | os.PathLike[str],
    kind: str,
    meta: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Write arrays and what they mean; the file is either whole or not there.

    The bytes go to a temporary file beside `path`, to the disk, and only then replace
    `path`. `meta` must be JSON; format, kind and version are added to it.
    """
    import rgdl

    if _META in arrays:
        raise ValueError(f"arrays must not be named {_META!r}")
    objects = [name for name, array in arrays.items() if array.dtype.hasobject]
    if objects:
        raise TypeError(f"arrays must not hold Python objects, got {objects}")
    head = {"format": FORMAT, "kind": kind, "rgdl": rgdl.__version__, **meta}
    target = os.fspath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    members: dict[str, Any] = {_META: np.array(json.dumps(head)), **arrays}
    try:
        with open(temporary, "wb") as file:
            np.savez(file, **members)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def read_npz(
    path: str | os.PathLike[str], kind: str
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return `meta` and the arrays of a file that `write_npz` wrote with this kind."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop(_META)))
        found, version = meta["kind"], meta["format"]
    except FileNotFoundError:
        raise
    except (
        AttributeError,
        EOFError,
        KeyError,
        OSError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:
        raise FileFormatError(
            f"{os.fspath(path)} is not a file of rgdl, or is damaged: {error}"
        ) from error
    if version > FORMAT:
        raise FileFormatError(
            f"{os.fspath(path)} has format {version}, this version of rgdl reads up to "
            f"{FORMAT}: update rgdl"
        )
    if found != kind:
        raise FileFormatError(f"{os.fspath(path)} holds a {found}, not a {kind}")
    return meta, arrays
