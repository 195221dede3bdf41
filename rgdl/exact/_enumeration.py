"""Sums over all states of small lattices."""

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._states import log_sum_exp
from rgdl.exact._thermodynamics import Thermodynamics
from rgdl.ising import Ising

__all__ = ["enumerate_states"]

_MAX_ENUMERATED = 16


def enumerate_states(model: Ising) -> Thermodynamics:
    r"""Sum over all states of a small lattice.

    Parameters
    ----------
    model : Ising
        At most 16 sites.

    Returns
    -------
    Thermodynamics
        With every magnetic field filled in.

    Raises
    ------
    ValueError
        For more than 16 sites.

    Notes
    -----
    The bond sums of all :math:`2^N` states come from a Gray-code walk, in integers;
    log-sum-exp is pairwise.

    Examples
    --------
    >>> import rgdl
    >>> exact = rgdl.exact.enumerate_states(rgdl.Ising((3, 3), K=0.4))
    >>> round(exact.log_z, 10), round(exact.mean_abs_magnetization, 10)
    (8.4564563736, 0.8168608191)
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    n = model.n_sites
    if n > _MAX_ENUMERATED:
        raise ValueError(
            f"model must have at most {_MAX_ENUMERATED} sites to enumerate its states, "
            f"got {n}"
        )
    bonds = -_core.ising_enumerate(model.shape, 1.0, 0.0)
    spins = 2.0 * np.bitwise_count(np.arange(1 << n)) - n
    minus_h = model.K * bonds + model.h * spins
    log_z = log_sum_exp(minus_h)
    weights = np.exp(minus_h - log_z)

    def mean(values: npt.NDArray[np.float64]) -> float:
        return float(np.sum(weights * values))

    mean_minus_h = mean(minus_h)
    m = spins / n
    m_abs, m2, m4 = mean(np.abs(m)), mean(m**2), mean(m**4)
    return Thermodynamics(
        n_sites=n,
        K=model.K,
        h=model.h,
        log_z=log_z,
        energy=-mean(bonds) / n,
        specific_heat=mean((minus_h - mean_minus_h) ** 2) / n,
        entropy=(log_z - mean_minus_h) / n,
        magnetization=mean(m) if model.h != 0 else 0.0,
        mean_abs_magnetization=m_abs,
        mean_square_magnetization=m2,
        susceptibility=n * model.K * (m2 - m_abs**2),
        binder=1 - m4 / (3 * m2**2),
    )
