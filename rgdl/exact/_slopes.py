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
_COLD = 0.5  # above this coupling, derivatives are taken relative to ground states


def leading_derivatives(
    bonds: Bonds, directions: list[Bonds], act: Callable[[Floats], Floats], psi: Floats
) -> list[tuple[float, float]]:
    r"""Two derivatives of ln lambda along each direction of the couplings.

    `bonds` are (along, across, field) of one column, `act` the symmetric matrix
    :math:`T = D^{1/2} V D^{1/2}` on rows of vectors, `psi` its leading eigenvector.
    With :math:`\psi_1 = (\lambda - T)^+ T'\psi`,
    :math:`\lambda' = \psi T'\psi` (Hellmann and Feynman) and
    :math:`\lambda'' = \psi T''\psi + 2\psi T'\psi_1`. When cold, derivatives are of
    :math:`T e^{-g}` with the exponent g of a ground state, so that what excitations
    leave is not the difference of large numbers.
    """
    from scipy.sparse import linalg

    even = not bonds[2].any()

    def project(vector: Floats) -> Floats:
        """Leave out psi and the odd sector, which is nearly degenerate if cold."""
        if even:
            vector = (vector + vector[::-1]) / 2
        return np.asarray(vector - psi * float(psi @ vector))

    psi = psi / np.linalg.norm(psi)
    top = float(psi @ act(psi)[0])

    def gap(vector: Floats) -> Floats:
        vector = project(vector)
        return project(top * vector - act(vector)[0])

    operator = linalg.LinearOperator((len(psi),) * 2, matvec=gap, dtype=np.float64)
    result = []
    for direction in directions:
        once, twice, ground = _changes(bonds, direction, psi)
        slope = float(psi @ once)
        right = project(once)
        size = float(np.linalg.norm(right))
        change = np.zeros_like(psi)
        if size > 1e-300:
            change, info = linalg.cg(
                operator, right / size, rtol=_TOLERANCE, atol=0.0, maxiter=_STEPS
            )
            if info:
                raise ConvergenceError("the response of the strip did not converge")
            change *= size
        bend = float(psi @ twice) + 2 * float(right @ change)
        first = slope / top
        result.append((ground + first, bend / top - first**2))
    return result


def _changes(
    bonds: Bonds, direction: Bonds, psi: Floats
) -> tuple[Floats, Floats, float]:
    """First and second derivative of T e^{-g} times psi, and the derivative of g."""
    along, across, field = bonds
    inside = column_exponents(direction[1], direction[2]) / 2
    half = column_exponents(across, field) / 2
    root = np.exp(half - half.max())
    ground = 0.0
    cold = max(float(np.abs(part).max()) for part in bonds) > _COLD
    if cold:
        ground = 2 * float(inside[np.argmax(half)])
        inside = inside - ground / 2
    jet = _times_exponential(np.array([psi, 0 * psi, 0 * psi]), root, inside)
    for site, (coupling, change) in enumerate(zip(along, direction[0], strict=True)):
        shift = np.sign(coupling) * change if cold else 0.0
        ground += shift
        pairs = jet.reshape(3, -1, 2, 1 << site)
        same = np.exp(coupling - abs(coupling)) * pairs
        other = np.exp(-coupling - abs(coupling)) * pairs[:, :, ::-1]
        a, b = change - shift, -change - shift
        whole, once, twice = (a**power * same + b**power * other for power in range(3))
        jet = np.array(
            [whole[0], whole[1] + once[0], whole[2] + 2 * once[1] + twice[0]]
        ).reshape(3, -1)
    jet = _times_exponential(jet, root, inside)
    return jet[1], jet[2], ground


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
