"""Transfer matrices of strips, finite and infinite."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np

from rgdl import _validate
from rgdl.exact import _range
from rgdl.exact._columns import Columns, Floats
from rgdl.ising import Ising

__all__ = ["Strip", "transfer_matrix"]

MAX_SPAN = 700.0  # e^-700 is still a normal number


def _may_underflow(bonds: Floats, field: Floats) -> bool:
    """Whether the best columns may not fit each other in float64.

    Factors are kept relative to the largest of their column. In a uniform strip
    without field the largest factors also fit along the strip; otherwise the weights
    that matter may lie below e^-745 of it and would be lost without a word.
    """
    present = [part[part != 0] for part in bonds]
    if not field.any() and all((part == part[:1]).all() for part in present):
        return False
    column = np.abs(bonds).sum(axis=(0, 2)) + np.abs(field).sum(axis=1)
    return 2.0 * float(column.max()) > MAX_SPAN


@dataclass(frozen=True, kw_only=True)
class Strip:
    r"""What the transfer matrix says about a strip.

    Attributes
    ----------
    shape : tuple of int
        (length, width) of the lattice.
    log_z : float
        ln Z of this finite lattice, in nats; nan where it is too wide for a trace.
    log_eigenvalues : tuple of float
        Leading :math:`\ln|\lambda|` of the matrix of the infinite strip, descending:
        the two largest of each sector (even and odd under a global flip), or of all
        with a field. Per column where all columns are equal, else per period of
        `length` columns. Empty for an open lattice whose columns differ.
    infinite_log_z_per_site : float
        ln Z / N of the infinite strip that repeats these columns; nan where there is
        none.
    correlation_length : float
        :math:`1/\ln|\lambda_0/\lambda_1|` along the strip in columns: without field,
        that of the spin, from the first odd eigenvalue.
    even_correlation_length : float or None
        The same from the second even eigenvalue: that of the energy. None with a field.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.exact.transfer_matrix(rgdl.Ising((8, 6), K=0.4))
    Strip((8, 6), log_z=42.5880038, correlation_length=4.26855317)
    """

    shape: tuple[int, int]
    log_z: float
    log_eigenvalues: tuple[float, ...] = ()
    infinite_log_z_per_site: float = math.nan
    correlation_length: float = math.nan
    even_correlation_length: float | None = None
    _responses: Callable[[], tuple[float, float]] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def infinite_energy(self) -> float:
        r"""Bond energy per site of the infinite strip, in units of J.

        nan where columns differ, K is 0 or one-spin couplings are given. Computed when
        first asked for, from the leading eigenvector (Hellmann and Feynman):
        :math:`d\ln\lambda/dK = \langle\psi|T'|\psi\rangle/\lambda`. Relative errors
        are about 1e-13; with a field absolute ones, of energies that nearly vanish.
        """
        return self._thermal[0]

    @property
    def infinite_specific_heat(self) -> float:
        """var(H) / N of the infinite strip; the second derivative, as its energy."""
        return self._thermal[1]

    @functools.cached_property
    def _thermal(self) -> tuple[float, float]:
        return (math.nan, math.nan) if self._responses is None else self._responses()

    @property
    def log_z_per_site(self) -> float:
        """Ln Z / N of the finite lattice."""
        return self.log_z / math.prod(self.shape)

    def __repr__(self) -> str:
        length = f"correlation_length={self.correlation_length:.9g}"
        return f"Strip({self.shape}, log_z={self.log_z:.9g}, {length})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{item.name}</th><td>{getattr(self, item.name)}</td></tr>"
            for item in fields(self)
            if not item.name.startswith("_")
        )
        return f"<table><caption>Strip</caption>{rows}</table>"


def transfer_matrix(model: Ising, *, workers: int = 1) -> Strip:
    r"""Transfer matrix of a strip of nearest-neighbour bonds and site fields.

    Parameters
    ----------
    model : Ising
        Of shape (length, width), width at most 20, open or periodic along either axis,
        with any nearest-neighbour couplings and fields.
    workers : int
        Threads; -1 for all. The result does not depend on it.

    Returns
    -------
    Strip
        ln Z of the finite lattice (width at most 10 if it is periodic along the
        length, else 20), and eigenvalues, free energy and correlation lengths of the
        infinite strip that repeats the columns.

    Raises
    ------
    ValueError, TypeError
        For another shape, or couplings beyond nearest neighbours.
    ConvergenceError
        When Lanczos does not converge.

    Notes
    -----
    The matrix between columns is a product of a diagonal matrix and one 2 x 2 matrix
    per site (H. A. Kramers and G. H. Wannier, Phys. Rev. 60, 252 (1941); M. P.
    Nightingale, Physica A 83, 561 (1976)): applying it costs
    :math:`O(\text{width}\, 2^\text{width})`. Equal columns give a symmetric matrix and
    Lanczos (ARPACK) its leading eigenvalues; different ones are one period of the
    infinite strip and need Arnoldi. Without fields the even and the odd sector under a
    global flip are separate. ln Z adds positive numbers only, or the powers of all
    eigenvalues; its relative error is about 1e-14. Eigenvalues have about 1e-14 too,
    which is the absolute error of the inverse correlation lengths. Width 16 takes half
    a second, width 20 some five. Where couplings and fields of a column that is not
    uniform differ by more than 700 in the exponent, ln Z alone is found, from
    logarithms of weights, 30 times as slowly.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((8, 8), K=rgdl.exact.K_CRITICAL)
    >>> strip = rgdl.exact.transfer_matrix(model)
    >>> round(strip.log_z, 9)
    60.141780789
    >>> round(8 / (3.141592653589793 * strip.correlation_length), 6)  # 2 x 1/8 + ...
    0.251679
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    _range.check_model(model)
    threads = _validate.worker_count(workers)
    columns = Columns.of_model(model, threads)
    constant = model._terms().constant
    if _may_underflow(np.array([columns.along, columns.across]), columns.field):
        return Strip(shape=columns.shape, log_z=columns.log_z_in_logs() + constant)
    log_z = columns.log_z() + constant
    bulk = columns.bulk()
    if bulk is None:
        return Strip(shape=columns.shape, log_z=log_z)
    period, width = bulk.shape
    spectra = [bulk.spectrum(parity) for parity in bulk.parities]
    top = float(spectra[0][0])
    is_even = len(spectra) == 2
    other = float(spectra[1][0] if is_even else spectra[0][1])
    terms = model._terms()
    responses = None
    if period == 1 and terms.scale != 0 and not (terms.orders == 1).any():
        responses = functools.partial(
            bulk.responses, terms.scale, constant / model.n_sites
        )
    return Strip(
        shape=columns.shape,
        log_z=log_z,
        log_eigenvalues=tuple(np.sort(np.concatenate(spectra))[::-1].tolist()),
        infinite_log_z_per_site=top / (period * width) + constant / model.n_sites,
        correlation_length=period * _length(top, other),
        even_correlation_length=(
            period * _length(top, float(spectra[0][1])) if is_even else None
        ),
        _responses=responses,
    )


def _length(top: float, other: float) -> float:
    """1 / ln of a ratio of eigenvalues; infinite where only rounding separates them."""
    return 1 / (top - other) if top > other else math.inf
