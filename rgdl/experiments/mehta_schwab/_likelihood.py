"""Held-out likelihood of the first layer and of the network, beside the exact floor."""

import math

import numpy as np

import rgdl
from rgdl.experiments.mehta_schwab._moments import Spins, binary, mean
from rgdl.experiments.mehta_schwab._rules import SIGMAS
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key
from rgdl.report import Missing
from rgdl.stats import Estimate

__all__ = ["measure"]

FEWEST = 10  # effective chains, as `rgdl.rbm.LogZ` asks


def measure(
    network: rgdl.DBN,
    held_out: Spins,
    own: Spins,
    drift: float,
    settings: Settings,
    key: int,
    part: Part,
) -> Result:
    """Negative log-likelihoods in nats per configuration.

    The floor is the data's entropy, from Kaufman's partition function: no model has a
    lower mean. ln Z of layer 1 is annealed from independent units up to the machine and
    from the machine's own samples `own` back down; Bennett's ratio joins both. Only
    samples at equilibrium bound it from above, so `drift`, by how many standard errors
    they still change, decides whether the reverse run counts.
    """
    model = rgdl.Ising(settings.shape, K=settings.K)
    exact = rgdl.exact.kaufman(settings.shape, settings.K)
    data = binary(held_out)
    layer = network.layers_[0].set_params(progress=lambda done: part(0.8 * done))
    log_z = layer.log_partition(
        "ais",
        samples=binary(own),
        n_chains=min(settings.ais_chains, len(own)),
        n_betas=settings.ais_betas,
        rng=stage_key(key, "anneal"),
    )
    free = layer.free_energy(data)
    energies = np.asarray(model.hamiltonian(held_out), dtype=float) + float(exact.log_z)
    rows = mean(free)
    excess = mean(free - energies)
    reason = ""
    if not log_z.reliable:
        few = log_z.ess < FEWEST
        reason = "too few chains carry ln Z" if few else "the two directions disagree"
    at_most: float | Missing = rows.value + log_z.upper
    if not drift <= SIGMAS:
        reason = (
            "layer 1's own samples are not at equilibrium: they drift by "
            f"{drift:.1f} standard errors"
        )
        at_most = Missing(f"{reason}; they would give {at_most:.2f}")

    def judged(value: float, error: float) -> Estimate:
        return Estimate(
            value, math.hypot(error, log_z.error), reliable=not reason, reason=reason
        )

    layer.set_params(progress=False)
    bound = network.log_likelihood_bound(
        data,
        draws=settings.bound_draws,
        log_z=network.layers_[-1].log_partition("exact"),
        rng=stage_key(key, "bound"),
    )
    spread = math.hypot(bound.error, mean(energies).error)
    n_sites = math.prod(settings.shape)
    return Result(
        {
            "floor": float(exact.entropy) * n_sites,
            "exact on these rows": mean(energies),
            "fair coins": n_sites * math.log(2.0),
            "layer 1": judged(rows.value + log_z.value, rows.error),
            "excess": judged(excess.value + log_z.value, excess.error),
            "at least": rows.value + log_z.lower,
            "at most": at_most,
            "network at most": Estimate(-bound.value, spread),
            "network at most, excess": Estimate(
                -bound.value - float(energies.mean()), bound.error
            ),
            "log Z": judged(log_z.value, 0.0),
            "effective chains": float(log_z.ess),
            "rows": len(held_out),
        }
    )
