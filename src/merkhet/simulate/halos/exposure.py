"""How long each place of the sky is looked at: scans along great circles through the ecliptic poles, with outages.

Exposure and background are functions of the sky, so that overlapping images agree on them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from merkhet.simulate.halos.sphere import FloatArray, ecliptic
from merkhet.simulate.halos.streams import Stream, generator
from merkhet.simulate.halos.survey import Survey

FIELD_RADIUS_DEG = 0.515  # of the field of view
VIGNETTING_RADIUS_DEG = 0.52  # where the effective area has fallen to half
SCAN_STEP_DEG = 1 / 6  # six rotations a day, while the scan circle moves by a degree of ecliptic longitude
SCANS = round(360 / SCAN_STEP_DEG)
OUTAGE_RATE = 1 / 60  # scans at which an outage begins
OUTAGE_SCANS = 4.0  # mean length
MIN_COS_LATITUDE = 0.15  # nearer to the poles the law of the scans no longer holds
GRADIENT_WAVES, GRADIENT_WAVENUMBER, GRADIENT_AMPLITUDE = 6, 25.0, 0.12


def scan_profile(distance_deg: npt.ArrayLike, *, vignetted: bool) -> FloatArray:
    """Return the exposure of one scan at a distance from its middle, in degrees of path through the field of view.

    The chord has the half-length ``L = sqrt(R^2 - d^2)``; the effective area falls as ``V = 1 / (1 + r^2/v^2)``, whose
    integral over the chord is ``2 v^2/a atan(L/a)`` with ``a^2 = v^2 + d^2``.
    """
    squared = np.asarray(distance_deg, dtype=np.float64) ** 2
    half_chord = np.sqrt(np.clip(FIELD_RADIUS_DEG**2 - squared, 0, None))
    if not vignetted:
        return np.asarray(2 * half_chord)
    a = np.sqrt(VIGNETTING_RADIUS_DEG**2 + squared)
    return np.asarray(2 * VIGNETTING_RADIUS_DEG**2 / a * np.arctan(half_chord / a))


@dataclass(frozen=True)
class Coverage:
    """Exposure and background of the whole sky, for one seed.

    Attributes
    ----------
    survey
        Depth.
    seed
        Draws the outages and the gradients of the sky.
    """

    survey: Survey
    seed: int

    @cached_property
    def activity(self) -> FloatArray:
        """Share of each scan that was taken, ``(SCANS,)``: zero in an outage."""
        rng = generator(self.seed, Stream.SCANS)
        activity = rng.uniform(0.85, 1.0, SCANS)
        first = np.flatnonzero(rng.uniform(size=SCANS) < OUTAGE_RATE)
        for start, length in zip(first, rng.geometric(1 / OUTAGE_SCANS, len(first)), strict=True):
            activity[np.arange(start, start + length) % SCANS] = 0.0
        return activity

    def exposure(self, vectors: FloatArray, *, vignetted: bool = True) -> FloatArray:
        """Return seconds at positions ``(..., 3)``; without vignetting the field of view counts in full."""
        longitude, cos_latitude = ecliptic(vectors)
        cos_latitude = np.maximum(cos_latitude, MIN_COS_LATITUDE)
        reach = int(np.ceil(FIELD_RADIUS_DEG / (SCAN_STEP_DEG * float(cos_latitude.min()))))
        nearest = np.rint(longitude / SCAN_STEP_DEG).astype(int)
        total = np.zeros(longitude.shape)
        for step in range(-reach, reach + 1):
            distance = (longitude - (nearest + step) * SCAN_STEP_DEG) * cos_latitude
            total += self.activity[(nearest + step) % SCANS] * scan_profile(distance, vignetted=vignetted)
        return total * self.survey.exposure_s * SCAN_STEP_DEG / _PROFILE_AREA

    def bound(self, vectors: FloatArray, *, margin_deg: float) -> float:
        """Return an exposure that none within a margin of the positions ``(..., 3)`` exceeds."""
        _, cos_latitude = ecliptic(vectors)
        latitude = np.arccos(np.clip(cos_latitude, -1, 1)) + np.deg2rad(margin_deg)
        lowest = max(float(np.cos(np.minimum(latitude, np.pi / 2)).min()), MIN_COS_LATITUDE)
        return float(self.survey.exposure_s / lowest * _RIPPLE)

    @cached_property
    def _waves(self) -> tuple[FloatArray, FloatArray]:
        rng = generator(self.seed, Stream.GRADIENT)
        direction = rng.normal(size=(GRADIENT_WAVES, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        lengths = GRADIENT_WAVENUMBER * rng.uniform(0.3, 1, (GRADIENT_WAVES, 1))
        return direction * lengths, rng.uniform(0, 2 * np.pi, GRADIENT_WAVES)

    def gradient(self, vectors: FloatArray) -> FloatArray:
        """Return the brightness of the sky background over its mean: smooth, between 0.28 and 1.72."""
        waves, phases = self._waves
        return np.asarray(1 + GRADIENT_AMPLITUDE * np.sin(vectors @ waves.T + phases).sum(axis=-1))

    def background(self, vectors: FloatArray) -> FloatArray:
        """Return the expected background in counts per pixel."""
        return self.survey.background_rate(
            vignetted=self.exposure(vectors),
            unvignetted=self.exposure(vectors, vignetted=False),
            gradient=self.gradient(vectors),
        )

    def background_bound(self, vectors: FloatArray, *, margin_deg: float) -> float:
        """Return counts per pixel that none within a margin of the positions exceeds."""
        exposure = self.bound(vectors, margin_deg=margin_deg)
        brightest = 1 + GRADIENT_WAVES * GRADIENT_AMPLITUDE
        full = np.full(1, exposure / _MEAN_VIGNETTING)
        background = self.survey.background_rate(
            vignetted=np.full(1, exposure), unvignetted=full, gradient=np.full(1, brightest)
        )
        return float(background[0])


def thin(
    rng: np.random.Generator, vectors: FloatArray, *, density: Callable[[FloatArray], FloatArray], bound: float
) -> FloatArray:
    """Keep each of the photons ``(n, 3)``, drawn for a density of ``bound``, by the density where it fell."""
    keep = rng.uniform(size=len(vectors)) * bound < density(vectors)
    return vectors[keep]


def _profile_areas() -> tuple[float, float]:
    """Return the integrals of the profile of a scan over the distance, with and without vignetting."""
    distance = np.linspace(-FIELD_RADIUS_DEG, FIELD_RADIUS_DEG, 4001)
    vignetted, full = (np.trapezoid(scan_profile(distance, vignetted=which), distance) for which in (True, False))
    return float(vignetted), float(full)


_PROFILE_AREA, _FULL_AREA = _profile_areas()
_MEAN_VIGNETTING = _PROFILE_AREA / _FULL_AREA
_RIPPLE = 1.25  # the scans are discrete: at full activity their sum ripples about its mean
