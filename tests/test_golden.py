"""Golden replays: the bits of every sampler, as they were."""

import zlib

import numpy as np
import pytest

import rgdl

SQUARE = rgdl.Ising((16, 16), K=0.42)
FIELD = rgdl.Ising((6, 8), K=-0.3, h=0.2)
CUBE = rgdl.Ising((4, 5, 6), K=0.2)
CYLINDER = rgdl.Ising((9, 70), K=-0.4, h=0.1, periodic=(False, True))
GLASS = rgdl.Ising(9, K=0.7, couplings={1: 1.0, 2: -0.5, ((1,), (2,)): 0.3}, h=0.1)
FRUSTRATED = rgdl.Ising(9, K=1, couplings={1: 1.0, 2: -0.5})
METHODS = ("local", "heatbath", "metropolis", "swendsen-wang", "wolff")


def trace(model, method, **options):
    given = {"chains": 24, "draws": 6, "burn_in": 9, "thin": 2, "rng": 17} | options
    return rgdl.simulate(model, method=method, **given)


def ladder():
    with pytest.warns(rgdl.EquilibrationWarning):
        return rgdl.temper(GLASS, [0.2, 0.5, 0.9], draws=5, rng=17)


REPLAYS = {
    **{f"square {name}": lambda name=name: trace(SQUARE, name) for name in METHODS},
    **{f"field {name}": lambda name=name: trace(FIELD, name) for name in METHODS},
    **{f"cube {name}": lambda name=name: trace(CUBE, name) for name in METHODS},
    **{f"glass {name}": lambda name=name: trace(GLASS, name) for name in METHODS[:3]},
    **{
        f"cylinder {name}": lambda name=name: trace(CYLINDER, name)
        for name in METHODS[3:]
    },
    "one large": lambda: trace(rgdl.Ising((16, 128), K=0.42), "local", chains=2),
    "square perfect": lambda: trace(rgdl.Ising((8, 8), K=0.3), "perfect", burn_in=None),
    "ladder": ladder,
}
GOLDEN = {
    "square local": 3506086866,
    "square heatbath": 2387709441,
    "square metropolis": 139106786,
    "square swendsen-wang": 3046122316,
    "square wolff": 262285030,
    "field local": 2395176842,
    "field heatbath": 3802585216,
    "field metropolis": 3882253201,
    "field swendsen-wang": 370720631,
    "field wolff": 2228780807,
    "cube local": 1877875054,
    "cube heatbath": 34602588,
    "cube metropolis": 4005152202,
    "cube swendsen-wang": 120958101,
    "cube wolff": 3271127700,
    "glass local": 1449889302,
    "glass heatbath": 3778029458,
    "glass metropolis": 422846447,
    "cylinder swendsen-wang": 780621961,
    "cylinder wolff": 2368125038,
    "one large": 2937781969,
    "square perfect": 2506016225,
    "ladder": 1180052516,
}


def rows(model, method):
    return rgdl.sample(model, 24, method=method, burn_in=9, rng=17)


def density():
    found = rgdl.wang_landau(FRUSTRATED, walkers=4, log_f=0.01, rng=17)
    return np.round([found.log_g, found.errors], 6)  # logarithms are of the libm


OTHERS = {
    **{f"square {name}": lambda name=name: rows(SQUARE, name) for name in METHODS},
    **{f"cube {name}": lambda name=name: rows(CUBE, name) for name in METHODS},
    **{f"glass {name}": lambda name=name: rows(GLASS, name) for name in METHODS[:3]},
    "square after the table": lambda: rgdl.sample(SQUARE, 24, rng=17),
    "glass after a pilot": lambda: rgdl.sample(GLASS, 24, rng=17),
    "field after a pilot": lambda: rgdl.sample(
        rgdl.Ising((6, 8), K=-1, h=3.4), 24, rng=17
    ),
    "square perfect": lambda: rgdl.sample(
        rgdl.Ising((8, 8), K=0.3), 24, method="perfect", rng=17
    ),
    "density": density,
}
GOLDEN_OTHERS = {
    "square local": 2859637240,
    "square heatbath": 3608936751,
    "square metropolis": 3870805464,
    "square swendsen-wang": 472973691,
    "square wolff": 198380850,
    "cube local": 4122773596,
    "cube heatbath": 3494386579,
    "cube metropolis": 1663601358,
    "cube swendsen-wang": 719655869,
    "cube wolff": 1403538652,
    "glass local": 2649712306,
    "glass heatbath": 3571809727,
    "glass metropolis": 360189828,
    "square after the table": 1902918615,
    "glass after a pilot": 2163817236,
    "field after a pilot": 2605513889,
    "square perfect": 490151451,
    "density": 1432331003,
}


@pytest.mark.filterwarnings("ignore:burn_in=")
@pytest.mark.parametrize("name", OTHERS)
def test_replay_of_rows_and_densities(name, simd):
    crc = zlib.crc32(np.ascontiguousarray(OTHERS[name]()).tobytes())
    assert crc == GOLDEN_OTHERS[name]


@pytest.mark.filterwarnings("ignore:burn_in=")
@pytest.mark.parametrize("name", REPLAYS)
def test_replay(name, simd):
    found = REPLAYS[name]()
    crc = 0
    for series in ("energy", "magnetization"):
        crc = zlib.crc32(np.ascontiguousarray(found[series]).tobytes(), crc)
    assert crc == GOLDEN[name]
