"""The survey of snapshots that is imitated, and how often and how strongly artifacts stand in it."""

from dataclasses import dataclass
from itertools import pairwise

from merkhet.errors import ConfigError
from merkhet.simulate.interferometer.arrays import ARRAYS
from merkhet.simulate.interferometer.subbands import TUNING_SUBBANDS

MIN_SIZE_PX = 64
CLEAN = "none"


@dataclass(frozen=True)
class Survey:
    """Geometry of the images and abundance of the artifacts.

    Attributes
    ----------
    size_px
        Side of a square image, at most that of the array's own. A smaller one is its middle, with the same pixels.
    array
        ``compact``, ``phase1`` or ``extended``.
    subbands
        Sub-bands of an observation, 1 to 4, neighbors within one tuning of 30.72 MHz; each gives two images, XX and YY.
    robust
        Robustness of the weights (Briggs 1995): -2 is close to uniform, 2 to natural.
    prevalence
        Mean share of the images with interference, and of the observations with a source in a sidelobe.
    min_strength, max_strength
        Range, even in the logarithm, of the rms of an artifact over that of the noise. For interference it is that of
        the worse polarization of a sub-band; for a source in a sidelobe that of the worst image of the observation.
    strength_edges
        Limits of the strength bins, two or more. An artifact below the first counts as none; in the first bin it is
        faint, neither there nor absent; from the second limit up it counts.

    Raises
    ------
    ConfigError
        An option is out of its range.
    """

    size_px: int = 512
    array: str = "phase1"
    subbands: int = TUNING_SUBBANDS
    robust: float = -1.0
    prevalence: float = 0.5
    min_strength: float = 0.1
    max_strength: float = 5.0
    strength_edges: tuple[float, ...] = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)

    def __post_init__(self) -> None:
        if self.array not in ARRAYS:
            raise ConfigError(f"array is {self.array!r}; expected {', '.join(ARRAYS)}")
        for name, low, high in (
            ("size_px", MIN_SIZE_PX, ARRAYS[self.array].image_px),
            ("subbands", 1, TUNING_SUBBANDS),
            ("robust", -2, 2),
            ("prevalence", 0, 1),
            ("min_strength", 1e-3, 1e3),
            ("max_strength", 1e-3, 1e3),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # false for NaN as well
                raise ConfigError(f"{name} is {value}; expected {low:g} to {high:g}")
        if self.size_px % 2:
            raise ConfigError(f"size_px is {self.size_px}; expected an even number")
        if self.min_strength > self.max_strength:
            raise ConfigError(
                f"the weakest artifact, {self.min_strength:g}, is above the strongest, {self.max_strength:g}; "
                "expected --strength MIN MAX"
            )
        if len(self.strength_edges) < 2 or any(low >= high for low, high in pairwise((0.0, *self.strength_edges))):
            raise ConfigError(
                f"strength_edges are {self.strength_edges}; expected two or more positive numbers that rise"
            )

    def present(self, strength: float) -> bool:
        """Tell whether an artifact counts as one."""
        return strength >= self.strength_edges[1]

    def faint(self, strength: float) -> bool:
        """Tell whether an artifact is too weak to count as one, and too strong to count as none."""
        return self.strength_edges[0] <= strength < self.strength_edges[1]

    def strength_bin(self, strength: float) -> str:
        """Return the bin of a strength: ``none`` for zero, ``<0.1``, ``0.1-0.25``, ... ``>5``."""
        edges = self.strength_edges
        if strength == 0:
            return CLEAN
        if strength < edges[0]:
            return f"<{edges[0]:g}"
        for low, high in pairwise(edges):
            if strength < high:
                return f"{low:g}-{high:g}"
        return f">{edges[-1]:g}"
