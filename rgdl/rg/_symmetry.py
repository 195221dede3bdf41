"""Whether a model and a rule have the symmetry of the torus."""

import numpy as np
import numpy.typing as npt

from rgdl.ising import Ising
from rgdl.rg._push import parts_of
from rgdl.rg._transform import Transform

__all__ = ["asymmetry"]

_ROWS = 32  # a bond or a field that differs shows in about half of them
_TOLERANCE = 1e-9

Spins = npt.NDArray[np.int8]


def asymmetry(model: Ising, transform: Transform) -> str:
    """Why couplings by orbits of the torus do not describe the coarse variables.

    Empty when model and transform are invariant under shifts, reflections and swaps of
    the axes; tried on random configurations.
    """
    if not all(model.periodic):
        return "the lattice is open: couplings would be those of a torus"
    if not _is_symmetric_model(model):
        return (
            "the model does not show the symmetry of the torus: bonds or fields "
            "differ, or are given site by site on unequal extents"
        )
    shape: tuple[int, ...] | None = model.shape
    for part in parts_of(transform):
        if shape is None or not _is_symmetric_rule(part, shape):
            return f"{part!r} lacks the symmetry of the torus"
        shape = part.coarse_shape(shape)
    return ""


def _is_symmetric_model(model: Ising) -> bool:
    if model._is_nearest_neighbour:
        return True
    if len(set(model.shape)) > 1:  # axes cannot be swapped: ask a cube
        given = model.couplings
        if given is not None and not isinstance(given, dict):
            return False
        if not isinstance(model.h, float):
            return bool((model.h == model.h.flat[0]).all()) and _is_symmetric_model(
                Ising(model.shape, K=model.K, h=model.h.flat[0], couplings=given)
            )
        cube = (max(model.shape),) * model.ndim
        return _is_symmetric_model(Ising(cube, K=model.K, h=model.h, couplings=given))
    spins = _random(model.shape)
    energies = model.hamiltonian(spins)
    allowed = _TOLERANCE * max(float(np.abs(energies).max()), 1.0)
    moves = [np.roll(spins, 1, axis) for axis in range(1, spins.ndim)]
    moves += [np.flip(spins, axis) for axis in range(1, spins.ndim)]
    moves += [np.swapaxes(spins, 1, axis) for axis in range(2, spins.ndim)]
    return all(
        bool((np.abs(model.hamiltonian(each) - energies) <= allowed).all())
        for each in moves
    )


def _is_symmetric_rule(rule: Transform, shape: tuple[int, ...]) -> bool:
    """Whether moved fine spins have the moved coarse spins, in law."""
    b = rule.b
    if not isinstance(b, int):
        return False
    spins = _random(shape)
    coarse = _p_up(rule, spins)

    def follows(fine: npt.NDArray[np.int8], moved: npt.NDArray[np.float64]) -> bool:
        return bool(np.abs(_p_up(rule, fine) - moved).max() <= _TOLERANCE)

    for axis in range(1, spins.ndim):
        if not follows(np.roll(spins, b, axis), np.roll(coarse, 1, axis)):
            return False
        back = np.roll(np.flip(spins, axis), 1, axis)  # x to -x
        mirrored = np.roll(np.flip(coarse, axis), 1, axis)
        if not any(follows(np.roll(back, t, axis), mirrored) for t in range(b + 1)):
            return False
    if len(set(shape)) > 1:
        cube = (max(shape),) * len(shape)
        return _is_symmetric_rule(rule, cube)
    return all(
        follows(np.swapaxes(spins, 1, axis), np.swapaxes(coarse, 1, axis))
        for axis in range(2, spins.ndim)
    )


def _random(shape: tuple[int, ...]) -> Spins:
    generator = np.random.default_rng(0)
    return generator.choice(np.array([-1, 1], dtype=np.int8), (_ROWS, *shape))


def _p_up(rule: Transform, spins: Spins) -> npt.NDArray[np.float64]:
    up, _ = rule.log_probabilities(np.ascontiguousarray(spins))
    coarse = rule.coarse_shape(spins.shape[1:]) or (up.shape[1],)
    return np.exp(up).reshape(-1, *coarse)
