"""Values of a report as JSON holds them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rgdl._report_parts import Missing
from rgdl.stats import Estimate

__all__ = ["jsonable"]


def jsonable(value: Any, place: str, missing: dict[str, str]) -> Any:
    """Convert to JSON's types; what is no finite number is None, noted by place."""
    if isinstance(value, Missing):
        missing[place] = value.reason
        return None
    if isinstance(value, Estimate):
        value = {
            "value": value.value,
            "error": value.error,
            **({} if value.reliable else {"unreliable": value.reason}),
        }
    if isinstance(value, Mapping):
        return {
            str(key): jsonable(each, f"{place}.{key}", missing)
            for key, each in value.items()
        }
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [
            jsonable(each, f"{place}[{i}]", missing) for i, each in enumerate(value)
        ]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        missing[place] = "not a number" if math.isnan(value) else f"{value} (infinite)"
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
