"""The Ising model: a lattice, its couplings and what they say about configurations."""

import html
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._states import as_spins
from rgdl._terms import (
    CouplingKey,
    Terms,
    canonical_couplings,
    pairs_of_matrix,
    terms_of_couplings,
    terms_of_lattice,
)
from rgdl.couplings._base import BaseCouplings

__all__ = ["Ising"]

CouplingsLike: TypeAlias = Mapping[Any, float] | npt.ArrayLike | BaseCouplings | None

_PICTURE_SITES = 64 * 64
_PICTURE_UPDATES = 2_000_000  # of 512 replicas each: about half a second
_NEAREST: dict[CouplingKey, float] = {"nn": 1.0}


class Ising:
    r"""Ising model on a chain, square or cubic lattice with any couplings.

    Configurations have weight :math:`e^{-H(s)}/Z` with the reduced Hamiltonian

    .. math:: H(s) = -K \sum_{\langle ij\rangle} s_i s_j - h \sum_i s_i

    or, with `couplings`,

    .. math:: H(s) = -K \sum_t J_t \prod_{i \in t} s_i - \sum_i h_i s_i .

    Parameters
    ----------
    shape : int or tuple of int
        1 to 3 extents, each at least 2: ``L`` or ``(L,)`` for a chain,
        ``(rows, columns)`` for a square lattice.
    K : float, optional
        Reduced coupling :math:`J/k_BT`, finite, of either sign.
    T : float, optional
        Temperature in units of J, not 0; ``K = 1 / T``. Give exactly one of K and T,
        or neither where `couplings` is an `rgdl.Couplings`.
    h : float or array_like of shape `shape`, default 0
        Reduced field :math:`\beta h`, the same everywhere or one per site.
    periodic : bool or tuple of bool, default True
        Whether each axis closes on itself. A periodic extent of 2 counts the bond that
        wraps around a second time (every site has one forward neighbour per axis).
    couplings : optional
        What replaces the nearest-neighbour sum:

        - a dict of relative strengths J (they multiply K) by name or offset. Names:
          ``"nn"``, ``"nnn"``, ``"3rd"``, ... for all pairs at the shortest, second
          shortest, ... distance of the infinite lattice, and ``"plaquette"`` for the
          four spins of each elementary square. An offset (one int per axis) is the pair
          of each site with the one displaced by it; a tuple of offsets is the product
          of each site with the sites at these offsets.
        - a symmetric array of shape (N, N) with zero diagonal, or such a scipy.sparse
          array: J of each pair of sites in C order (spin glasses, Hopfield,
          Curie-Weiss).
        - an `rgdl.Couplings` or `rgdl.LatticeCouplings`: reduced, so that K and T
          are not given.

    Attributes
    ----------
    shape : tuple of int
    ndim : int
        Number of axes.
    n_sites : int
    K, T : float or None
        ``T`` is ``1 / K`` (infinite at K = 0); None with an `rgdl.Couplings`.
    h : float or ndarray of float64, shape `shape`
    periodic : tuple of bool
        One per axis.
    couplings : None, dict, array or Couplings
        As given, checked; None for nearest neighbours.

    Raises
    ------
    ValueError, TypeError
        For extents below 2, more than three of them, numbers that are not finite,
        T = 0, both or neither of K and T, couplings that are not symmetric or name a
        site twice, an offset together with its negative, or an operator that fits
        nowhere on an open lattice.

    Notes
    -----
    The sum over an offset runs over every site as origin. Around a torus an offset that
    is its own negative (half the extent along each axis) thus counts each pair twice,
    as nearest neighbours do on an extent of 2. On an open axis origins whose operator
    would leave the lattice are left out.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> model = rgdl.Ising((4, 4), K=0.4, h=0.1)
    >>> model
    Ising((4, 4), K=0.4, h=0.1)
    >>> up = np.ones((4, 4), dtype=np.int8)
    >>> float(model.hamiltonian(up))
    -14.4
    >>> rgdl.Ising(8, T=2.0).K
    0.5

    A frustrated magnet with open rows, a four-spin model, and a
    Curie-Weiss magnet:

    >>> frustrated = rgdl.Ising(
    ...     (4, 4), K=0.4, periodic=(True, False), couplings={"nn": 1, "nnn": -0.5}
    ... )
    >>> float(frustrated.energy(up))
    -1.0
    >>> float(rgdl.Ising((4, 4), K=0.4, couplings={"plaquette": 1}).energy(up))
    -1.0
    >>> J = (np.ones((16, 16)) - np.eye(16)) / 16
    >>> float(rgdl.Ising((4, 4), K=0.4, couplings=J).energy(up))
    -0.46875
    """

    def __init__(
        self,
        shape: SupportsIndex | tuple[int, ...],
        *,
        K: float | None = None,
        T: float | None = None,
        h: npt.ArrayLike = 0.0,
        periodic: bool | tuple[bool, ...] = True,
        couplings: CouplingsLike = None,
    ) -> None:
        self._shape = _validate.shape_of(shape, "shape", max_ndim=3)
        self._K = _reduced_coupling(K, T, couplings)
        self._h = _field(h, self._shape)
        self._periodic = _boundaries(periodic, self.ndim)
        self._cached_terms: Terms | None = None
        self._given: dict[CouplingKey, float] | BaseCouplings | Any = None
        self._pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | None = None
        if isinstance(couplings, BaseCouplings):
            self._given = couplings
            _check_couplings(couplings, self._shape)
        elif isinstance(couplings, Mapping) and not hasattr(couplings, "tocoo"):
            named = canonical_couplings(couplings, self.ndim)
            if named != _NEAREST:
                self._given = named
                self._terms()  # operators that do not fit are found now
        elif isinstance(couplings, str):
            raise TypeError(
                f"couplings must be a dict of strengths by name, such as "
                f"{{{couplings!r}: 1}}, an array or a Couplings, got {couplings!r}"
            )
        elif couplings is not None:
            sparse: Any = couplings
            if hasattr(couplings, "tocoo"):
                # a dictionary of keys is a dict and would pass for names further on
                is_dict = isinstance(couplings, dict)
                self._given = sparse.tocoo() if is_dict else sparse.copy()
            else:
                self._given = np.array(couplings)
                self._given.flags.writeable = False
            self._pairs = pairs_of_matrix(self._given, self.n_sites)

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the lattice."""
        return self._shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return math.prod(self._shape)

    @property
    def K(self) -> float | None:
        """Reduced coupling J / kT; None with reduced couplings."""
        return self._K

    @property
    def T(self) -> float | None:
        """Temperature in units of J: 1 / K; None with reduced couplings."""
        if self._K is None:
            return None
        return 1.0 / self._K if self._K != 0 else math.inf

    @property
    def h(self) -> float | npt.NDArray[np.float64]:
        """Reduced field, a number or one value per site."""
        return self._h

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Whether each axis closes on itself."""
        return self._periodic

    @property
    def couplings(self) -> Any:
        """Couplings as given; None for nearest neighbours."""
        return dict(self._given) if isinstance(self._given, dict) else self._given

    @property
    def _scale(self) -> float:
        """What multiplies the relative couplings in -H."""
        return 1.0 if self._K is None else self._K

    @property
    def _is_torus(self) -> bool:
        """Whether the bonds are nearest neighbours with all axes periodic."""
        return self._given is None and all(self._periodic)

    @property
    def _is_nearest_neighbour(self) -> bool:
        """Whether this is the plain model: a torus in a uniform field."""
        return self._is_torus and isinstance(self._h, float)

    def _uniform(self, purpose: str) -> tuple[float, float]:
        """K and h of a model with clusters; an error that says which, for any other."""
        if self._given is None and isinstance(self._h, float):
            assert self._K is not None
            return self._K, self._h
        raise ValueError(
            f"{purpose} nearest-neighbour models in a uniform field; got {self!r}"
        )

    def _plain(self, purpose: str) -> tuple[float, float]:
        """K and h of a plain model; an error that names what works for any other."""
        if self._is_nearest_neighbour:
            return self._uniform(purpose)
        raise ValueError(
            f"{purpose} nearest-neighbour models that are periodic along every axis, "
            f"in a uniform field; got {self!r}"
        )

    def _terms(self) -> Terms:
        """Every product of spins in -H, the definition that all methods share."""
        if self._cached_terms is None:
            self._cached_terms = self._make_terms()
        return self._cached_terms

    def _make_terms(self) -> Terms:
        h = np.ravel(self._h)
        if isinstance(self._given, BaseCouplings):
            return terms_of_couplings(self._given, h=h)
        if self._pairs is not None:
            return Terms.of_groups(self.n_sites, [self._pairs], scale=self._scale, h=h)
        named = _NEAREST if self._given is None else self._given
        return terms_of_lattice(
            self._shape, self._periodic, named, scale=self._scale, h=h
        )

    def hamiltonian(self, s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Reduced Hamiltonian H, total, dimensionless.

        Parameters
        ----------
        s : array_like, shape (n, \*shape)
            Spins -1/+1. Any number of leading axes is accepted, also none.

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`H = -K \sum s_i s_j - h \sum s_i = K N e - h N m` (with an
            `rgdl.Couplings`: its H, less the field term of `h`). The shape is that of
            the leading axes: () for a single configuration.

        Raises
        ------
        ValueError
            When the lattice axes differ from `shape` or a value is not -1 or +1.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.Ising(4, K=0.5).hamiltonian([[1, 1, 1, 1], [1, -1, 1, -1]])
        array([-2.,  2.])
        """
        uniform = isinstance(self._h, float)
        bonds, spins, fields = self._sums(s, fields=not uniform)
        if uniform:
            fields = self._h * spins
        return np.asarray(-self._scale * bonds - fields + 0.0)  # no -0

    def energy(self, s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Bond energy per site in units of J, the field term excluded.

        Parameters
        ----------
        s : array_like, shape (n, \*shape)
            Spins -1/+1. Any number of leading axes is accepted, also none.

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`e = -\sum_{\langle ij\rangle} s_i s_j / N`, or with `couplings`
            :math:`-\sum_t J_t \prod_{i \in t} s_i / N`; with an `rgdl.Couplings`
            its :math:`H / N`, constant and one-spin couplings included.

        Raises
        ------
        ValueError
            When the lattice axes differ from `shape` or a value is not -1 or +1.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.Ising(4, K=0.5).energy([[1, 1, 1, 1], [1, -1, 1, -1]])
        array([-1.,  1.])
        """
        bonds, _, _ = self._sums(s, fields=False)
        return np.asarray(0.0 - bonds / self.n_sites)

    def magnetization(self, s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Magnetisation per site, with its sign.

        Parameters
        ----------
        s : array_like, shape (n, \*shape)
            Spins -1/+1. Any number of leading axes is accepted, also none.

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`m = \sum_i s_i / N`.

        Raises
        ------
        ValueError
            When the lattice axes differ from `shape` or a value is not -1 or +1.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.Ising(4, K=0.5).magnetization([[1, 1, 1, 1], [1, 1, 1, -1]])
        array([1. , 0.5])
        """
        sums = self._summed(s, lambda spins: _core.ising_sums(spins, self._shape))
        return np.asarray(sums[..., 1] / self.n_sites)

    def _sums(
        self, s: npt.ArrayLike, *, fields: bool = True
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """sum_t J_t prod s with the constant, sum s, and sum h s (0 if not asked)."""
        sums = self._summed(s, lambda spins: self._core_sums(spins, fields))
        return sums[..., 0], sums[..., 1], sums[..., 2]

    def _summed(
        self,
        s: npt.ArrayLike,
        kernel: Callable[[npt.NDArray[np.int8]], npt.NDArray[Any]],
    ) -> npt.NDArray[Any]:
        """Take sums by `kernel`, along the last axis, of configurations that fit."""
        spins = np.asarray(s)
        lead = spins.shape[: max(spins.ndim - self.ndim, 0)]
        if spins.shape[len(lead) :] != self._shape:
            raise ValueError(
                f"s must have shape (n, {', '.join(map(str, self._shape))}), "
                f"got {spins.shape}"
            )
        if spins.dtype != np.int8:
            spins = as_spins(spins, "s")
        try:
            sums = kernel(np.ascontiguousarray(spins))
        except ValueError:
            as_spins(spins, "s")  # says which value and what to do about it
            raise
        return sums.reshape(*lead, sums.shape[-1])

    def _core_sums(self, spins: npt.NDArray[np.int8], fields: bool) -> npt.NDArray[Any]:
        if self._is_nearest_neighbour:
            sums = _core.ising_sums(spins, self._shape)
            return np.concatenate([sums, np.zeros_like(sums[:, :1])], axis=1)
        terms = self._terms()
        h = terms.h if fields else np.zeros_like(terms.h)
        result = _core.terms_sums(spins, terms.sites, terms.starts, terms.relative, h)
        result[:, 0] += terms.constant
        return result

    def _parameters(self) -> tuple[Any, ...]:
        """Collect what tells two models apart, hashable."""
        h = self._h if isinstance(self._h, float) else self._h.tobytes()
        given: Any = self._given
        if isinstance(given, dict):
            given = frozenset(given.items())
        elif isinstance(given, BaseCouplings):
            terms = self._terms()
            arrays = (terms.sites, terms.starts, terms.relative)
            given = (terms.constant, *(array.tobytes() for array in arrays))
        elif self._pairs is not None:
            given = tuple(array.tobytes() for array in self._pairs)
        return self._shape, self._periodic, self._K, h, given

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ising):
            return NotImplemented
        return self._parameters() == other._parameters()

    def __hash__(self) -> int:
        return hash(self._parameters())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cached_terms": None}

    def __repr__(self) -> str:
        shape = str(self._shape[0]) if self.ndim == 1 else str(self._shape)
        parts = [shape, *([] if self._K is None else [f"K={self._K!r}"])]
        if not isinstance(self._h, float):
            parts.append(f"h=<array {self._h.shape}>")
        elif self._h != 0:
            parts.append(f"h={self._h!r}")
        if not any(self._periodic):
            parts.append("periodic=False")
        elif not all(self._periodic):
            parts.append(f"periodic={self._periodic}")
        if self._given is not None:
            parts.append(f"couplings={self._couplings_text()}")
        return f"Ising({', '.join(parts)})"

    def _boundary_text(self) -> str:
        if all(self._periodic):
            return ", periodic"
        kinds = ["periodic" if closed else "open" for closed in self._periodic]
        return ", open" if not any(self._periodic) else f" ({' × '.join(kinds)})"

    def _couplings_text(self) -> str:
        if isinstance(self._given, dict):
            return repr(self._given)
        if isinstance(self._given, BaseCouplings):
            return f"<Couplings of {self._given.n_spins} spins>"
        return f"<array {self._given.shape}>"

    def _repr_html_(self) -> str:
        rows = [("lattice", " × ".join(map(str, self._shape)) + self._boundary_text())]
        if self._given is not None:
            rows.append(("couplings", html.escape(self._couplings_text())))
        if self._K is not None and self.T is not None:
            rows += [("K", f"{self._K:.8g}"), ("T", f"{self.T:.8g}")]
        uniform = isinstance(self._h, float)
        rows.append(("h", f"{self._h:.8g}" if uniform else "one per site"))
        cells = "".join(
            f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in rows
        )
        table = f"<table><caption>Ising model</caption>{cells}</table>"
        if self.n_sites > _PICTURE_SITES or not self._is_nearest_neighbour:
            return table
        from rgdl._equilibrium import burn_in_sweeps, tabulated
        from rgdl.sampling import sample

        coupling, _ = self._plain("")
        sweeps = burn_in_sweeps(self._shape, coupling, "local")
        if self.n_sites * sweeps > _PICTURE_UPDATES:
            return table
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a picture, not data
            wait = None if tabulated(self) else sweeps  # no pilot
            spins = sample(self, 1, burn_in=wait, rng=0, progress=False)[0]
        return f'<div style="display:flex;gap:1em">{_svg(spins)}{table}</div>'


def _reduced_coupling(
    K: float | None, T: float | None, couplings: CouplingsLike
) -> float | None:
    if isinstance(couplings, BaseCouplings):
        if K is not None or T is not None:
            raise ValueError(
                "an rgdl.Couplings is reduced already: give neither K nor T with it, "
                f"got K={K!r} and T={T!r}"
            )
        return None
    if (K is None) == (T is None):
        raise ValueError(f"give exactly one of K and T, got K={K!r} and T={T!r}")
    if K is not None:
        return _validate.finite(K, "K")
    assert T is not None
    temperature = _validate.finite(T, "T")
    if temperature == 0:
        raise ValueError(f"T must not be 0 (K = 1/T is finite), got {T!r}")
    if math.isinf(1.0 / temperature):
        raise ValueError(f"T must not be so near 0 that K = 1/T is inf, got {T!r}")
    return 1.0 / temperature


def _field(h: npt.ArrayLike, shape: tuple[int, ...]) -> float | npt.NDArray[np.float64]:
    if np.iscomplexobj(h):
        raise TypeError(f"h must hold real numbers, got {h!r}")
    if np.ndim(h) == 0:
        return _validate.finite(h, "h")  # type: ignore[arg-type]
    try:
        field = np.array(h, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"h must hold real numbers, got {h!r}") from None
    if field.shape != shape:
        raise ValueError(f"h must be a number or have shape {shape}, got {field.shape}")
    if not np.isfinite(field).all():
        raise ValueError("h must be finite, got NaN or infinity")
    field.flags.writeable = False
    return field


def _boundaries(periodic: bool | tuple[bool, ...], ndim: int) -> tuple[bool, ...]:
    given = periodic if isinstance(periodic, tuple | list) else (periodic,) * ndim
    if not all(isinstance(closed, bool | np.bool_) for closed in given):
        raise TypeError(
            f"periodic must be a bool or one bool per axis, got {periodic!r}"
        )
    if len(given) != ndim:
        raise ValueError(
            f"periodic must have one value per axis ({ndim}), got {periodic!r}"
        )
    return tuple(bool(closed) for closed in given)


def _check_couplings(couplings: BaseCouplings, shape: tuple[int, ...]) -> None:
    if couplings.n_spins != math.prod(shape):
        raise ValueError(
            f"couplings must be of {math.prod(shape)} spins to fit shape {shape}, "
            f"got {couplings.n_spins}"
        )
    if couplings.shape is not None and couplings.shape != shape:
        raise ValueError(
            f"couplings must be on the lattice {shape}, got {couplings.shape}"
        )


def _svg(spins: npt.NDArray[np.int8], width: int = 160) -> str:
    """Up spins of one configuration as dark runs on a light ground."""
    grid = spins.reshape(-1, spins.shape[-1])
    edges = np.diff(np.pad(grid > 0, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    path = "".join(
        f"M{x} {y}h{end - x}v1h-{end - x}z"
        for y, x, end in zip(row, start, stop, strict=True)
    )
    rows, columns = grid.shape
    height = max(width * rows // columns, 12)
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {columns} {rows}" '
        'preserveAspectRatio="none" shape-rendering="crispEdges">'
        f'<rect width="{columns}" height="{rows}" fill="#f4efe6"/>'
        f'<path d="{path}" fill="#1f3a5f"/></svg>'
    )
