"""First two derivatives of the leading eigenvalue of a column's transfer matrix."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rgdl.errors import ConvergenceError

__all__ = ["column_exponents", "leading_derivatives"]

Floats = npt.NDArray[np.float64]
Bonds = tuple[Floats, Floats, Floats]

_TOLERANCE = 1e-13
_STEPS = 2000


def leading_derivatives(
    bonds: Bonds, directions: list[Bonds], act: Callable[[Floats], Floats], psi: Floats
) -> list[tuple[float, float]]:
    r"""Two derivatives of ln lambda along each direction of the couplings.

    `bonds` are (along, across, field) of one column, `act` the symmetric matrix
    :math:`T = D^{1/2} V D^{1/2}` on rows of vectors, `psi` its leading eigenvector.
    With :math:`\psi_1 = (\lambda - T)^+ T'\psi`,
    :math:`\lambda' = \psi T'\psi` (Hellmann and Feynman) and
    :math:`\lambda'' = \psi T''\psi + 2\psi T'\psi_1`.
    """
    from scipy.sparse import linalg

    psi = psi / np.linalg.norm(psi)
    top = float(psi @ act(psi)[0])

    def gap(vector: Floats) -> Floats:
        vector = vector - psi * (psi @ vector)
        result = top * vector - act(vector)[0]
        return np.asarray(result - psi * (psi @ result))

    operator = linalg.LinearOperator((len(psi),) * 2, matvec=gap, dtype=np.float64)
    result = []
    for direction in directions:
        once, twice = _changes(bonds, direction, psi)
        slope = float(psi @ once)
        right = once - slope * psi
        change = np.zeros_like(psi)
        if np.linalg.norm(right) > 0:
            change, info = linalg.cg(
                operator, right, rtol=_TOLERANCE, atol=0.0, maxiter=_STEPS
            )
            if info:
                raise ConvergenceError("the response of the strip did not converge")
        bend = float(psi @ twice) + 2 * float(right @ change)
        first = slope / top
        result.append((first, bend / top - first**2))
    return result


def _changes(bonds: Bonds, direction: Bonds, psi: Floats) -> tuple[Floats, Floats]:
    """First and second derivative of T along a direction, times psi."""
    along, across, field = bonds
    inside = column_exponents(direction[1], direction[2]) / 2
    half = column_exponents(across, field) / 2
    root = np.exp(half - half.max())
    jet = _times_exponential(np.array([psi, 0 * psi, 0 * psi]), root, inside)
    for site, (coupling, change) in enumerate(zip(along, direction[0], strict=True)):
        pairs = jet.reshape(3, -1, 2, 1 << site)
        same = np.exp(coupling - abs(coupling))
        other = np.exp(-coupling - abs(coupling))
        even = same * pairs + other * pairs[:, :, ::-1]  # V
        odd = change * (same * pairs - other * pairs[:, :, ::-1])  # its derivative
        new = np.array([even[0], even[1] + odd[0], even[2] + 2 * odd[1]])
        new[2] += change**2 * even[0]  # (s s')^2 = 1
        jet = new.reshape(3, -1)
    jet = _times_exponential(jet, root, inside)
    return jet[1], jet[2]


def _times_exponential(jet: Floats, weight: Floats, slope: Floats) -> Floats:
    """Multiply by `weight`, whose logarithm has a constant derivative `slope`."""
    value, first, second = weight * jet
    return np.array(
        [value, first + slope * value, second + 2 * slope * first + slope**2 * value]
    )


def column_exponents(across: Floats, field: Floats) -> Floats:
    """Add up bonds and fields inside a column, for all its states."""
    width = len(field)
    states = np.arange(1 << width)
    spins = [2.0 * (states >> j & 1) - 1 for j in range(width)]
    total = np.zeros(len(states))
    for j in range(width):
        total += field[j] * spins[j] + across[j] * spins[j] * spins[(j + 1) % width]
    return total
