"""Sizes of the experiment, and whose choice they are."""

from dataclasses import dataclass, replace

__all__ = ["FAST", "FULL", "Settings"]


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
        Ours: the paper does not give them. CD-1, binary units, biases from 0.
    held_out : int
        Configurations kept from training.
    reference : int
        Independent configurations that the models' samples are compared with.
    block : int
        Edge of the blocks whose majority the reconstructions are compared with.
    ring, ring_K
        Sites (a power of two) and coupling of the ring.
    chains, steps, snapshots : int
        Gibbs chains of the first layer, from each of three starts; their steps, in the
        second half of which so many snapshots are taken.
    network_samples, network_steps : int
        Samples of the whole network, and Gibbs steps of its top machine.
    ais_chains, ais_betas, bound_draws : int
        Chains and temperatures of annealing, which makes the first layer's samples and
        its partition function; upward passes of the network's bound.
    reach, pairs : int
        Largest displacement of the effective couplings along an axis, and pairs of
        sites measured per displacement.
    critical_size, levels, critical_rows : int
        Lattice, steps and configurations of the Monte Carlo RG at K_c.
    filter_size, filter_rows, filter_epochs : int
        Lattice and training of the filter.
    small_shape, small_rows, small_hidden, small_epochs, small_repeats
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
    reference: int = 4_096
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
    chains: int = 128
    steps: int = 400
    snapshots: int = 5
    network_samples: int = 2_000
    network_steps: int = 1_000
    ais_chains: int = 128
    ais_betas: int = 500
    bound_draws: int = 10
    reach: int = 5
    pairs: int = 64
    critical_size: int = 128
    levels: int = 4
    critical_rows: int = 4_096
    filter_size: int = 32
    filter_rows: int = 1_000
    filter_epochs: int = 10
    small_shape: tuple[int, int] = (4, 4)
    small_rows: int = 20_000
    small_hidden: int = 8
    small_epochs: int = 50
    small_repeats: int = 3
    random_hidden: int = 6
    converged: bool = True


FULL = Settings()
FAST = replace(
    FULL,
    rows=5_000,
    reference=1_024,
    epochs=40,
    chains=64,
    steps=100,
    network_samples=500,
    network_steps=500,
    ais_chains=64,
    ais_betas=200,
    bound_draws=2,
    pairs=16,
    critical_size=64,
    levels=3,
    critical_rows=1_024,
    filter_rows=500,
    filter_epochs=5,
    small_rows=5_000,
    small_epochs=20,
    small_repeats=2,
    converged=False,
)
