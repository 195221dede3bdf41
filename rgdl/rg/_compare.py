"""Coarse-grainings of one model, side by side."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from rgdl import _validate
from rgdl._rng import RngLike, draw_key
from rgdl._states import BoltzmannLayer, Floats
from rgdl.couplings import Couplings, LatticeCouplings
from rgdl.exact import k_eff
from rgdl.ising import Ising
from rgdl.rg._comparison import Comparison, ComparisonRow, Measured
from rgdl.rg._information import mutual_information
from rgdl.rg._layer import RBMTransform
from rgdl.rg._mcrg import mcrg
from rgdl.rg._push import all_couplings, coarse_law, enumerated
from rgdl.rg._symmetry import asymmetry
from rgdl.rg._transform import Transform
from rgdl.sampling import sample

__all__ = ["compare"]

_MAX_ENUMERATED = 16
_SMALLEST_MCRG = 8
_ROUNDING = 1e-20  # of the sum of K^2
_NONE: Measured = (math.nan, 0.0)


def compare(
    model: Ising,
    transforms: Iterable[Transform | BoltzmannLayer] | Mapping[str, Any],
    *,
    n: SupportsIndex = 10_000,
    buffer: SupportsIndex = 1,
    rng: RngLike = None,
    workers: int = 1,
) -> Comparison:
    r"""Put coarse-grainings side by side on the same model.

    Parameters
    ----------
    model : Ising
        Up to 16 sites by enumeration, beyond by sampling.
    transforms : list, or mapping of names, of Transform or rgdl.RBM
        A machine is measured by its p(h|v), and as joint machine for `kl_push`.
    n : int, default 10000
        Configurations where sampling is needed, Monte Carlo RG included.
    buffer : int, default 1
        For the mutual information, see `mutual_information`.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        All transforms see the same configurations.
    workers : int, default 1

    Returns
    -------
    Comparison
        Prints as a table; `rgdl.plot.comparison` draws it. What a row does not have is
        nan (printed -) and its notes say why: more than 20 coarse variables are not
        enumerated, variables behind a random transform depend on each other.

    Raises
    ------
    TypeError, ValueError
        When something is no transform or does not fit the model's lattice.

    Notes
    -----
    Reach and many-body share are the "rangeness" and "m-bodyness" of Lenggenhager et
    al., Phys. Rev. X 10, 011037 (2020), over all couplings instead of two. On samples
    they are those of the standard operators, and the couplings' noise biases them up.

    Examples
    --------
    >>> import rgdl
    >>> rules = {"copy": rgdl.rg.Decimation(), "majority": rgdl.rg.MajorityRule()}
    >>> rgdl.rg.compare(rgdl.Ising(12, K=0.5, periodic=False), rules)
    Coarse-grainings of Ising(12, K=0.5, periodic=False), exact
    transform  coarse  many-body  <|m|>   energy   I(h:E)   I(V:E)
    copy       6       0          0.3863  -0.178   0.02763  0.04574
    majority   6       3.032e-07  0.3968  -0.2058  0.02426  0.04574
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    n = _validate.count(n, "n", least=64)
    buffer = _validate.count(buffer, "buffer", least=0)
    key = tuple(int(word) for word in draw_key(rng))
    named = _named(transforms)
    small = model.n_sites <= _MAX_ENUMERATED
    if small:
        spins = enumerated(model.n_sites, 0, 1 << model.n_sites)
        spins = spins.reshape(-1, *model.shape)
        minus_h = -model._terms().table()
        weights = np.exp(minus_h - minus_h.max())
        weights /= weights.sum()
    else:
        spins = sample(model, n, rng=key, workers=workers)
        weights = np.full(n, 1.0 / n)
    rows = []
    for name, (transform, machine) in named.items():
        one = _One(model, transform, machine, spins, weights, small, key)
        rows.append(one.row(name, n, buffer, workers))
    return Comparison(model=repr(model), rows=tuple(rows), n=0 if small else n, key=key)


def _named(transforms: Any) -> dict[str, tuple[Transform, BoltzmannLayer | None]]:
    items = transforms
    if isinstance(transforms, Transform) or not isinstance(transforms, Iterable):
        raise TypeError(
            "transforms must be a list or a mapping of Transforms or machines, "
            f"got {transforms!r}"
        )
    if not isinstance(transforms, Mapping):
        items = {}
        for each in transforms:
            name = repr(each)
            items[name if name not in items else f"{name} ({len(items)})"] = each
    if not items:
        raise ValueError("transforms must hold at least one transform, got none")
    result: dict[str, tuple[Transform, BoltzmannLayer | None]] = {}
    for name, each in items.items():
        if isinstance(each, Transform):
            result[name] = each, None
        elif hasattr(each, "W_"):
            result[name] = RBMTransform(each), each
        else:
            raise TypeError(f"transforms must be Transforms or machines, got {each!r}")
    return result


class _One:
    """One transform on the shared configurations."""

    def __init__(
        self,
        model: Ising,
        transform: Transform,
        machine: BoltzmannLayer | None,
        spins: npt.NDArray[np.int8],
        weights: Floats,
        exact: bool,
        key: tuple[int, ...],
    ) -> None:
        self.model, self.transform, self.machine = model, transform, machine
        self.weights, self.exact, self.key = weights, exact, key
        self.spins = spins
        self.fine = spins if transform._fine_low else (spins + 1) // 2
        self.coarse = transform.coarse_shape(model.shape)
        self.torus = transform._torus(model.shape)
        self.notes: dict[str, str] = {}
        self.log_law: Floats | None = None
        self.h = np.zeros((0, 0), dtype=np.int8)  # no states, no law
        self.law: Floats = np.zeros(0)
        if exact:
            self._enumerate()
        else:
            drawn = transform.coarsen(self.fine, rng=key)
            self.h = drawn if transform._coarse_low else 2 * drawn.astype(np.int8) - 1
            self.law = weights

    def _enumerate(self) -> None:
        """Law of the coarse spins by enumeration."""
        with np.errstate(divide="ignore"):
            found = coarse_law(self.transform, np.log(self.weights), self.model.shape)
        self.log_law = found.log_p
        if self.log_law is None:
            self.notes["law"] = f"no law of the coarse variables: {found.reason}"
            return
        self.law = np.exp(self.log_law)
        self.h = enumerated(found.n_units, 0, len(self.law))
        if self.coarse is not None:
            self.h = self.h.reshape(-1, *self.coarse)

    def row(self, name: str, n: int, buffer: int, workers: int) -> ComparisonRow:
        couplings = self._couplings()
        nn, reach, many_body = _shape_of(couplings)
        y_t, y_h = self._exponents(n, workers)
        energy, k = self._energy()
        correlator, error = self._correlator()
        kept, available = self._information(buffer)
        return ComparisonRow(
            name=name,
            coarse_shape=self.coarse,
            exact=self.exact,
            kl_push=self._kl_push(),
            couplings=couplings,
            nn=nn,
            reach=reach,
            many_body=many_body,
            y_t=y_t,
            y_h=y_h,
            magnetization=self._magnetization(),
            energy=energy,
            k_eff=k,
            correlator=correlator,
            correlator_error=error,
            information=kept,
            available=available,
            notes=self.notes,
        )

    def _mean(self, values: Floats) -> Measured:
        mean = float(self.law @ values)
        if self.exact:
            return mean, 0.0
        return mean, float(values.std(ddof=1) / math.sqrt(len(values)))

    def _magnetization(self) -> Measured:
        if not len(self.law):
            return _NONE
        return self._mean(np.abs(self.h.reshape(len(self.h), -1).mean(axis=1)))

    def _information(self, buffer: int) -> tuple[Measured, Measured]:
        if not self.exact:
            return _NONE, _NONE
        try:
            kept, available = mutual_information(
                self.model, self.transform, buffer=buffer
            )
        except TypeError as problem:  # a stack behind a random transform
            self.notes["information"] = f"no mutual information: {problem}"
            return _NONE, _NONE
        return (kept, 0.0), (available, 0.0)

    def _kl_push(self) -> Measured:
        if self.machine is None or not self.exact:
            return _NONE
        from rgdl import mapping

        found = mapping.verify(self.model, self.machine).kl_push
        return _NONE if found is None else (found, 0.0)

    def _couplings(self) -> Couplings | LatticeCouplings | None:
        if self.exact:
            return self._all_couplings()
        if self.torus is None or min(self.torus) < 2:
            self.notes["couplings"] = "no couplings, the coarse spins form no torus"
            return None
        if reason := asymmetry(self.model, self.transform):
            self.notes["couplings"] = f"no couplings, {reason}"
            return None
        try:
            return Couplings.from_samples(self.h)
        except RuntimeError as problem:
            self.notes["couplings"] = str(problem)
            return None

    def _all_couplings(self) -> Couplings | None:
        if self.log_law is None:
            return None
        if not np.isfinite(self.log_law).all():
            self.notes["couplings"] = "some coarse state has probability 0 in float64"
            return None
        closed = all(self.model.periodic)
        return all_couplings(self.log_law, self.torus if closed else None)

    def _energy(self) -> tuple[Measured, Measured]:
        if self.torus is None or min(self.torus) < 2 or not len(self.law):
            return _NONE, _NONE
        model = Ising(self.torus, K=1.0, periodic=self.model.periodic)
        energy = self._mean(model.energy(self.h))
        if len(self.torus) > 2 or not all(self.model.periodic):
            return energy, _NONE
        try:
            k = _thermometer(energy[0], self.torus)
            ends = [
                _thermometer(energy[0] + x * energy[1], self.torus) for x in (-1, 1)
            ]
        except ValueError:
            return energy, _NONE
        return energy, (k, abs(ends[1] - ends[0]) / 2)

    def _correlator(self) -> tuple[Floats, Floats]:
        """<h_x v_{bx + r}> along the last axis; with E[h|v] where it is known.

        On an open axis the mean is over those x whose bx + r is inside.
        """
        empty = np.zeros(0)
        b = self.transform.b
        if self.torus is None or not isinstance(b, int):
            return empty, empty
        try:
            up, down = self.transform.log_probabilities(self.fine)
            h = np.exp(up) - np.exp(down)
        except TypeError:  # a random stack: no independent coarse spins
            if self.exact:
                self.notes["correlator"] = "no correlator: only sampled for this stack"
                return empty, empty
            h = self.h.astype(np.float64)
        h = h.reshape(len(self.spins), *self.torus)
        every = (slice(None), *(slice(None, None, b) for _ in self.torus))
        extent = self.model.shape[-1]
        of_rows = []
        for r in range(extent // 2 + 1):
            inside = -(-(extent - r) // b) if not self.model.periodic[-1] else None
            far = np.roll(self.spins, -r, -1)[every]
            pairs = (h * far)[..., :inside]
            of_rows.append(pairs.reshape(len(h), -1).mean(axis=1))
        products = np.stack(of_rows)
        mean = products @ self.weights
        if self.exact:
            return mean, np.zeros_like(mean)
        return mean, products.std(axis=1, ddof=1) / math.sqrt(len(h))

    def _exponents(self, n: int, workers: int) -> tuple[Measured, Measured]:
        shape = self.torus
        plain = (
            self.model._is_nearest_neighbour
            and self.model.ndim == 2
            and self.model._plain("")[1] == 0
        )
        b = self.transform.b
        if not plain or shape is None or not isinstance(b, int):
            return _NONE, _NONE
        if min(self.model.shape) < _SMALLEST_MCRG or min(shape) < 4:
            return _NONE, _NONE
        run = mcrg(
            self.model,
            self.transform,
            levels=1,
            n=n,
            rng=self.key,
            workers=workers,
            progress=False,
        )
        if not run.reliable:
            self.notes["exponents"] = f"exponents not reliable: {run.reason}"
        return (
            (float(run.y_t[0, -1]), float(run.y_t_error[0, -1])),
            (float(run.y_h[0, -1]), float(run.y_h_error[0, -1])),
        )


def _thermometer(energy: float, shape: tuple[int, ...]) -> float:
    """Coupling of the ring or torus of that size with that energy per site."""
    if len(shape) == 2:
        return float(k_eff(energy, (shape[0], shape[1])))
    n = shape[0]

    def gap(
        t: float,
    ) -> float:  # t = tanh K; the ring's energy is -(t + t^{n-1})/(1 + t^n)
        return energy + (t + t ** (n - 1)) / (1 + t**n)

    return math.atanh(float(brentq(gap, -1.0 + 1e-15, 1.0 - 1e-15, xtol=1e-15)))


def _shape_of(
    couplings: Couplings | LatticeCouplings | None,
) -> tuple[Measured, Measured, Measured]:
    """Nearest-neighbour coupling, reach of pairs, weight of many-body products."""
    if couplings is None:
        return _NONE, _NONE, _NONE
    lattice = couplings.shape is not None
    entries = couplings.as_lattice() if lattice else couplings
    size = entries.multiplicities * entries.values**2
    pairs, many = entries.order == 2, entries.order > 2
    total = float(size[pairs].sum() + size[many].sum())
    error = np.zeros(len(entries)) if entries.errors is None else entries.errors
    many_body = _propagated(
        size,
        2 * entries.multiplicities * np.abs(entries.values) * error,
        many,
        many | pairs,
    )
    if total == 0:
        return _NONE, _NONE, _NONE
    if not isinstance(entries, LatticeCouplings):
        return _NONE, _NONE, many_body
    found = "nn" in entries.labels
    nn = (entries["nn"], entries.error("nn")) if found else _NONE
    squares = np.array(
        [_distance(each, entries.shape) for each in entries.orbits.values()]
    )
    if not size[pairs].sum():
        return nn, _NONE, many_body
    mean = float(size[pairs] @ squares[pairs] / size[pairs].sum())
    slopes = 2 * entries.multiplicities * entries.values * (squares - mean)
    spread = float(np.linalg.norm((slopes * error)[pairs]) / size[pairs].sum())
    reach = math.sqrt(mean)
    return nn, (reach, spread / (2 * reach)), many_body


def _propagated(
    size: Floats,
    slope: Floats,
    part: npt.NDArray[np.bool_],
    whole: npt.NDArray[np.bool_],
) -> Measured:
    """Share of `part` in `whole` with its error, couplings taken as independent."""
    total = float(size[whole].sum())
    if total == 0:
        return _NONE
    share = float(size[part].sum()) / total
    if share < _ROUNDING:
        return 0.0, 0.0
    by = np.where(part, 1.0 - share, -share) * slope / total
    return share, float(np.linalg.norm(by[whole]))


def _distance(classes: tuple[Any, ...], shape: tuple[int, ...]) -> float:
    """Squared distance of a pair around the torus; 0 for other products."""
    if len(classes[0]) != 2:
        return 0.0
    step = np.abs(np.subtract(*classes[0]))
    return float((np.minimum(step, np.array(shape) - step) ** 2).sum())
