"""For each verdict the lines of Python that get its numbers again.

They run in the folder of the report, which holds the networks, use public functions
only, and print the verdict's own numbers, as they take the stages' keys.
"""

import math

from rgdl.experiments.mehta_schwab._data import distances
from rgdl.experiments.mehta_schwab._samples import snapshot_plan
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import stage_key

__all__ = ["BLOCK_RINGS", "CONTROL", "MODEL", "checks"]

MODEL, CONTROL = "model.npz", "model-without-L1.npz"
BLOCK_RINGS = (8, 0.7, (None, 0.3, 1.5))  # sites, K, weights of the block units

_LOAD = "import numpy as np, rgdl\n"


def checks(settings: Settings, key: int) -> dict[str, str]:
    """Return code by name of the verdict."""
    return {
        **_ring(settings),
        **_fields(settings, key),
        **_models(settings, key),
        "coarse": _coarse(settings, key),
        "exponents": _exponents(settings, key),
        **_twins(settings, key),
    }


def _network(name: str = MODEL) -> str:
    return f"dbn = rgdl.DBN.load({name!r})\n"


def _model(settings: Settings) -> str:
    return f"model = rgdl.Ising({settings.shape}, K={settings.K})\n"


def _held_out(settings: Settings, key: int) -> str:
    n = settings.rows + settings.held_out
    return (
        _model(settings)
        + f"s = rgdl.sample(model, {n}, rng={stage_key(key, 'data')})\n"
        + f"held_out = s[{settings.rows}:]\nv = (held_out + 1) // 2\n"
    )


def _ring(settings: Settings) -> dict[str, str]:
    n, K = settings.ring, settings.ring_K
    sites, block_K, strengths = BLOCK_RINGS
    return {
        "decimation": _LOAD
        + f"n, K = {n}, {K}\n"
        + "while n > 4:\n"
        + "    ring = rgdl.RBM.from_ising(rgdl.Ising(n, K=K))\n"
        + "    # the same machine seen from its hidden units, one per bond: sum out v\n"
        + "    turned = rgdl.RBM.from_weights(ring.W_.T, ring.c_, ring.b_)\n"
        + "    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1\n"
        + "    weight = np.exp(-turned.free_energy(2 * bits - 1))\n"
        + "    kept = bits[:, ::2] @ (1 << np.arange(n // 2))  # every other bond\n"
        + "    table = np.log(np.bincount(kept, weights=weight))\n"
        + "    found = rgdl.Couplings.from_table(table, shape=(n // 2,))\n"
        + "    exact = rgdl.rg.decimate_chain(K, 1).couplings[1, 0]\n"
        + "    n, K = n // 2, float(found['nn'])\n"
        + "    print(n, 'spins:', K, K - exact, np.sort(np.abs(found.values))[:-2])\n",
        "blocks": _LOAD
        + f"for strength in {strengths}:\n"
        + f"    machine = rgdl.mapping.block_machine({sites}, {block_K}, strength)\n"
        + "    print(rgdl.mapping.verify(rgdl.Ising("
        + f"{sites}, K={block_K}), machine))\n",
    }


_SIZES = (
    "def show(fields):\n"
    "    sizes = rgdl.receptive.field_sizes(fields)\n"
    "    for size in (sizes.participation, sizes.radius):\n"
    "        print(np.nanmedian(size), np.nanquantile(size, 0.05))\n"
)


def _fields(settings: Settings, key: int) -> dict[str, str]:
    fields = (
        _LOAD
        + _network()
        + f"rng = np.random.default_rng({stage_key(key, 'fields')})\n"
        + "other = [rng.permuted(m.W_.astype(float), axis=0) for m in dbn.layers_]\n"
        + _SIZES
    )
    show = (
        "own = dbn.receptive_fields({depth})\n"
        "W = other[0]\n"
        "for matrix in other[1 : {depth} + 1]:\n"
        "    W = W @ matrix\n"
        "shuffled = W.T.reshape(own.shape)\n"
        "for fields in (own, shuffled):\n"
        "    show({threshold}(fields))\n"
    )
    medians = (
        "for i in range(len(dbn.layers)):\n    sizes = dbn.field_sizes(i)\n"
        "    print(i + 1, np.nanmedian(sizes.participation), "
        "np.nanmedian(sizes.radius))\n"
    )
    half = "rgdl.receptive.half_maximum"
    result = {
        "radius": fields + show.format(depth=0, threshold=""),
        "half maximum": fields + show.format(depth=0, threshold=half),
        "growth": _LOAD + _network() + medians,
        "L1": _LOAD + _network() + medians + _network(CONTROL) + medians,
    }
    for depth in range(1, len(settings.layers)):
        code = show.format(depth=depth, threshold="")
        result[f"layer {depth + 1}"] = fields + code
    block = settings.block
    result["reconstruction"] = (
        _LOAD
        + _held_out(settings, key)
        + "def overlap(a):\n"
        + "    each = (held_out * a).mean(axis=(1, 2))\n"
        + "    print(each.mean(), each.std(ddof=1) / len(each)**0.5)\n"
        + _network()
        + "again = np.where(dbn.reconstruct(v) >= 0.5, 1, -1)\n"
        + "overlap(again)\noverlap(np.roll(again, 1, axis=0))  # wrong pairs\n"
        + f"rng = np.random.default_rng({stage_key(key, 'shuffle')})\n"
        + "for m in dbn.layers_:\n"
        + "    m.W_ = rng.permuted(m.W_.astype(float), axis=0).astype(m.W_.dtype)\n"
        + "overlap(np.where(dbn.reconstruct(v) >= 0.5, 1, -1))  # shuffled\n"
        + f"rule = rgdl.rg.MajorityRule(b={block})\n"
        + f"coarse = rule.coarsen(held_out, rng={stage_key(key, 'blocks')})\n"
        + f"overlap(coarse.repeat({block}, axis=1).repeat({block}, axis=2))\n"
        + _network(CONTROL)
        + "overlap(np.where(dbn.reconstruct(v) >= 0.5, 1, -1))\n"
    )
    return result


_MOMENTS = (
    "jack, blocks = rgdl.stats.jackknife, min(64, chains)\n"
    "def means(x):\n"
    "    return x.reshape(chains, -1).mean(axis=1)\n"
    "def show(x):\n"
    "    print(x.mean(), x.std(ddof=1) / len(x)**0.5)\n"
    "show(means(e))\n"
    "heat = jack(lambda a, b: b - a**2, means(e), means(e**2), blocks=blocks)\n"
    "scale = model.K**2 * model.n_sites\n"
    "print(scale * heat.value, scale * heat.error)\n"
    "exact = rgdl.exact.kaufman(model.shape, model.K)\n"
    "print('exact', exact.energy, exact.specific_heat)\n"
)
_OBSERVABLES = (
    "s = 2 * v.astype(np.int8) - 1\n"
    "e, m = model.energy(s), model.magnetization(s)\n"
    + _MOMENTS
    + "show(means(abs(m)))\nshow(means(m**2))\n"
    "moments = means(m**2), means(m**4)\n"
    "u4 = jack(lambda a, b: 1 - b / 3 / a**2, *moments, blocks=blocks)\n"
    "print(u4.value, u4.error)\n"
    "c = rgdl.observables.correlation_function(s)\n"
    "for r in {distances}:\n"
    "    show(means((c[:, 0, r] + c[:, r, 0]) / 2))\n"
)


def _models(settings: Settings, key: int) -> dict[str, str]:
    """Return checks of the data, the machines' samples, likelihood and couplings."""
    shape, chains = settings.shape, settings.chains
    before, thin, draws = snapshot_plan(settings)
    rows, steps = settings.network_samples, settings.network_steps
    observables = _OBSERVABLES.format(distances=distances(settings))
    annealed = (
        "layer = dbn.layers_[0]\n"
        f"a = layer.anneal({chains}, n_betas={settings.ais_betas}, "
        f"rng={stage_key(key, 'annealed')})\n"
        f"x = layer.chains({chains}, {draws}, thin={thin}, burn_in={before}, start=a, "
        f"rng={stage_key(key, 'annealed chains')})\n"
    )
    pairs = "for step in ((1, 0), (1, 1)):\n"
    return {
        "data": _LOAD
        + _held_out(settings, key)
        + f"e = model.energy(s[:{settings.rows}])\n"
        + "chains = len(e)\n"
        + _MOMENTS,
        "layer 1 samples": _LOAD
        + _network()
        + _model(settings)
        + annealed
        + f"v, chains = x.reshape(-1, *{shape}), len(x)\n"
        + observables,
        "network samples": _LOAD
        + _network()
        + _held_out(settings, key)
        + f"rows = np.resize(v, ({rows}, *{shape}))\n"
        + "v = np.concatenate([\n"
        + f"    dbn.gibbs(rows, {steps}, rng={stage_key(key, 'whole data')}),\n"
        + f"    dbn.sample({rows}, steps={steps}, "
        + f"rng={stage_key(key, 'whole coins')}),\n])\n"
        + "chains = len(v)\n"
        + observables,
        "likelihood": _LOAD
        + _network()
        + _held_out(settings, key)
        + annealed
        + "log_z = layer.log_partition('ais', samples=x[:, -1], "
        + f"n_chains={min(settings.ais_chains, chains)}, "
        + f"n_betas={settings.ais_betas}, rng={stage_key(key, 'anneal')})\n"
        + "free = layer.free_energy(v)\n"
        + f"exact = rgdl.exact.kaufman({shape}, {settings.K})\n"
        + "data = model.hamiltonian(held_out) + exact.log_z\n"
        + "print(log_z)\n"
        + "for ln_z in (log_z.value, log_z.lower, log_z.upper):\n"
        + "    print(free.mean() + ln_z, (free - data).mean() + ln_z)\n"
        + f"print(data.mean(), exact.entropy * {math.prod(shape)})\n",
        "couplings": _LOAD
        + _network()
        + "# the same displacements, over all places instead of some, one orientation\n"
        + pairs
        + "    at = dbn.layers_[0].couplings_at(step, n_exact=2)\n"
        + "    print(step, at.value, at.spread, at.error)\n",
    }


def _coarse(settings: Settings, key: int) -> str:
    height, width = settings.shape
    return (
        _LOAD
        + "from scipy.optimize import linear_sum_assignment\n"
        + _network()
        + _model(settings)
        + f"s = rgdl.sample(model, {settings.reference}, "
        + f"rng={stage_key(key, 'reference')})\n"
        + "def k_eff(s, name):\n"
        + "    e = rgdl.Ising(s.shape[1:], K=1.0).energy(s).mean()\n"
        + "    print(name, e, rgdl.exact.k_eff(e, s.shape[1:]))\n"
        + f"keys = {_rule_keys(settings, key)}\n"
        + "for rule in (rgdl.rg.Decimation, rgdl.rg.MajorityRule, rgdl.rg.Kadanoff):\n"
        + "    coarse = s\n"
        + f"    for rng in keys[rule.__name__][:{len(settings.layers)}]:\n"
        + "        coarse = rule(b=2).coarsen(coarse, rng=rng)\n"
        + "        k_eff(coarse, rule.__name__)\n"
        + f"up = {[stage_key(key, f'up {i}') for i in range(len(settings.layers))]}\n"
        + "for i, n in enumerate(dbn.layers):\n"
        + "    h = 2 * dbn.sample_hidden((s + 1) // 2, i, rng=up[i]).astype(int) - 1\n"
        + f"    b = round(({height * width} / n) ** 0.5)  # block edge of its place\n"
        + f"    if b * b * n != {height * width}:\n        continue  # no lattice\n"
        + f"    L = np.array([{height}, {width}])\n"
        + "    place = np.indices(L // b).reshape(2, -1).T * b + (b - 1) / 2\n"
        + "    centre = np.nan_to_num(dbn.field_sizes(i).centre)\n"
        + "    away = centre[None] - place[:, None]\n"
        + "    away -= L * np.round(away / L)\n"
        + "    unit = linear_sum_assignment((away**2).sum(axis=2))[1]\n"
        + "    sign = np.where(dbn.receptive_fields(i).sum(axis=(1, 2)) < 0, -1, 1)\n"
        + "    h = (h * sign)[:, unit].reshape(-1, *L // b).astype(np.int8)\n"
        + "    k_eff(h, f'layer {i + 1} (if its fields are local)')\n"
    )


def _rule_keys(settings: Settings, key: int) -> dict[str, list[int]]:
    names = {
        "Decimation": "decimation",
        "MajorityRule": "majority rule",
        "Kadanoff": "Kadanoff",
    }
    result: dict[str, list[int]] = {rule: [] for rule in names}
    for rule, words in names.items():
        extent = settings.shape[0]
        while extent % 2 == 0 and extent > 2:
            result[rule].append(stage_key(key, f"{words} {extent}"))
            extent //= 2
    return result


def _exponents(settings: Settings, key: int) -> str:
    size, rows = settings.critical_size, settings.critical_rows
    small = (settings.filter_size,) * 2
    return (
        _LOAD
        + f"small = rgdl.Ising({small}, K=rgdl.exact.K_CRITICAL)\n"
        + f"s = rgdl.sample(small, {settings.filter_rows}, "
        + f"rng={stage_key(key, 'critical')})\n"
        + f"rule = rgdl.rg.train_filter(s, n_epochs={settings.filter_epochs}, "
        + f"rng={stage_key(key, 'filter')})\n"
        + f"model = rgdl.Ising(({size}, {size}), K=rgdl.exact.K_CRITICAL)\n"
        + "for each in (rule, rgdl.rg.MajorityRule()):\n"
        + f"    run = rgdl.rg.mcrg(model, each, levels={settings.levels}, n={rows}, "
        + f"rng={stage_key(key, 'exponents')})\n"
        + "    print(run.y_t[-1, -1], run.y_t_error[-1, -1])\n"
        + "    print(run.y_h[-1, -1], run.y_h_error[-1, -1])\n"
    )


def _twins(settings: Settings, key: int) -> dict[str, str]:
    small = _LOAD + f"model = rgdl.Ising({settings.small_shape}, K={settings.K})\n"
    verify = "print(rgdl.mapping.verify(model, machine))\n"
    hidden = settings.random_hidden
    random = (
        f"rng = np.random.default_rng({stage_key(key, 'random machine')})\n"
        f"n, m = model.n_sites, {hidden}\n"
        "machine = rgdl.RBM.from_weights(\n"
        "    *(rng.normal(0, 0.3, size) for size in ((n, m), n, m)))\n"
    )

    def repeated(name: str, machine: str, rows: str) -> str:
        repeats = range(settings.small_repeats)
        data = [stage_key(key, f"twin data {i}") for i in repeats]
        keys = [stage_key(key, f"twin {name} {i}") for i in repeats]
        return (
            small
            + "found = []\n"
            + f"for data, key in zip({data}, {keys}):\n"
            + f"    s = rgdl.sample(model, {settings.small_rows}, rng=data)\n"
            + f"    machine = {machine}\n"
            + f"    machine.fit({rows})\n"
            + "    found.append(rgdl.mapping.verify(model, machine))\n"
            + "for name in ('kl', 'trace_rms'):\n"
            + "    x = np.array([getattr(each, name) for each in found])\n"
            + "    print(name, x.mean(), x.std(ddof=1) / len(x)**0.5)\n"
        )

    as_paper = (
        f"rgdl.RBM({max(2, math.prod(settings.small_shape) // 4)}, units='binary', "
        f"method='cd', learning_rate={settings.learning_rate}, "
        f"momentum={settings.momentum},\n        l1={settings.l1}, "
        f"batch_size={settings.batch_size}, n_epochs={settings.small_epochs}, "
        f"weight_scale={settings.weight_scale}, visible_bias='zero', rng=key)"
    )
    likelihood = (
        f"rgdl.RBM({settings.small_hidden}, method='pcd', k=5, learning_rate=0.05, "
        f"n_epochs={settings.small_epochs}, rng=key)"
    )
    return {
        "exact machine": small + "machine = rgdl.RBM.from_ising(model)\n" + verify,
        "identities": small + random + verify,
        "paper's twin": repeated("paper", as_paper, "(s + 1) // 2"),
        "likelihood twin": repeated("likelihood", likelihood, "s"),
    }
