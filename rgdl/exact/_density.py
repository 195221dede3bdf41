"""Densities of states of L x L tori in exact integers."""

import math
from typing import NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl.errors import RgdlError

__all__ = ["JointDensity", "density_of_states", "joint_density_of_states"]

_MAX_SIDE = 32
_MAX_JOINT_SIDE = 7  # 2^49 configurations: exact in float64
_PRIME_BITS = 31  # products of two residues fit in uint64

_Residues = npt.NDArray[np.uint64]


def density_of_states(
    L: SupportsIndex,
) -> tuple[npt.NDArray[np.int64], list[int]]:
    r"""Numbers of configurations of the L x L torus at each energy, exactly.

    Parameters
    ----------
    L : int
        Side, 2 to 32. A side of 2 counts every bond twice.

    Returns
    -------
    energies : ndarray of int64
        The energies that occur, total, in units of J, ascending:
        :math:`-\sum_{\langle ij\rangle} s_i s_j` from -2N in steps of 4, without those
        that no configuration has. An odd side has no symmetry E -> -E.
    counts : list of int
        Number of configurations at each; they add up to :math:`2^N`.

    Raises
    ------
    ValueError, TypeError
        For a side outside 2..32.
    RgdlError
        When the counts fail one of the checks below (a fault of the library).

    Notes
    -----
    With :math:`x = e^{-2K}` Kaufman's partition function is a polynomial
    :math:`x^N Z = \sum_j g_j x^{2j}`, :math:`E_j = 4j - 2N` (P. D. Beale, Phys. Rev.
    Lett. 76, 78 (1996)). It is evaluated at roots of unity modulo primes of 31 bits,
    where also the cosines of Kaufman's formula exist; a discrete Fourier transform
    gives the counts modulo each prime, the Chinese remainder theorem the integers, from
    one prime more than needed. Nothing is rounded. Checked on every call: the sum, two
    ground states, and the symmetry of even sides. L = 16 takes about 0.1 s, L = 32
    three seconds.

    Examples
    --------
    >>> import rgdl
    >>> energies, counts = rgdl.exact.density_of_states(4)
    >>> dict(zip(energies.tolist()[:4], counts))
    {-32: 2, -24: 32, -20: 64, -16: 424}
    >>> sum(counts) == 2**16
    True
    """
    side = _validate.count(L, "L", least=2)
    if side > _MAX_SIDE:
        raise ValueError(f"L must be at most {_MAX_SIDE}, got {side}")
    n = side * side
    counts = _counts(side)
    total = 1 << n
    if (
        sum(counts) != total
        or max(counts) > total
        or counts[0] != 2
        or (side % 2 == 0 and counts != counts[::-1])
    ):
        raise RgdlError(f"the density of states of side {side} fails its checks")
    occurring = [j for j, count in enumerate(counts) if count]
    energies = 4 * np.array(occurring, dtype=np.int64) - 2 * n
    return energies, [counts[j] for j in occurring]


def _counts(side: int) -> list[int]:
    """Coefficients of the polynomial in x^2, by the Chinese remainder theorem."""
    n = side * side
    order = math.lcm(2 * (n + 1), 2 * side)
    result = np.zeros(n + 1, dtype=object)
    modulus = 1
    candidate = ((1 << _PRIME_BITS) - 2) // order * order + 1
    while modulus >> (n + 1 + _PRIME_BITS) == 0:  # one prime to spare
        if _is_prime(candidate):
            residues = _counts_modulo(side, candidate).astype(object)
            inverse = pow(modulus, -1, candidate)
            result += modulus * ((residues - result) * inverse % candidate)
            modulus *= candidate
        candidate -= order
    return [int(count) for count in result]


def _counts_modulo(side: int, p: int) -> _Residues:
    """Coefficients modulo p, from values at the (n + 1)-th roots of unity."""
    size = side * side + 1
    w = _root_of_unity(2 * size, p)
    powers = _powers(w, 2 * size, p)
    values = _polynomial(side, powers[:size], p)
    # x = w^i, so x^2 runs over the roots; g_j = sum_i values_i w^{-2 i j} / size
    index = np.arange(size)
    inverse = pow(size, -1, p)
    counts = np.empty(size, dtype=np.uint64)
    for j in range(size):
        terms = values * powers[-2 * index * j % (2 * size)] % np.uint64(p)
        counts[j] = int(terms.sum()) * inverse % p
    return counts


def _polynomial(side: int, x: _Residues, p: int) -> _Residues:
    """x^N Z at every x, modulo p; Kaufman's four products without any square root.

    With B = x (1 - x^2) and A = (1 + x^2)^2 - 2 B cos theta, a pair of equal modes
    +-theta contributes C +- 2 B^m, where C = B^m 2cosh(m gamma) follows from
    C_{k+1} = A C_k - B^2 C_{k-1}; theta = 0 and pi are single.
    """
    q = np.uint64(p)
    one = np.uint64(1)
    square = x * x % q
    b = x * (one + q - square) % q
    b_squared = b * b % q
    b_power = _power(b, side, p)
    w = _root_of_unity(2 * side, p)
    total = np.zeros_like(x)
    for first in (1, 0):
        plus, minus = np.ones_like(x), np.ones_like(x)
        for r in range(first, side + 1, 2):  # theta = pi r / side in 0..pi
            if r in (0, side):
                near, far = (one + q - x) % q, (one + x) % q
                if r == side:
                    near, far = far, near
                low = _power(near, side, p)
                high = _power(x * far % q, side, p)
                plus = plus * (low + high) % q
                minus = minus * (low + q - high) % q
                continue
            two_cos = np.uint64((pow(w, r, p) + pow(w, -r, p)) % p)
            a = ((one + square) * (one + square) + (q - b) * two_cos % q) % q
            before, here = np.full_like(x, 2), a
            for _ in range(side - 1):
                before, here = here, (a * here + (q - b_squared) * before) % q
            plus = plus * ((here + 2 * b_power) % q) % q
            minus = minus * ((here + 2 * (q - b_power)) % q) % q
        total += plus + minus
    return total % q * np.uint64(pow(2, -1, p)) % q


def _power(base: _Residues, exponent: int, p: int) -> _Residues:
    result = np.ones_like(base)
    for bit in f"{exponent:b}":
        result = result * result % np.uint64(p)
        if bit == "1":
            result = result * base % np.uint64(p)
    return result


def _powers(base: int, n: int, p: int) -> _Residues:
    """base^0 .. base^(n-1)."""
    values = [1]
    for _ in range(n - 1):
        values.append(values[-1] * base % p)
    return np.array(values, dtype=np.uint64)


def _is_prime(n: int) -> bool:
    """Miller and Rabin's test; these bases decide every n below 3.2e9."""
    if n < 8 or n % 2 == 0:
        return n in (2, 3, 5, 7)
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7):
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def _root_of_unity(order: int, p: int) -> int:
    """Find a residue of exactly this multiplicative order, which divides p - 1."""
    factors = [f for f in range(2, order + 1) if order % f == 0 and _is_prime(f)]
    base = 2
    while True:
        root = pow(base, (p - 1) // order, p)
        if all(pow(root, order // factor, p) != 1 for factor in factors):
            return root
        base += 1


class JointDensity(NamedTuple):
    """Numbers of configurations by energy and magnetisation.

    Parameters
    ----------
    energies : ndarray of int64, shape (n_energies,)
        Total, in units of J, ascending.
    magnetizations : ndarray of int64, shape (N + 1,)
        Total: -N, -N + 2, ..., N.
    counts : ndarray of int64, shape (n_energies, N + 1)
        Number of configurations with each pair of values.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.exact.joint_density_of_states(2).counts.tolist()
    [[1, 0, 0, 0, 1], [0, 4, 4, 4, 0], [0, 0, 2, 0, 0]]
    """

    energies: npt.NDArray[np.int64]
    magnetizations: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


def joint_density_of_states(L: SupportsIndex, *, workers: int = 1) -> JointDensity:
    r"""Numbers of configurations of the L x L torus at each (E, M), exactly.

    Parameters
    ----------
    L : int
        Side, 2 to 7.
    workers : int
        Threads; -1 for all.

    Returns
    -------
    JointDensity
        ``energies``, ``magnetizations`` and ``counts``; energies that do not occur are
        left out.

    Raises
    ------
    ValueError, TypeError
        For a side outside 2..7.
    RgdlError
        When the sums over M are not `density_of_states` (a fault of the library).

    Notes
    -----
    A transfer matrix whose entries are polynomials: adding one spin at a time moves
    counts by one place for an up spin and by N + 1 places for an unequal bond (K.
    Binder, Physica 62, 508 (1972)). All counts are integers below 2^53 in float64,
    where sums are exact. First columns that are rotations of each other are done once.
    L = 6 takes about 0.1 s, L = 7 half a second.

    Examples
    --------
    >>> import rgdl
    >>> joint = rgdl.exact.joint_density_of_states(3)
    >>> joint.counts[joint.energies == -10, joint.magnetizations == 7].tolist()
    [9]
    >>> int(joint.counts.sum()) == 2**9
    True
    """
    side = _validate.count(L, "L", least=2)
    if side > _MAX_JOINT_SIDE:
        raise ValueError(f"L must be at most {_MAX_JOINT_SIDE}, got {side}")
    threads = _validate.worker_count(workers)
    n = side * side
    flat = _core.torus_sum(side, side, 1.0, 1.0, n + 1, threads)
    table = flat.reshape(2 * n + 1, n + 1).astype(np.int64)
    occurs = table.any(axis=1)
    counts = table[occurs]
    energies = 2 * np.flatnonzero(occurs).astype(np.int64) - 2 * n
    expected, sums = density_of_states(side)
    if energies.tolist() != expected.tolist() or counts.sum(axis=1).tolist() != sums:
        raise RgdlError(f"the joint density of side {side} fails its checks")
    return JointDensity(energies, 2 * np.arange(n + 1, dtype=np.int64) - n, counts)
