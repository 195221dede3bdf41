"""Thresholds of the verdicts, fixed before any run, each with its reason."""

__all__ = [
    "EXACT",
    "KEPT",
    "MODEL_K",
    "NLL_EXCESS",
    "REASONS",
    "RECONSTRUCTED",
    "SIGMAS",
    "WIDER",
    "Y_H",
    "Y_T",
]

EXACT = 1e-9
SIGMAS = 4.0
WIDER = 3.0
MODEL_K = 0.02
NLL_EXCESS = 0.01
RECONSTRUCTED = 0.5
KEPT = 10.0
Y_T, Y_H = 0.05, 0.02

REASONS = {
    "identities": (
        "10⁻⁹: sums over 2¹⁶ states of numbers of order 10 round off near "
        "10⁻¹²; a wrong formula is off by far more than 0.001"
    ),
    "statistical agreement": (
        f"{SIGMAS:g} standard errors: some twenty comparisons by chance alone exceed "
        "this once in 800 runs"
    ),
    "local fields": (
        "5% quantile of the shuffled network's units: a typical unit must be narrower "
        "than all but the narrowest of a network that has the same weights elsewhere; "
        "and half the radius of an even field, as a difference can be significant and "
        "yet small"
    ),
    "wider, narrower": f"{WIDER:g} joint standard errors of the medians (bootstrap)",
    "the model's own samples": (
        f"what a change of K by {MODEL_K:.0%} does to energy and specific heat "
        "(Kaufman) and to the susceptibility (its exponent 7/4): the machine then is "
        "an Ising model of nearly the right K; 0.1 for U4, which runs from 0 to 2/3"
    ),
    "likelihood": (
        f"{NLL_EXCESS:.0%} of the data's entropy: an exact mapping would have no "
        "excess at all, so this is lenient"
    ),
    "couplings": (
        "K_c − K: whoever misses by more cannot tell this temperature from the "
        "critical one"
    ),
    "coarse couplings": (
        "the spread of decimation, majority rule and Kadanoff: as near to block spins "
        "as rules of block spins are to each other"
    ),
    "exponents": (
        f"{Y_T:g} in y_t and {Y_H:g} in y_h: the size of the truncation error that the "
        "majority rule has at its first step"
    ),
    "reconstructions": (
        f"{RECONSTRUCTED:.0%} of the block majority's overlap, which keeps as many "
        f"numbers, and {KEPT:g} standard errors above the overlap of wrong pairs"
    ),
}
