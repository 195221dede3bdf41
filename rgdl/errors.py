"""Exceptions and warnings of rgdl.

Bad arguments raise `ValueError` or `TypeError`; everything else that can go wrong
inside the package is a `RgdlError`.
"""

__all__ = [
    "ConvergenceError",
    "DataWarning",
    "EquilibrationWarning",
    "FileFormatError",
    "RgdlError",
]


class RgdlError(RuntimeError):
    """Base of the errors that are not a caller's fault."""


class ConvergenceError(RgdlError):
    """An iteration diverged or did not reach its goal (non-finite weights, say)."""


class FileFormatError(RgdlError):
    """A file is not one of rgdl's, is damaged, or was written by a newer version."""


class EquilibrationWarning(UserWarning):
    """Samples may not follow the Boltzmann distribution yet."""


class DataWarning(UserWarning):
    """Data are usable, but probably not what was meant."""
