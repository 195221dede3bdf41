"""What follows from the series of a trace: moments, jackknife, reweighting."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from rgdl import _validate, stats
from rgdl.ising import Ising
from rgdl.observables import second_moment_length
from rgdl.stats import Estimate

__all__ = ["Series", "TraceEstimates"]

Series = npt.NDArray[np.float64]


class TraceEstimates(Mapping[str, Series]):
    """The part of `rgdl.Trace` that estimates; needs its model and its ladder."""

    model: Ising
    _ladder: Series | None
    _joined: dict[tuple[str, ...], stats.MultiHistogram]

    def mean(self, name: str, *, K: float | None = None) -> Estimate:
        """Mean of one observable, here or reweighted to another coupling.

        Parameters
        ----------
        name : str
            Observable; ``"|magnetization|"`` is the absolute value.
        K : float, optional
            Reweight to this coupling.

        Returns
        -------
        Estimate

        Raises
        ------
        ValueError
            For an unknown name, or a ladder without K.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((8, 8), K=0.3)
        >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 2048, rng=0))
        >>> trace.mean("energy").error < 0.01
        True
        """
        if K is None:
            self._one_coupling()
            moments = {**self, **self._moments()}
            return stats.mean(moments[_validate.one_of(name, "name", tuple(moments))])
        return self._histograms((name,)).estimate(None, name, K=K)

    def cv(self, *, K: float | None = None) -> Estimate:
        """Specific heat per site.

        Parameters
        ----------
        K : float, optional
            Reweight to this coupling.

        Returns
        -------
        Estimate
            var(H) / N, which is K^2 N var(e) without a field; by jackknife.

        Raises
        ------
        ValueError
            Without the energy, for a ladder without K, or where the field differs from
            site to site.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((8, 8), K=0.3)
        >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 2048, rng=0))
        >>> trace.cv().reliable
        True
        """
        n = self.model.n_sites
        k = 1.0 if self.model.K is None else self._coupling(K)
        h = self.model.h
        if not isinstance(h, float):
            raise ValueError("cv needs a uniform field, got one value per site")
        if h == 0:
            return self._derived(
                lambda e, ee: k * k * n * (ee - e * e), "de", "de de", K=K
            )

        def variance(e: float, m: float, ee: float, em: float, mm: float) -> float:
            mean = k * e - h * m
            return n * (k * k * ee - 2.0 * k * h * em + h * h * mm - mean * mean)

        return self._derived(variance, "de", "dm", "de de", "de dm", "dm dm", K=K)

    def chi(self, *, K: float | None = None) -> Estimate:
        """Susceptibility per site.

        Parameters
        ----------
        K : float, optional
            Reweight to this coupling.

        Returns
        -------
        Estimate
            N K (<m^2> - <abs(m)>^2); by jackknife.

        Raises
        ------
        ValueError
            Without the magnetisation, or for a ladder without K.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((8, 8), K=0.3)
        >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 2048, rng=0))
        >>> trace.chi().reliable
        True
        """
        n = self.model.n_sites
        k = 1.0 if self.model.K is None else self._coupling(K)
        return self._derived(
            lambda a, mm: n * k * (mm - a * a), "|magnetization|", "m^2", K=K
        )

    def binder(self, *, K: float | None = None) -> Estimate:
        """Binder's cumulant.

        Parameters
        ----------
        K : float, optional
            Reweight to this coupling.

        Returns
        -------
        Estimate
            U4 = 1 - <m^4> / (3 <m^2>^2); by jackknife.

        Raises
        ------
        ValueError
            Without the magnetisation, or for a ladder without K.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((8, 8), K=rgdl.exact.K_CRITICAL)
        >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 2048, rng=0))
        >>> u4 = trace.binder()
        >>> abs(u4.value - 0.613045) < 4 * u4.error
        True
        """
        return self._derived(_binder, "m^2", "m^4", K=K)

    def correlation_length(self, *, K: float | None = None) -> Estimate:
        """Second-moment correlation length.

        Parameters
        ----------
        K : float, optional
            Reweight to this coupling.

        Returns
        -------
        Estimate
            As `rgdl.observables.correlation_length`, from the observables
            "magnetization" and "lowest_mode".

        Raises
        ------
        ValueError
            Without these observables, for unequal extents, or a ladder without K.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((16, 16), K=0.3)
        >>> s = rgdl.sample(model, 16384, rng=0)[None]
        >>> names = ["magnetization", "lowest_mode"]
        >>> series = rgdl.observables.measure(model, s, names)
        >>> xi = rgdl.Trace(series, model=model).correlation_length()
        >>> abs(xi.value - 1.57) < 4 * xi.error < 0.2
        True
        """
        n, extent = self.model.n_sites, self.model.shape[0]
        if len(set(self.model.shape)) > 1:
            raise ValueError(
                f"the lattice must have equal extents, got {self.model.shape}"
            )
        return self._derived(
            lambda mm, one: second_moment_length(n * mm, one, extent),
            "m^2",
            "lowest_mode",
            K=K,
        )

    def reweight(self, K: float) -> dict[str, Estimate]:
        """Everything that the trace knows, at another coupling.

        Parameters
        ----------
        K : float
            Reduced coupling.

        Returns
        -------
        dict of str to Estimate
            The mean of every observable, "cv", and with a magnetisation also
            ``"|magnetization|"``, "chi" and "binder". Not `reliable`, or nan, where too
            few draws reach K.

        Raises
        ------
        ValueError
            Without the energy, or for a model of reduced couplings.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((8, 8), K=0.3)
        >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 2048, rng=0))
        >>> sorted(trace.reweight(0.31))
        ['binder', 'chi', 'cv', 'energy', 'magnetization', '|magnetization|']
        >>> trace.reweight(0.6)["cv"].reliable
        False
        """
        result = {name: self.mean(name, K=K) for name in self}
        result["cv"] = self.cv(K=K)
        if "magnetization" in self:
            result["|magnetization|"] = self.mean("|magnetization|", K=K)
            result["chi"] = self.chi(K=K)
            result["binder"] = self.binder(K=K)
        return result

    def _moments(self) -> dict[str, Series]:
        """Products of the series, about their means where differences are needed."""
        result: dict[str, Series] = {}
        centred: dict[str, Series] = {}
        for letter, name in (("de", "energy"), ("dm", "magnetization")):
            if name in self:
                centred[letter] = self[name] - self[name].mean()
        for first, x in centred.items():
            result[first] = x
            for second, y in centred.items():
                result[f"{first} {second}"] = x * y
        if "magnetization" in self:
            m = self["magnetization"]
            result |= {"|magnetization|": np.abs(m), "m^2": m**2, "m^4": m**4}
        return result

    def _derived(
        self, f: Callable[..., float], *names: str, K: float | None
    ) -> Estimate:
        """Estimate a function of means, by jackknife; reweighted where K is given."""
        known = {**self, **self._moments()}
        for name in names:
            if name not in known:
                raise ValueError(
                    f"the trace must have {_source(name)}, got {list(self)}"
                )
        if K is not None:
            return self._histograms(names).estimate(f, *names, K=K)
        self._one_coupling()
        return stats.jackknife(f, *(known[name] for name in names))

    def _one_coupling(self) -> None:
        if self._ladder is not None:
            raise ValueError(
                "a ladder needs K=, to join its histograms, or at(i) for one of them"
            )

    def _coupling(self, K: float | None) -> float:
        if K is not None:
            return _validate.finite(K, "K")
        self._one_coupling()
        assert self.model.K is not None
        return self.model.K

    def _histograms(self, names: tuple[str, ...]) -> stats.MultiHistogram:
        """Join all couplings; made once for the observables of one quantity.

        Only these and the energy decide how many draws are independent: below T_c the
        sign of m hardly ever turns, which says nothing about the energy.
        """
        if names not in self._joined:
            if "energy" not in self or self.model.K is None:
                raise ValueError(
                    "reweighting needs the energy and a model with a K, got "
                    f"{list(self)} of {self.model!r}"
                )
            known = {**self, **self._moments()}
            for name in names:
                _validate.one_of(name, "name", tuple(known))
            # the energies of integer couplings are integers
            energies = np.round(self.model.n_sites * self["energy"], 6)
            ladder = [self.model.K] if self._ladder is None else self._ladder

            def split(x: Series) -> list[Series]:
                return [x] if self._ladder is None else list(x)

            self._joined[names] = stats.MultiHistogram(
                split(energies),
                np.asarray(ladder),
                {name: split(known[name]) for name in names},
            )
        return self._joined[names]


def _binder(m2: float, m4: float) -> float:
    return 1.0 - m4 / (3.0 * m2 * m2) if m2 > 0 else float("nan")


def _source(name: str) -> str:
    """Observable that a product comes from."""
    return {"de": "energy", "lo": "lowest_mode"}.get(name[:2], "magnetization")
