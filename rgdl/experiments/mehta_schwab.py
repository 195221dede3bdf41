"""Mehta and Schwab's experiment: is a deep network a renormalization group.

Three parts, each measured rather than drawn: a ring decimated by exact Boltzmann
machines; a deep belief network on the two-dimensional Ising model near its critical
point; and the mapping itself on a lattice small enough to count every state. One
function per stage returns plain data; `run` lays them out as a `Report`.

References
----------
.. [1] P. Mehta and D. J. Schwab, "An exact mapping between the variational
   renormalization group and deep learning", arXiv:1410.3831 (2014).
.. [2] H. W. Lin, M. Tegmark and D. Rolnick, "Why does deep and cheap learning work so
   well?", J. Stat. Phys. 168, 1223 (2017), doi:10.1007/s10955-017-1836-5.
.. [3] D. J. Schwab and P. Mehta, "Comment on 'Why does deep and cheap learning work so
   well?'", arXiv:1609.03541 (2016).
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import RngLike, draw_key
from rgdl.experiments import _page
from rgdl.receptive import field_sizes
from rgdl.report import Missing, Report

__all__ = [
    "FAST",
    "FULL",
    "Settings",
    "expected_seconds",
    "field_widths",
    "ring_flow",
    "run",
    "sample_statistics",
    "shuffle_weights",
]

Floats = npt.NDArray[np.float64]
Spins = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Settings:
    """Sizes of the experiment.

    Parameters
    ----------
    shape, K, layers, epochs, l1
        Lattice, coupling, hidden layers, epochs per layer and L1 penalty: the paper's.
    rows : int
        Training configurations; the paper says 20,000 (and 40,000 in its appendix).
    learning_rate, momentum, batch_size, weight_scale
        Ours: the paper does not give them.
    held_out : int
        Configurations kept from training, for the reconstructions.
    block : int
        Edge of the blocks whose majority the reconstructions are compared with.
    ring, ring_K
        Sites (a power of two) and coupling of the ring.
    small_shape, small_rows, small_hidden, small_epochs
        Lattice and training of the part that counts every state.
    random_hidden : int
        Hidden units of its random machine; few, so that pairs (v, h) can be counted.
    converged : bool
        Whether training is long enough for its claims to be judged.

    Examples
    --------
    >>> from rgdl.experiments.mehta_schwab import FULL
    >>> FULL.layers, FULL.epochs
    ((400, 100, 25), 200)
    """

    shape: tuple[int, int] = (40, 40)
    K: float = 0.408
    rows: int = 20_000
    held_out: int = 512
    layers: tuple[int, ...] = (400, 100, 25)
    epochs: int = 200
    l1: float = 2e-4
    learning_rate: float = 0.1
    momentum: float = 0.5
    batch_size: int = 100
    weight_scale: float = 0.1
    block: int = 8
    ring: int = 16
    ring_K: float = 1.0
    small_shape: tuple[int, int] = (4, 4)
    small_rows: int = 20_000
    small_hidden: int = 16
    small_epochs: int = 50
    random_hidden: int = 6
    converged: bool = True


FULL = Settings()
FAST = replace(
    FULL, rows=5_000, epochs=40, small_rows=5_000, small_epochs=20, converged=False
)

# One key per stage, by position: new stages go to the end.
_STAGES = (
    "ring",
    "sample",
    "train",
    "fields",
    "reconstruct",
    "block",
    "mapping",
    "write",
)


def run(
    settings: Settings,
    *,
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = "auto",
) -> Report:
    """Run every stage and lay the results out as a report.

    Parameters
    ----------
    settings : Settings
        `FULL`, `FAST` or other sizes.
    rng : int, SeedSequence, BitGenerator or Generator, optional
        Keys all stages.
    workers : int
        Threads.
    progress : bool or "auto"
        One bar for all stages.

    Returns
    -------
    Report

    Examples
    --------
    >>> from dataclasses import replace
    >>> from rgdl.experiments.mehta_schwab import FAST, run
    >>> tiny = replace(FAST, shape=(8, 8), rows=200, held_out=50, layers=(8, 4, 2),
    ...                epochs=1, block=4, small_rows=200, small_epochs=1, ring=8,
    ...                small_hidden=4, random_hidden=4)
    >>> report = run(tiny, rng=0, progress=False)
    >>> report.numbers["ring"]["sites"]
    [8, 4]
    """
    entropy = _entropy(rng)
    model = rgdl.Ising(settings.shape, K=settings.K)
    numbers: dict[str, Any] = {}
    with Progress("mehta-schwab", progress) as update:
        stage = _Stopwatch(_expected_shares(settings), update)
        with stage("ring"):
            numbers["ring"] = ring_flow(settings.ring, settings.ring_K)
        with stage("sample") as part:
            drawn: Spins = rgdl.sample(
                model,
                settings.rows + settings.held_out,
                rng=_key(entropy, "sample"),
                workers=workers,
                progress=part,
            )
            spins, held_out = drawn[: settings.rows], drawn[settings.rows :]
            exact = rgdl.exact.kaufman(settings.shape, settings.K)
            numbers["sample"] = sample_statistics(
                model.energy(spins), settings.K, model.n_sites
            )
            numbers["sample"]["exact_energy"] = float(exact.energy)
            numbers["sample"]["exact_specific_heat"] = float(exact.specific_heat)
        with stage("train") as part:
            network, remarks = _train(
                spins, settings, _key(entropy, "train"), workers, part
            )
            numbers["training_remarks"] = remarks
            histories = [
                {key: list(values) for key, values in layer.history_.items()}
                for layer in network.layers_
            ]
            numbers["training"] = histories
        with stage("fields"):
            fields = [network.receptive_fields(i) for i in range(len(settings.layers))]
            shuffled = _products(
                shuffle_weights(
                    [layer.W_ for layer in network.layers_], _key(entropy, "fields")
                ),
                settings.shape,
            )
            numbers["fields"] = [
                _compare_widths(real, control)
                for real, control in zip(fields, shuffled, strict=True)
            ]
        with stage("reconstruct"):
            reconstructed = np.asarray(
                network.reconstruct(_binary(held_out)), dtype=float
            )
            blocks = _block_majority(
                held_out, settings.block, _key(entropy, "reconstruct")
            )
            numbers["reconstruction"] = {
                "network": _overlap(held_out, reconstructed - 0.5, settings.block),
                "block_majority": _overlap(held_out, blocks, settings.block),
                "other_configuration": _overlap(
                    held_out, np.roll(reconstructed, 1, axis=0) - 0.5, settings.block
                ),
                "numbers_kept": settings.layers[-1],
            }
        with stage("block"):
            strips = _blocked(spins[:1], _key(entropy, "block"))
        with stage("mapping"):
            numbers["mapping"] = _mapping(settings, _key(entropy, "mapping"), workers)
        with stage("write"):
            pictures = {
                "lattices": _page.draw_lattices(spins[:6]),
                "flow": _page.draw_flow(numbers["ring"]),
                "fields": [_page.draw_fields(each) for each in fields],
                "reconstructions": _page.draw_reconstructions(
                    held_out[:5], reconstructed[:5], blocks[:5]
                ),
                "training": _page.draw_training(histories),
                "blocking": _page.draw_blocking(strips),
            }
            report = _page.lay_out(settings, numbers, pictures)
    report.numbers = numbers
    report.provenance = _provenance(settings, entropy, workers, stage.seconds)
    return report


# Part one: rings.


def ring_flow(n_sites: int, K: float) -> dict[str, Any]:
    """Decimate a ring with exact bond machines until four spins are left.

    A Boltzmann machine with one hidden unit per bond carries the ring's distribution
    exactly. The units on every other bond are the coarse spins: each shares its weight
    between the two spins of a block. Their distribution, by summation over all the
    other units, is again a ring, with K' = 1/2 ln cosh 2K, whose couplings are read off
    and handed to the next machine.

    Parameters
    ----------
    n_sites : int
        Sites of the first ring: a power of two from 8 to 16.
    K : float
        Its coupling, above 0.

    Returns
    -------
    dict
        ``sites`` and ``K`` per ring measured, ``closed_form`` from
        `rgdl.rg.decimate_chain`, ``deviation``, ``other_couplings`` (the largest of
        any other kind) and ``log_z_deviation`` per step.

    Examples
    --------
    >>> from rgdl.experiments.mehta_schwab import ring_flow
    >>> flow = ring_flow(8, 1.0)
    >>> [round(K, 6) for K in flow["K"]]
    [1.0, 0.662501]
    >>> max(flow["deviation"]) < 1e-12
    True
    """
    sites, couplings = [n_sites], [float(K)]
    other, log_z = [], []
    while sites[-1] > 4:
        n, here = sites[-1], couplings[-1]
        log_weight = _coarse_log_weights(n, here)
        read = rgdl.Couplings.from_table(log_weight, shape=(n // 2,))
        values = dict(zip(read.labels, np.asarray(read.values).tolist(), strict=True))
        next_K = float(read["nn"])
        rest = [abs(value) for label, value in values.items() if label != "nn"]
        other.append(max(rest, default=0.0))
        shift = n * (here + math.log(2.0))
        log_z.append(abs(float(_log_sum(log_weight)) - shift - _ring_log_z(n, here)))
        sites.append(n // 2)
        couplings.append(next_K)
    steps = len(sites) - 1
    exact = np.asarray(rgdl.rg.decimate_chain(K, steps).couplings)[:, 0].tolist()
    return {
        "sites": sites,
        "K": couplings,
        "closed_form": exact,
        "deviation": [abs(a - b) for a, b in zip(couplings, exact, strict=True)],
        "other_couplings": other,
        "log_z_deviation": log_z,
    }


def _coarse_log_weights(n_sites: int, K: float) -> Floats:
    """-H of the coarse spins of a ring's bond machine, one entry per state of them."""
    machine = rgdl.RBM.from_ising(rgdl.Ising(n_sites, K=K))
    weights = np.asarray(machine.W_, dtype=float)
    coarse, inner = weights[:, 0::2], weights[:, 1::2]
    units = _states(coarse.shape[1])
    total = np.full(len(units), -np.inf)
    visible = _states(n_sites)
    for start in range(0, len(visible), 4096):
        v = visible[start : start + 4096]
        summed = _log_two_cosh(v @ inner).sum(axis=1)
        exponent = v @ coarse @ units.T + summed[:, None]
        total = np.logaddexp(total, _log_sum(exponent, axis=0))
    return total


def _states(n: int) -> Floats:
    """All states of n spins, bit i of the row number being spin i."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return np.where(bits == 1, 1.0, -1.0)


def _log_two_cosh(x: Floats) -> Floats:
    result: Floats = np.logaddexp(x, -x)
    return result


def _log_sum(x: Floats, axis: int | None = None) -> Any:
    top = x.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


def _ring_log_z(n: int, K: float) -> float:
    return n * math.log(2.0 * math.cosh(K)) + math.log1p(math.tanh(K) ** n)


# Part two: the two-dimensional lattice.


def sample_statistics(energy: npt.ArrayLike, K: float, n_sites: int) -> dict[str, Any]:
    """Mean energy per site and specific heat of independent configurations.

    Parameters
    ----------
    energy : array_like, shape (n,)
        Energies per site, in units of J.
    K : float
        The coupling they were sampled at.
    n_sites : int
        Sites per configuration.

    Returns
    -------
    dict
        ``n``, ``energy`` with ``energy_error`` (standard error), ``specific_heat``
        (K^2 N var e) with ``specific_heat_error`` (jackknife over up to 50 blocks).

    Examples
    --------
    >>> from rgdl.experiments.mehta_schwab import sample_statistics
    >>> sample_statistics([-1.0, -1.2] * 50, K=0.4, n_sites=100)["energy"]
    -1.1
    """
    e = np.asarray(energy, dtype=float)
    n = len(e)
    if n < 4:
        raise ValueError(f"energy must hold at least 4 values, got {n}")
    scale = K**2 * n_sites
    blocks = min(50, n // 2)
    centred = e - e.mean()
    parts = np.array_split(centred, blocks)
    size = np.array([len(part) for part in parts])
    left = n - size
    first = centred.sum() - np.array([part.sum() for part in parts])
    second = (centred**2).sum() - np.array([(part**2).sum() for part in parts])
    without = scale * (second / left - (first / left) ** 2) * left / (left - 1)
    spread = without - without.mean()
    return {
        "n": n,
        "energy": float(e.mean()),
        "energy_error": float(e.std(ddof=1) / math.sqrt(n)),
        "specific_heat": float(scale * e.var(ddof=1)),
        "specific_heat_error": float(
            math.sqrt((blocks - 1) / blocks * (spread**2).sum())
        ),
    }


def _train(
    spins: Spins, settings: Settings, key: int, workers: int, progress: ProgressLike
) -> tuple[Any, list[str]]:
    """Train the network; also what it warned of, for the page."""
    prototype = rgdl.RBM(
        units="binary",
        method="cd",
        k=1,
        learning_rate=settings.learning_rate,
        momentum=settings.momentum,
        l1=settings.l1,
        batch_size=settings.batch_size,
        n_epochs=settings.epochs,
        weight_scale=settings.weight_scale,
        visible_bias="zero",
        rng=key,
        workers=workers,
        progress=progress,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", rgdl.DataWarning)
        network = rgdl.DBN(layers=settings.layers, rbm=prototype).fit(_binary(spins))
    return network, [str(warning.message) for warning in caught]


def _binary(spins: Spins) -> npt.NDArray[np.uint8]:
    return ((spins + 1) // 2).astype(np.uint8)


def field_widths(fields: npt.ArrayLike) -> tuple[Floats, Floats]:
    """How many sites each receptive field covers, and how far it reaches.

    Parameters
    ----------
    fields : array_like, shape (n_units, L, M)
        One map per hidden unit, on a periodic lattice.

    Returns
    -------
    participation : ndarray, shape (n_units,)
        (sum r^2)^2 / sum r^4: 1 for a single site, L M for an even field, L M / 3 for
        noise; nan for a field that is zero.
    radius : ndarray, shape (n_units,)
        Root mean square distance, weighted with r^2, from the circular mean.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl.experiments.mehta_schwab import field_widths
    >>> fields = np.zeros((1, 8, 8))
    >>> fields[0, 0, [0, 7]] = 1.0
    >>> participation, radius = field_widths(fields)
    >>> float(participation[0]), round(float(radius[0]), 12)
    (2.0, 0.5)
    """
    sizes = field_sizes(fields)
    return sizes.participation, sizes.radius


def shuffle_weights(
    weights: Sequence[npt.ArrayLike], rng: RngLike = None
) -> list[Floats]:
    """Weight matrices with each hidden unit's incoming weights in random order.

    Every unit keeps its weights and loses only their places: the control for any
    statement about where a unit looks.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (n_below, n_above)
        Matrices from the lattice upward.
    rng : int, SeedSequence, BitGenerator or Generator, optional
        Keys the permutations.

    Returns
    -------
    list of ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl.experiments.mehta_schwab import shuffle_weights
    >>> shuffled, = shuffle_weights([np.arange(6).reshape(3, 2)], rng=0)
    >>> np.sort(shuffled, axis=0).tolist()
    [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    """
    generator = np.random.default_rng(rng)
    return [
        generator.permuted(np.asarray(matrix, dtype=float), axis=0)
        for matrix in weights
    ]


def _products(weights: Sequence[Floats], shape: tuple[int, int]) -> list[Floats]:
    """Receptive fields of all layers: products of the matrices up to each."""
    fields = []
    product = np.eye(1)
    for i, matrix in enumerate(weights):
        product = matrix if i == 0 else product @ matrix
        fields.append(np.ascontiguousarray(product.T).reshape(-1, *shape))
    return fields


def _compare_widths(fields: npt.ArrayLike, control: npt.ArrayLike) -> dict[str, Any]:
    participation, radius = field_widths(fields)
    participation_0, radius_0 = field_widths(control)
    return {
        "units": len(participation),
        "silent_units": int(np.isnan(participation).sum()),
        "participation": _quantile(participation, 0.5),
        "participation_shuffled": _quantile(participation_0, 0.5),
        "participation_shuffled_5": _quantile(participation_0, 0.05),
        "radius": _quantile(radius, 0.5),
        "radius_quartiles": [_quantile(radius, 0.25), _quantile(radius, 0.75)],
        "radius_shuffled": _quantile(radius_0, 0.5),
        "radius_shuffled_5": _quantile(radius_0, 0.05),
    }


def _quantile(values: Floats, q: float) -> float:
    kept = values[np.isfinite(values)]
    return float(np.quantile(kept, q)) if len(kept) else math.nan


def _block_majority(spins: Spins, block: int, key: int) -> Spins:
    """Each spin replaced by the majority of its block."""
    coarse = rgdl.rg.MajorityRule(b=block).coarsen(spins, rng=key)
    return np.asarray(coarse).repeat(block, axis=1).repeat(block, axis=2)


def _overlap(spins: Spins, guess: npt.NDArray[Any], block: int) -> dict[str, float]:
    """Mean of s sign(guess) with its error, and correlation of block means."""
    signs = np.where(guess >= 0, 1.0, -1.0)
    each = (spins * signs).mean(axis=(1, 2))
    a, b = (_block_means(np.asarray(x, dtype=float), block) for x in (spins, signs))
    a -= a.mean()
    b -= b.mean()
    norm = math.sqrt(float((a**2).sum() * (b**2).sum()))
    return {
        "overlap": float(each.mean()),
        "overlap_error": float(each.std(ddof=1) / math.sqrt(len(each))),
        "block_correlation": float((a * b).sum()) / norm if norm > 0 else math.nan,
    }


def _block_means(values: Floats, block: int) -> Floats:
    n, height, width = values.shape
    cells = values.reshape(n, height // block, block, width // block, block)
    return np.asarray(cells.mean(axis=(2, 4)))


def _blocked(spins: Spins, key: int) -> dict[str, list[Spins]]:
    """One configuration coarsened by two rules, as often as b = 2 divides it."""
    rules = {
        "majority rule": rgdl.rg.MajorityRule(b=2),
        "decimation": rgdl.rg.Decimation(b=2),
    }
    strips = {}
    for i, (name, rule) in enumerate(rules.items()):
        images = [spins]
        while all(extent % 2 == 0 and extent > 4 for extent in images[-1].shape[1:]):
            step = np.random.SeedSequence((key, i, len(images)))
            images.append(np.asarray(rule.coarsen(images[-1], rng=step)))
        strips[name] = [image[0] for image in images]
    return strips


# Part three: the mapping, state by state.


def _mapping(settings: Settings, key: int, workers: int) -> dict[str, Any]:
    """Measure the mapping for four machines on a small lattice."""
    model = rgdl.Ising(settings.small_shape, K=settings.K)
    n, hidden = model.n_sites, settings.small_hidden
    keys = [_key(key, name) for name in ("ring", "sample", "train")]
    generator = np.random.default_rng(keys[0])
    random = rgdl.RBM.from_weights(
        generator.normal(0.0, 0.3, (n, settings.random_hidden)),
        generator.normal(0.0, 0.3, n),
        generator.normal(0.0, 0.3, settings.random_hidden),
        units="spin",
    )
    uniform = rgdl.RBM.from_weights(
        np.zeros((n, 1)), np.zeros(n), np.zeros(1), units="spin"
    )
    data = rgdl.sample(
        model, settings.small_rows, rng=keys[1], workers=workers, progress=False
    )
    trained = rgdl.RBM(
        hidden,
        units="spin",
        method="pcd",
        k=5,
        learning_rate=0.05,
        n_epochs=settings.small_epochs,
        rng=keys[2],
        workers=workers,
        progress=False,
    ).fit(data)
    machines = {
        "exact bond RBM": rgdl.RBM.from_ising(model),
        "trained RBM": trained,
        "no weights": uniform,
        "random RBM": random,
    }
    return {
        name: _plain_mapping(rgdl.mapping.verify(model, machine))
        for name, machine in machines.items()
    }


def _plain_mapping(result: Any) -> dict[str, Any]:
    fields = (
        "trace_constant",
        "trace_residual",
        "trace_rms",
        "kl",
        "delta_f",
        "log_z_v",
        "log_z_h",
        "kl_push",
    )

    def plain(name: str, value: float | None) -> float | Missing:
        if value is None:
            return Missing(result.reasons.get(name, "not enumerated"))
        return float(value)

    numbers: dict[str, Any] = {}
    for name in fields:
        value = getattr(result, name)
        numbers[name] = plain(name, value)
    numbers["identities"] = {
        name: plain(name, value) for name, value in result.identities.items()
    }
    return numbers


# Time, keys and provenance.


def expected_seconds(
    seconds: Mapping[str, float], here: Settings, there: Settings = FULL
) -> float:
    """Time a run at other sizes will take, from the stages of this one.

    Parameters
    ----------
    seconds : mapping
        Seconds per stage, as the report's ``provenance["seconds"]`` has them.
    here, there : Settings
        Sizes of the run measured and of the run asked about.

    Returns
    -------
    float

    Examples
    --------
    >>> from rgdl.experiments.mehta_schwab import FAST, FULL, expected_seconds
    >>> round(expected_seconds({"train": 10.0}, FAST) / 10.0)
    20
    """
    ratios = {
        "sample": (there.rows + there.held_out) / (here.rows + here.held_out),
        "train": there.rows * there.epochs / (here.rows * here.epochs),
        "mapping": there.small_rows
        * there.small_epochs
        / (here.small_rows * here.small_epochs),
    }
    return math.fsum(value * ratios.get(name, 1.0) for name, value in seconds.items())


def _expected_shares(settings: Settings) -> dict[str, float]:
    """Rough seconds per stage, for the bar only."""
    batches = settings.rows * settings.epochs / settings.batch_size
    return {
        "ring": 0.5,
        "sample": settings.rows / 5_000,
        "train": 0.005 * batches,
        "fields": 0.5,
        "reconstruct": 0.2,
        "block": 0.05,
        "mapping": 2.0,
        "write": 3.0,
    }


class _Stopwatch:
    """Seconds per stage; moves the bar; names the stage in which a run broke off."""

    def __init__(
        self, shares: Mapping[str, float], update: Callable[[float], None]
    ) -> None:
        self.seconds: dict[str, float] = {}
        self._shares = shares
        self._update = update

    @contextmanager
    def __call__(self, stage: str) -> Iterator[Callable[[float], None]]:
        """Time a stage; yield what it may call with the fraction it has done."""
        begin = time.perf_counter()
        total = math.fsum(self._shares.values())
        before = math.fsum(self._shares[name] for name in self.seconds)

        def part(done: float) -> None:
            self._update((before + done * self._shares[stage]) / total)

        try:
            yield part
        except BaseException as error:
            error.add_note(f"stopped in stage {stage!r}")
            raise
        self.seconds[stage] = time.perf_counter() - begin
        part(1.0)


def _entropy(rng: RngLike) -> int:
    """One integer that keys the run, drawn from `rng` or equal to it."""
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        if rng < 0:
            raise ValueError(f"rng must not be negative, got {rng}")
        return int(rng)
    if rng is None:
        return _joined(np.random.SeedSequence().generate_state(2, np.uint64))
    return _joined(draw_key(rng)[:2])


def _key(entropy: int, stage: str) -> int:
    """Derive the key of one stage: a spawned child of the run's key."""
    child = np.random.SeedSequence(entropy, spawn_key=(_STAGES.index(stage),))
    return _joined(child.generate_state(2, np.uint64))


def _joined(words: npt.NDArray[Any]) -> int:
    return int(words[0]) | int(words[1]) << 64


def _provenance(
    settings: Settings, entropy: int, workers: int, seconds: Mapping[str, float]
) -> dict[str, Any]:
    call = f"rgdl.reproduce('mehta-schwab', fast=True, rng={entropy})"
    command = f"python -m rgdl reproduce mehta-schwab --fast --seed {entropy}"
    if settings == FULL:
        call, command = call.replace("fast=True, ", ""), command.replace("--fast ", "")
    elif settings != FAST:
        command = call = (
            f"rgdl.experiments.mehta_schwab.run(Settings(...), rng={entropy})"
        )
    return {
        "rgdl": rgdl.__version__,
        "key": str(entropy),
        "workers": workers,
        "again in Python": call,
        "again in a shell": command,
        "expected_seconds_of_the_full_run": round(expected_seconds(seconds, settings)),
        "seconds": dict(seconds),
        "settings": asdict(settings),
        "machine": rgdl.show_config(),
    }
