"""Error bars of correlated series, and results that say when not to trust them.

Series have shape (chain, draw), or (draw,) for one chain, as ArviZ and emcee take them.
There is one definition of the autocorrelation time, Sokal's: white noise has 1/2, and a
mean over n draws counts as n / (2 tau_int) independent ones.
"""

from rgdl.stats._autocorrelation import (
    Binning,
    autocorrelation_time,
    binning,
    ess,
    mean,
)
from rgdl.stats._convergence import r_hat
from rgdl.stats._estimate import Estimate
from rgdl.stats._histograms import MultiHistogram, reweight
from rgdl.stats._jackknife import jackknife

__all__ = [
    "Binning",
    "Estimate",
    "MultiHistogram",
    "autocorrelation_time",
    "binning",
    "ess",
    "jackknife",
    "mean",
    "r_hat",
    "reweight",
]
