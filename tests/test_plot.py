"""Pictures: what is drawn, into which axes, and that bad input is named."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

import rgdl
from rgdl import fss, plot
from rgdl.stats import Estimate

FIELDS = np.random.default_rng(0).normal(size=(7, 6, 6))
HISTORY = {
    "epoch": [1, 2, 3],
    "free_energy_data": [-1.0, -2.0, -3.0],
    "free_energy_model": [-1.0, -1.5, -2.5],
    "reconstruction_error": [0.25, 0.2, 0.18],
}
COUPLINGS = rgdl.LatticeCouplings(8, {"nn": [(0,), (1,)]}, [0.4], errors=[0.01])
MATCHING = rgdl.rg.match_lattices(
    rgdl.Ising((16, 16), K=0.43), rgdl.rg.MajorityRule(), levels=2, n=2000, rng=0
)
MCRG = SimpleNamespace(y_h=FIELDS[0, :2], y_h_error=np.abs(FIELDS[1, :2]))
COMPARISON = rgdl.rg.compare(rgdl.Ising(8, K=0.5), [rgdl.rg.Decimation()])
K = np.linspace(0.3, 0.5, 11)
CURVES = [fss.Curve(L, K, np.tanh((K - 0.4) * L), np.full(11, 0.01)) for L in (8, 16)]
CROSSING = fss.Crossing(
    Estimate(0.4, 0.01), Estimate(0.0, 0.1), ((8, 16),), (Estimate(0.4, 0.01),), CURVES
)
DRAW = {
    "trace": lambda ax: plot.trace({"energy": FIELDS[0]}, ax=ax),
    "collapse": lambda ax: plot.collapse(
        fss.collapse(CURVES, K_c=0.4, fit=[], rng=0), ax=ax
    ),
    "binder_crossing": lambda ax: plot.binder_crossing(CROSSING, ax=ax),
    "spins": lambda ax: plot.spins(np.ones((4, 6)), ax=ax),
    "receptive_fields": lambda ax: plot.receptive_fields(FIELDS, ax=ax),
    "weights": lambda ax: plot.weights(FIELDS[0], ax=ax),
    "comparison": lambda ax: plot.comparison(COMPARISON, ax=ax),
    "couplings": lambda ax: plot.couplings(COUPLINGS, ax=ax),
    "flow": lambda ax: plot.flow([[1.0, 0.1], [0.5, 0.2]], ax=ax),
    "exponents": lambda ax: plot.exponents(MCRG, sector="odd", ax=ax),
    "matching": lambda ax: plot.matching(MATCHING, ax=ax),
    "flow_diagram": lambda ax: plot.flow_diagram(
        [rgdl.rg.kadanoff_flow(K, 3, p=0.77) for K in (0.1, [0.2, 0.1])], ax=ax
    ),
    "blocking_strip": lambda ax: plot.blocking_strip([np.ones((4, 4))], ax=ax),
    "training": lambda ax: plot.training(HISTORY, ax=ax),
}


@pytest.fixture
def ax():
    return Figure().add_subplot()


def test_every_public_function_is_tried():
    assert set(DRAW) == set(plot.__all__)


@pytest.mark.parametrize("name", DRAW)
def test_draws_into_the_axes_given(name, ax):
    assert DRAW[name](ax) is ax
    assert ax.has_data()
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", DRAW)
def test_makes_its_own_figure_without_axes(name):
    import matplotlib.pyplot as plt

    ax = DRAW[name](None)
    assert ax.has_data()
    plt.close(ax.figure)


def test_importing_does_not_load_matplotlib():
    code = "import sys, rgdl.plot, rgdl.report; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_input_is_not_modified(ax):
    fields = FIELDS.copy()
    plot.receptive_fields(fields, ax=ax)
    assert np.array_equal(fields, FIELDS)


@pytest.mark.parametrize(
    ("values", "limits"), [((-1, 1), (-1.0, 1.0)), ((0, 1), (0.0, 1.0))]
)
def test_spins_and_bits_get_the_same_two_colours(values, limits, ax):
    image = plot.spins(np.array([values]), ax=ax).images[0]
    assert image.get_clim() == limits


def test_uniform_configurations_keep_their_colour(ax):
    image = plot.spins(-np.ones((3, 3)), ax=ax).images[0]
    assert image.norm(-1.0) == 0.0


def test_chain_is_drawn_as_one_row(ax):
    assert plot.spins(np.ones(5), ax=ax).images[0].get_array().shape == (1, 5)


def test_unit_scale_brings_every_map_to_one(ax):
    scaled = FIELDS * np.arange(7)[:, None, None]
    picture = plot.receptive_fields(scaled, ax=ax).images[0].get_array()
    assert np.abs(picture).max() == 1.0
    assert np.ma.getmaskarray(picture).any()


def test_gaps_between_maps_differ_from_zero_weights(ax):
    colours = plot.receptive_fields(FIELDS, ax=ax).images[0].cmap
    assert np.abs(np.subtract(colours(np.ma.masked), colours(0.5)))[:3].max() > 0.1


def test_shared_scale_is_symmetric_and_said(ax):
    plot.receptive_fields(FIELDS, scale="shared", ax=ax)
    low, high = ax.images[0].get_clim()
    assert low == -high == -np.abs(FIELDS).max()
    assert "one colour scale" in ax.get_xlabel()


def test_mosaic_keeps_every_map_in_its_cell(ax):
    picture = np.asarray(plot.receptive_fields(FIELDS, ax=ax).images[0].get_array())
    first = FIELDS[4] / np.abs(FIELDS[4]).max()  # second row, second of three columns
    assert np.allclose(picture[7:13, 7:13], first)


def test_weights_takes_a_machine(ax):
    machine = SimpleNamespace(W_=np.eye(3))
    assert plot.weights(machine, ax=ax).images[0].get_array().shape == (3, 3)


def test_flow_takes_labels_from_a_flow(ax):
    flow = SimpleNamespace(couplings=np.ones((3, 2)), labels=("nn", "nnn"))
    plot.flow(flow, ax=ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["nn", "nnn"]


def test_strip_writes_names_above_the_lattices(ax):
    plot.blocking_strip([np.ones((8, 8)), np.ones((4, 4))], names=["v", "h"], ax=ax)
    above = [text.get_text() for text in ax.texts if text.get_position()[1] > 1]
    assert above == ["v", "h"]
    with pytest.raises(ValueError, match="names must hold one for each of 1"):
        plot.blocking_strip([np.ones((2, 2))], names=["v", "h"])


def test_strip_gives_every_lattice_the_same_size(ax):
    plot.blocking_strip([np.ones((8, 8)), -np.ones((4, 4)), np.ones((2, 2))], ax=ax)
    extents = np.array([image.get_extent() for image in ax.images])
    assert np.allclose(extents[:, 1] - extents[:, 0], 1.0)
    assert [text.get_text() for text in ax.texts] == ["8 × 8", "4 × 4", "2 × 2"]


def test_training_draws_the_error_on_its_own_axis(ax):
    plot.training(HISTORY, ax=ax)
    assert len(ax.figure.axes) == 2
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["data", "chains", "reconstruction error"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot.spins(np.ones((2, 2, 2))), "s must be one picture"),
        (lambda: plot.spins([[np.nan]]), "s must be finite"),
        (lambda: plot.receptive_fields(np.ones((2, 2))), "fields must have shape"),
        (lambda: plot.receptive_fields(FIELDS, scale="x"), "scale must be one of"),
        (lambda: plot.flow(np.ones((2, 2, 2))), "flow must have shape"),
        (lambda: plot.blocking_strip([]), "images must hold at least one"),
        (lambda: plot.training({"loss": [1]}), "history must have"),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_training_shows_a_machine_from_all_sides():
    import matplotlib.pyplot as plt

    import rgdl

    s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 300, rng=0)
    for X in (s, s.reshape(300, 16), s.reshape(300, 2, 2, 4)):
        rbm = rgdl.RBM(9, n_epochs=3, rng=0, progress=False)
        axes = plot.training(rbm.fit(X[:200], validation=X[200:]))
        assert axes.shape == (2, 4)
        assert all(panel.has_data() for panel in axes.flat[:7])
        assert len(axes[1, 1].lines) == 2  # held-out data, zero
        assert axes[0, 1].images[0].get_array().shape == (100, 9)
        axes[0, 0].figure.canvas.draw()
        plt.close(axes[0, 0].figure)
    ising = rgdl.RBM.from_ising(rgdl.Ising((4, 4), K=0.4))
    axes = plot.training(ising)
    assert axes[1, 3].texts[0].get_text() == "Nothing was trained."
    well = rgdl.RBM(9, n_epochs=20, learning_rate=[0.1] * 19 + [0.01], rng=0).fit(s)
    assert plot.training(well)[1, 3].texts[0].get_text() == "No rule is broken."
    sick = rgdl.RBM(9, n_epochs=3, learning_rate=5.0, rng=0, progress=False).fit(s)
    words = plot.training(sick)[1, 3].texts[0].get_text()
    assert words.replace("\n", " ") == "  ".join(sick.diagnose())
    assert "lower learning_rate" in words.replace("\n", " ")
    plt.close("all")


def test_matching_draws_the_numbers_it_was_given(ax):
    """Every operator, the mean last; K_c and the K of the run as lines."""
    plot.matching(MATCHING, ax=ax)
    drawn = [each.lines[0].get_ydata() for each in ax.containers]
    np.testing.assert_array_equal(drawn[:-1], MATCHING.k_c.T)
    np.testing.assert_array_equal(drawn[-1], MATCHING.combined)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == [*MATCHING.labels, "mean"]
    rows = [line.get_ydata()[0] for line in ax.lines[:2]]
    assert rows == [rgdl.exact.K_CRITICAL, 0.43]
    low, high = ax.get_ylim()
    assert low < 0.43 < MATCHING.combined[-1] < high < 0.5


def test_flow_diagrams_show_the_starts_and_colour_the_phases(ax):
    """On the line of the nearest-neighbour model the colour changes at K_c."""
    point = rgdl.rg.niemeijer_van_leeuwen()
    K_c = point.parameters["K_c"]
    flows = [
        rgdl.rg.niemeijer_van_leeuwen_flow([K_c + gap, 0.0], 30)
        for gap in (-0.05, -0.001, 0.001, 0.05)
    ]
    plot.flow_diagram(flows, plane=("nn", "nnn"), points=[point], ax=ax)
    colours = [tuple(c.get_facecolor()[0]) for c in ax.collections[:4]]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    low, high = ax.get_xlim()
    assert low < K_c - 0.05
    assert K_c + 0.05 < high < 1.0
    with pytest.raises(ValueError, match="plane must name"):
        plot.flow_diagram(flows, plane=("nn", "plaquette"), ax=ax)
    with pytest.raises(ValueError, match="at least one flow"):
        plot.flow_diagram([], ax=ax)
