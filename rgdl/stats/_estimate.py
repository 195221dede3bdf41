"""A number with its error bar, and whether to trust it."""

import math
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Estimate"]

_LEAST_EXPONENT, _MOST_EXPONENT = -4, 6  # outside, powers of ten are written


@dataclass(frozen=True, repr=False)
class Estimate:
    """A number with its statistical error; prints as ``1.2345(67)``.

    Parameters
    ----------
    value : float
    error : float
        One standard deviation; nan where it is not known.
    tau_int : float
        Integrated autocorrelation time in draws (white noise: 1/2).
    ess : float
        Effective number of independent draws.
    reliable : bool
        Whether value and error can be trusted.
    reason : str
        Why not.

    Notes
    -----
    ``float(x)`` is the value, and a format such as ``f"{x:.3f}"`` acts on the value.
    Digits in brackets are the error in units of the last place, two of them.

    Examples
    --------
    >>> from rgdl.stats import Estimate
    >>> print(Estimate(1.23449, 0.0067), Estimate(-123.4, 5.6), Estimate(3.1e-9, 4e-11))
    1.2345(67) -123.4(5.6) 3.100(40)e-09
    >>> Estimate(0.5, 0.1, tau_int=40.0, ess=3.0, reliable=False, reason="too short")
    0.50(10), tau_int=40, ess=3, unreliable: too short
    """

    value: float
    error: float
    tau_int: float = math.nan
    ess: float = math.nan
    reliable: bool = True
    reason: str = ""

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return _bracketed(self.value, self.error)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __repr__(self) -> str:
        parts = [str(self)]
        parts += [f"tau_int={self.tau_int:.3g}"] * math.isfinite(self.tau_int)
        parts += [f"ess={self.ess:.3g}"] * math.isfinite(self.ess)
        parts += [f"unreliable: {self.reason}"] * (not self.reliable)
        return ", ".join(parts)


def _bracketed(value: float, error: float) -> str:
    """Value with the error in brackets, both rounded to its second digit."""
    if not math.isfinite(value):
        return f"{value}({error:.2g})"
    if not math.isfinite(error) or abs(error) <= 1e-15 * abs(value) or error == 0:
        return f"{value:.6g}({error:.2g})"
    place = int(f"{error:.1e}".partition("e")[2]) - 1  # of the error's last digit
    top = int(f"{max(abs(value), error):.1e}".partition("e")[2])
    shift = top if place > 0 or not _LEAST_EXPONENT <= top < _MOST_EXPONENT else 0
    unit = Decimal(1).scaleb(place)
    digits = Decimal(value).quantize(unit).scaleb(-shift)
    spread = Decimal(error).quantize(unit)
    decimals = max(shift - place, 0)
    if shift == 0 and place == -1:
        inner = f"{spread:f}"  # 12.3(1.2): the error crosses the point
    elif shift and place - shift == -1 and spread.scaleb(-shift) >= 1:
        inner = f"{spread.scaleb(-shift):.1f}"
    else:
        inner = f"{int(spread.scaleb(-place))}"
    power = f"e{shift:+03d}" if shift else ""
    return f"{digits:.{decimals}f}({inner}){power}"
