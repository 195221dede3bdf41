"""For each verdict the lines of Python that get its numbers again.

They run in the folder of the report, which holds ``model.npz`` and ``report.json``.
"""

import math

from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import stage_key

__all__ = ["checks"]


def checks(settings: Settings, key: int) -> dict[str, str]:
    """Return code by name of the verdict."""
    shape, K = settings.shape, settings.K
    n = settings.rows + settings.held_out
    model = f"import rgdl\nmodel = rgdl.Ising({shape}, K={K})\n"
    network = "import numpy as np, rgdl\ndbn = rgdl.DBN.load('model.npz')\n"
    data = (
        f"s = rgdl.sample(rgdl.Ising({shape}, K={K}), {n}, "
        f"rng={stage_key(key, 'data')})\n"
    )
    held_out = f"{data}held_out = s[{settings.rows}:]\nv = (held_out + 1) // 2\n"
    small = (
        f"import numpy as np, rgdl\nmodel = rgdl.Ising({settings.small_shape}, K={K})\n"
    )
    size = settings.critical_size
    shuffle = (
        "fields = dbn.receptive_fields({depth})\n"
        "W = [np.random.default_rng(0).permuted(m.W_, axis=0) for m in dbn.layers_]\n"
        "other = W[0]\n"
        "for matrix in W[1 : {depth} + 1]:\n"
        "    other = other @ matrix\n"
        f"other = other.T.reshape(-1, *{shape})\n"
        "for f in (fields, other):\n"
        "    sizes = rgdl.receptive.field_sizes(f)\n"
        "    for size in (sizes.participation, sizes.radius):\n"
        "        print(np.nanmedian(size), np.nanquantile(size, 0.05))\n"
    )
    medians = "np.nanmedian(sizes.participation), np.nanmedian(sizes.radius)"
    whole = (
        "for i in range(len(dbn.layers)):\n    sizes = dbn.field_sizes(i)\n"
        f"    print(i + 1, {medians})\n"
    )
    halved = f"sizes = dbn.field_sizes(0, threshold=True)\nprint({medians})\n"
    verify = "print(rgdl.mapping.verify(model, machine))\n"
    random = (
        "rng = np.random.default_rng(0)\n"
        "machine = rgdl.RBM.from_weights(rng.normal(0, 0.3, (model.n_sites, "
        f"{settings.random_hidden})), rng.normal(0, 0.3, model.n_sites), "
        f"rng.normal(0, 0.3, {settings.random_hidden}))\n"
    )
    result = {
        "decimation": (
            f"import rgdl\nprint(rgdl.rg.decimate_chain({settings.ring_K}, 4))\n"
        ),
        "blocks": (
            "import rgdl\nmachine = rgdl.mapping.block_machine(8, 0.7, strength=0.3)\n"
            "print(rgdl.mapping.verify(rgdl.Ising(8, K=0.7), machine))\n"
        ),
        "data": (
            model + data + f"e = model.energy(s[:{settings.rows}])\n"
            f"exact = rgdl.exact.kaufman({shape}, {K})\n"
            "print(e.mean(), exact.energy)\n"
            "print(model.K**2 * model.n_sites * e.var(), exact.specific_heat)\n"
        ),
        "radius": network + shuffle.format(depth=0),
        "half maximum": network + halved,
        "growth": network + whole,
        "L1": network
        + whole
        + "# and the control: the same call with RBM(..., l1=0), see the settings\n",
        "reconstruction": (
            network
            + held_out
            + "again = np.where(dbn.reconstruct(v) > 0.5, 1, -1)\n"
            + "print((held_out * again).mean())\n"
        ),
        "layer 1 samples": (
            network
            + f"model = rgdl.Ising({shape}, K={K})\n"
            + f"v = dbn.layers_[0].sample({settings.chains}, "
            + f"steps={settings.steps}, rng=0)\n"
            + "print(model.energy(2 * v.astype(np.int8) - 1).mean())\n"
            + f"print(rgdl.exact.kaufman({shape}, {K}).energy)\n"
        ),
        "network samples": (
            network
            + f"model = rgdl.Ising({shape}, K={K})\n"
            + f"v = dbn.sample({settings.network_samples}, "
            + f"steps={settings.network_steps}, rng=0)\n"
            + "print(model.energy(2 * v.astype(np.int8) - 1).mean())\n"
            + f"print(rgdl.exact.kaufman({shape}, {K}).energy)\n"
        ),
        "likelihood": (
            network
            + held_out
            + "log_z = dbn.layers_[0].log_partition('ais', "
            + f"n_chains={settings.ais_chains}, n_betas={settings.ais_betas}, rng=0)\n"
            + "print(-dbn.layers_[0].log_likelihood(v, log_z=log_z).value)\n"
            + f"exact = rgdl.exact.kaufman({shape}, {K})\n"
            + f"print(exact.entropy * {math.prod(shape)})\n"
        ),
        "couplings": (
            network
            + "from rgdl.rbm._effective import gaussian_pairs\n"
            + "pairs = np.array([[i, i + 1] for i in range(20)])\n"
            + "m = dbn.layers_[0]\n"
            + "print(gaussian_pairs(m._parameters, False, pairs, n_exact=2).mean())\n"
        ),
        "coarse": (
            network
            + held_out
            + "coarse = rgdl.rg.MajorityRule().coarsen(held_out, rng=0)\n"
            + "e = rgdl.Ising(coarse.shape[1:], K=1.0).energy(coarse).mean()\n"
            + "print(rgdl.exact.k_eff(e, coarse.shape[1:]))\n"
            + "print(dbn.sample_hidden(v, 0, rng=0).mean(axis=0))\n"
        ),
        "exponents": (
            "import rgdl\n"
            f"model = rgdl.Ising(({size}, {size}), K=rgdl.exact.K_CRITICAL)\n"
            f"s = rgdl.sample(rgdl.Ising(({settings.filter_size},) * 2, "
            f"K=model.K), {settings.filter_rows}, rng=0)\n"
            "rule = rgdl.rg.train_filter(s, "
            f"n_epochs={settings.filter_epochs}, rng=1)\n"
            f"print(rgdl.rg.mcrg(model, rule, levels={settings.levels}, "
            f"n={settings.critical_rows}, rng=2))\n"
        ),
        "exact machine": small + "machine = rgdl.RBM.from_ising(model)\n" + verify,
        "identities": small + random + verify,
        "paper's twin": (
            small
            + f"s = rgdl.sample(model, {settings.small_rows}, rng=0)\n"
            + f"machine = rgdl.RBM({max(2, math.prod(settings.small_shape) // 4)}, "
            + f"units='binary', method='cd', learning_rate={settings.learning_rate}, "
            + f"momentum={settings.momentum}, l1={settings.l1}, "
            + f"n_epochs={settings.small_epochs}, "
            + f"weight_scale={settings.weight_scale}, "
            + "visible_bias='zero', rng=1).fit((s + 1) // 2)\n"
            + verify
        ),
        "likelihood twin": (
            small
            + f"s = rgdl.sample(model, {settings.small_rows}, rng=0)\n"
            + f"machine = rgdl.RBM({settings.small_hidden}, k=5, "
            + f"n_epochs={settings.small_epochs}, rng=1).fit(s)\n"
            + verify
        ),
    }
    for depth in range(1, len(settings.layers)):
        result[f"layer {depth + 1}"] = network + shuffle.format(depth=depth)
    return result
