"""The result that every exact reference returns."""

import math
from dataclasses import dataclass, fields

__all__ = ["Thermodynamics"]


@dataclass(frozen=True, kw_only=True)
class Thermodynamics:
    """Exact thermodynamics of one model.

    Attributes
    ----------
    n_sites : int
        Infinity for an infinite lattice.
    K, h : float
        Reduced coupling and field.
    log_z : float
        ln Z of the whole lattice, in nats; nan for an infinite one.
    log_z_per_site : float
        ln Z / N.
    energy : float
        Bond energy per site in units of J, the field term excluded.
    specific_heat : float
        var(H) / N, which is K^2 N var(energy) at h = 0.
    entropy : float
        (ln Z + <H>) / N per site, in nats.
    magnetization : float or None
        <m> per site, with its sign.
    mean_abs_magnetization : float or None
        <abs(m)> per site.
    mean_square_magnetization : float or None
        <m^2>.
    susceptibility : float or None
        N K (<m^2> - <abs(m)>^2).
    binder : float or None
        U4 = 1 - <m^4> / (3 <m^2>^2); nan where <m^2> is 0 in float64.
    correlation_length : float or None
        Of the connected spin correlations along an axis, in lattice units.

    Examples
    --------
    >>> import rgdl
    >>> exact = rgdl.exact.kaufman((16, 16), rgdl.exact.K_CRITICAL)
    >>> round(exact.log_z_per_site, 10)
    0.932196315
    >>> exact.magnetization is None
    True
    """

    n_sites: float
    K: float
    h: float = 0.0
    log_z: float
    log_z_per_site: float = math.nan  # unless given, ln Z / N
    energy: float
    specific_heat: float
    entropy: float
    magnetization: float | None = None
    mean_abs_magnetization: float | None = None
    mean_square_magnetization: float | None = None
    susceptibility: float | None = None
    binder: float | None = None
    correlation_length: float | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.log_z_per_site):
            object.__setattr__(self, "log_z_per_site", self.log_z / self.n_sites)

    def _rows(self) -> list[tuple[str, str]]:
        names = [field.name for field in fields(self)]
        known = [(name, getattr(self, name)) for name in names]
        return [(name, f"{value:.12g}") for name, value in known if value is not None]

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={text}" for name, text in self._rows())
        return f"Thermodynamics({inner})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{n}</th><td>{text}</td></tr>" for n, text in self._rows()
        )
        return f"<table><caption>Exact thermodynamics</caption>{rows}</table>"
