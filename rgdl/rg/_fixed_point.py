"""Nontrivial fixed points of approximate renormalisation transformations."""

import math
from dataclasses import dataclass

import numpy as np

from rgdl._states import Floats

__all__ = ["FixedPoint"]


def exponent(eigenvalue: float, b: float) -> float:
    """Scaling dimension ln(eigenvalue) / ln b; nan for an eigenvalue below 0."""
    return math.log(eigenvalue) / math.log(b) if eigenvalue > 0 else math.nan


@dataclass(frozen=True, eq=False)
class FixedPoint:
    r"""The nontrivial fixed point of a renormalisation transformation.

    Attributes
    ----------
    method : str
        What it is the fixed point of.
    b : float
        Length scale factor; 1 for a differential transformation, whose `eigenvalues`
        are then those of the linearised flow dK/d ln b: the exponents themselves.
    couplings : ndarray of float64, shape (n_couplings,)
        In -H, per distinct set of sites.
    labels : tuple of str
        Names of the couplings.
    eigenvalues : ndarray of float64
        Of the linearised transformation in the even sector, largest first, without
        the trivial :math:`b^d` of the constant.
    odd_eigenvalues : ndarray of float64
        In the odd sector, largest first; empty where the method has no field.
    parameters : dict of str to float
        Variational parameters at the fixed point.

    Examples
    --------
    >>> import rgdl
    >>> point = rgdl.rg.migdal_kadanoff()
    >>> point
    Migdal-Kadanoff, d=2, move-decimate, b=2
      K*   nn = 0.3046889317
      y_t = 0.7472357, nu = 1.338266, y_h = 1.879146
    """

    method: str
    b: float
    couplings: Floats
    labels: tuple[str, ...]
    eigenvalues: Floats
    odd_eigenvalues: Floats
    parameters: dict[str, float]

    @property
    def y_t(self) -> float:
        """Thermal exponent, ln(largest even eigenvalue) / ln b."""
        return self._leading(self.eigenvalues)

    @property
    def y_h(self) -> float:
        """Magnetic exponent, ln(largest odd eigenvalue) / ln b; nan without a field."""
        return self._leading(self.odd_eigenvalues)

    @property
    def nu(self) -> float:
        """Correlation length exponent, 1 / y_t."""
        return 1.0 / self.y_t

    def _leading(self, eigenvalues: Floats) -> float:
        if len(eigenvalues) == 0:
            return math.nan
        largest = float(eigenvalues[0])
        return largest if self.b == 1 else exponent(largest, self.b)

    def __repr__(self) -> str:
        places = ", ".join(
            f"{label} = {value:.10g}"
            for label, value in zip(self.labels, self.couplings, strict=True)
        )
        lines = [f"{self.method}, b={self.b:.6g}", f"  K*   {places}"]
        if self.parameters:
            lines.append(
                "  at   "
                + ", ".join(f"{k} = {v:.10g}" for k, v in self.parameters.items())
            )
        exponents = f"  y_t = {self.y_t:.7g}, nu = {self.nu:.7g}"
        if not math.isnan(self.y_h):
            exponents += f", y_h = {self.y_h:.7g}"
        return "\n".join([*lines, exponents])


def sorted_eigenvalues(matrix: Floats) -> Floats:
    """Real parts of a matrix's eigenvalues, largest first."""
    return np.sort(np.linalg.eigvals(matrix).real)[::-1]
