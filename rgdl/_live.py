"""A moving lattice beside its block spins: what it does, apart from how it is shown."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._rng import RngLike, draw_key
from rgdl._states import Floats
from rgdl.exact import kaufman
from rgdl.ising import Ising
from rgdl.rg import MajorityRule, Transform
from rgdl.sampling import sample
from rgdl.simulation import _backend

if TYPE_CHECKING:
    from rgdl._live_widget import LiveWidget

__all__ = ["Frame", "LiveRun", "Session", "live"]

COLDEST, HOTTEST = 1.0, 5.0
_LARGEST_K = 1.2
_STEP_SECONDS = 0.012  # of a frame; its way to the screen takes longer
_MOST_SWEEPS = 32
_MOST_FRAMES = 8  # in one answer: the slider must not lag


@dataclass(frozen=True, eq=False)
class Frame:
    """What one step shows.

    Attributes
    ----------
    images : tuple of ndarray of int8
        The first lattice and its block spins, level by level.
    energies : tuple of float
        Energy per site of each level, mean over all lattices.
    k_eff : tuple of float
        Coupling of the nearest-neighbour model of that size with that energy.
    temperature : float
    sweeps : int
        Since the start.
    """

    images: tuple[npt.NDArray[np.int8], ...]
    energies: tuple[float, ...]
    k_eff: tuple[float, ...]
    temperature: float
    sweeps: int


class LiveRun:
    """Lattices at a temperature that may change, and their block spins.

    All have the same temperature and move independently; the first is shown, energies
    are means over all. The same key, temperatures and sweeps give the same frames.

    Parameters
    ----------
    model : Ising
        Nearest neighbours on a two-dimensional torus without field, K above 0.
    transform : Transform
        With a square coarse lattice; applied `levels` times.
    levels : int
    lattices : int
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
    """

    def __init__(
        self,
        model: Ising,
        transform: Transform,
        *,
        levels: SupportsIndex = 3,
        lattices: SupportsIndex = 16,
        rng: RngLike = None,
    ) -> None:
        self.levels = _validate.count(levels, "levels")
        self.lattices = _validate.count(lattices, "lattices")
        self.shapes = _checked(model, transform, self.levels)
        self.transform = transform
        self.key = draw_key(rng)
        self.sweeps = self._frame = 0
        key = tuple(int(word) for word in self.key)
        self._spins = sample(model, self.lattices, rng=key, progress=False)
        self._units = [Ising(shape, K=1.0) for shape in self.shapes]
        self._tables = [_energy_table(shape) for shape in self.shapes]
        assert model.K is not None
        self.temperature = 1.0 / model.K

    def step(self, sweeps: SupportsIndex) -> Frame:
        """Do so many sweeps at the present temperature and look at all levels."""
        sweeps = _validate.count(sweeps, "sweeps")
        self._frame += 1
        model = Ising(self.shapes[0], K=1.0 / self.temperature)
        start = self._spins.reshape(self.lattices, -1)
        backend = _backend(model, "local", self.lattices, start, self._key(0), 1)
        backend.run(1, sweeps, ("energy",), None)
        self._spins = spins = backend.spins()
        self.sweeps += sweeps
        images, energies = [], []
        for level, unit in enumerate(self._units):
            if level:
                key = tuple(int(word) for word in self._key(level))
                spins = self.transform.coarsen(spins, rng=key)
            images.append(spins[0].copy())
            energies.append(float(unit.energy(spins).mean()))
        return Frame(
            tuple(images),
            tuple(energies),
            tuple(
                float(np.interp(-energy, sizes, couplings))
                for energy, (couplings, sizes) in zip(
                    energies, self._tables, strict=True
                )
            ),
            self.temperature,
            self.sweeps,
        )

    def _key(self, level: int) -> npt.NDArray[np.uint64]:
        key = self.key.copy()
        key[3] ^= np.uint64(self._frame << 8 | level)
        return key


def _energy_table(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Couplings from 0 on and minus the exact energy of the torus, both rising."""
    couplings = np.linspace(0.0, _LARGEST_K, 97)
    torus = (shape[0], shape[1])
    return couplings, np.array([-kaufman(torus, float(K)).energy for K in couplings])


def _checked(
    model: Ising, transform: Transform, levels: int
) -> tuple[tuple[int, ...], ...]:
    """Shapes of all levels."""
    if not isinstance(model, Ising):
        raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
    if not isinstance(transform, Transform):
        raise TypeError(f"transform must be a rgdl.rg.Transform, got {transform!r}")
    if model.ndim != 2:
        raise ValueError(f"model must be two-dimensional, got shape {model.shape}")
    K, h = model._plain("a live lattice needs")
    if h != 0:
        raise ValueError(f"model must have h=0, got h={h:g}")
    if not 1.0 / HOTTEST <= K <= 1.0 / COLDEST:
        raise ValueError(
            f"model must have T = 1/K from {COLDEST:g} to {HOTTEST:g}, got K={K:g}"
        )
    shapes: list[tuple[int, ...]] = [model.shape]
    for _ in range(levels):
        coarse = transform._torus(shapes[-1])
        if coarse is None or len(coarse) != 2 or min(coarse) < 2:
            raise ValueError(
                f"transform must give a square lattice {levels} times, from "
                f"{shapes[-1]} {transform!r} gives {coarse}"
            )
        shapes.append(coarse)
    return tuple(shapes)


class Session:
    """The conversation with a page: it asks for frames, we answer with a few.

    Nothing runs on its own: a page that is closed, hidden or paused asks no more. A few
    at a time, because the way to the screen and back costs more than a frame.
    """

    def __init__(self, run: LiveRun) -> None:
        self.run = run
        self.sweeps = 4

    def answer(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """Answer {"type": "frames", "temperature": T, "count": n}.

        With numbers and, frame by frame and level by level, packed images. The number
        of sweeps adapts itself so that a frame takes about the same time on any
        machine. What goes wrong is answered as {"type": "error"}.
        """
        try:
            if not isinstance(message, Mapping) or message.get("type") != "frames":
                raise ValueError(f"message must ask for frames, got {message!r}")
            count = _validate.count(message.get("count", 1), "count")
            self.run.temperature = _validate.finite(
                message.get("temperature", self.run.temperature),
                "temperature",
                least=COLDEST,
                most=HOTTEST,
            )
            frames = [self._timed() for _ in range(min(count, _MOST_FRAMES))]
        except (ValueError, TypeError) as problem:
            return {"type": "error", "message": str(problem)}, []
        except KeyboardInterrupt:
            return {"type": "error", "message": "interrupted"}, []
        content = {
            "type": "frames",
            "temperature": self.run.temperature,
            "frames": [
                {
                    "sweeps": frame.sweeps,
                    "energies": [round(energy, 6) for energy in frame.energies],
                    "k_eff": [round(k, 6) for k in frame.k_eff],
                }
                for frame in frames
            ],
        }
        return content, [_packed(image) for frame in frames for image in frame.images]

    def _timed(self) -> Frame:
        begin = time.perf_counter()
        frame = self.run.step(self.sweeps)
        faster = _STEP_SECONDS / (time.perf_counter() - begin)
        wanted = round(self.sweeps * min(max(faster, 0.5), 2.0))
        self.sweeps = min(max(wanted, 1), _MOST_SWEEPS)
        return frame


def _packed(image: npt.NDArray[np.int8]) -> bytes:
    """Spins in C order, 8 to a byte, bit 1 = up, the lowest bit first."""
    words = _core.pack(image.reshape(1, -1), -1)
    return words.astype("<u8").tobytes()[: math.ceil(image.size / 8)]


def live(
    model: Ising,
    transform: Transform | None = None,
    *,
    levels: SupportsIndex = 3,
    rng: RngLike = None,
) -> "LiveWidget":
    r"""Show a moving lattice beside its block spins in a notebook.

    Parameters
    ----------
    model : Ising
        Nearest neighbours on a two-dimensional torus without field, with a temperature
        from 1 to 5: where the slider starts.
    transform : Transform, default MajorityRule()
        Coarse-graining with a square lattice, applied `levels` times.
    levels : int, default 3
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key

    Returns
    -------
    anywidget.AnyWidget
        A slider for the temperature, the lattice, its blocked images, and for each
        level the coupling K_eff that its energy stands for (`rgdl.exact.k_eff`). Above
        the critical temperature K_eff falls from level to level, below it rises; only
        at it does it stay. It moves while the kernel is idle and the page in view.

    Raises
    ------
    ImportError
        Without the extra ``rgdl[notebooks]``.
    ValueError, TypeError
        For another kind of model, or a transform that does not fit it.

    Notes
    -----
    Energies are means over 16 lattices of the same temperature, of which the first is
    shown. They start in equilibrium and then move locally: after a jump of the slider
    the system needs its time, near :math:`T_c` a long one. The energy of block spins is
    read as if they had no other than nearest-neighbour couplings.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((128, 128), T=2.3)
    >>> rgdl.live(model, transform=rgdl.rg.MajorityRule())  # doctest: +SKIP
    """
    try:
        from rgdl._live_widget import LiveWidget
    except ImportError as missing:
        raise ImportError(
            "rgdl.live shows a widget and needs anywidget: "
            "pip install 'rgdl[notebooks]'"
        ) from missing
    rule = MajorityRule() if transform is None else transform
    return LiveWidget(Session(LiveRun(model, rule, levels=levels, rng=rng)))
