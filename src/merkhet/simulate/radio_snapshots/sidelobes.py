"""A bright source far outside the image, which a sidelobe or the skirt of the primary beam sees and nobody cleans."""

from dataclasses import dataclass

import numpy as np

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.direct import outside_source
from merkhet.simulate.interferometer.grids import RealMap
from merkhet.simulate.interferometer.primary_beam import POLARIZATIONS, Polarization, TileBeam
from merkhet.simulate.interferometer.subbands import Subband
from merkhet.simulate.interferometer.weights import Coverage
from merkhet.simulate.radio_snapshots.observations import NOISE_FREQUENCY_HZ, Observation
from merkhet.simulate.radio_snapshots.streams import Stream, changed_odds
from merkhet.simulate.radio_snapshots.survey import Survey

FREQUENCY_ODDS = 1.0  # exponent: sidelobes come up above the horizon, and closer, as the frequency rises
DIRECTIONS = 400  # among which one is chosen
LOWEST_ALTITUDE = 0.05  # sine of it
MAX_RESPONSE = 0.2  # above it, the source is in the main lobe
MIN_RESPONSE = 1e-5
CLEAR_FIELDS = 0.55  # of the whole image, from its middle: what is closer is cleaned
SPECTRAL_INDEX, INDEX_SCATTER = -0.7, 0.15
EXTENDED_SHARE, MAX_SIGMA_ARCMIN = 0.4, 2.0


@dataclass(frozen=True)
class SidelobeSource:
    """A source outside the image.

    Attributes
    ----------
    l, m
        Direction cosines.
    index
        Spectral index.
    sigma_rad
        Width, a circular Gaussian; 0 for a point.
    strength
        Rms of its pattern over that of the noise, in the image where this is largest.
    """

    l: float  # noqa: E741 (the name of a direction cosine)
    m: float
    index: float
    sigma_rad: float
    strength: float

    def relative_flux(
        self, observation: Observation, *, beam: TileBeam, subband: Subband, polarization: Polarization
    ) -> float:
        """Return the apparent flux for 1 Jy at the reference frequency."""
        direction = observation.pointing.ground(self.l, self.m)
        response = float(beam.power(direction, frequency_hz=subband.frequency_hz, polarization=polarization))
        return response * float((subband.frequency_hz / NOISE_FREQUENCY_HZ) ** self.index)

    def image(self, coverage: Coverage, *, pixel_rad: float) -> RealMap:
        """Return what it leaves in the image for an apparent flux of 1 Jy, ``(y, x)``, Jy/beam."""
        return outside_source(
            coverage, x=-self.l / pixel_rad, y=self.m / pixel_rad, sigma_px=self.sigma_rad / pixel_rad
        )


def draw_sidelobe_source(observation: Observation, *, beam: TileBeam, survey: Survey) -> SidelobeSource | None:
    """Decide whether an observation has a source in a sidelobe, where and how strong.

    Its direction is one of many over the sky, outside the array's own image and where the response is between 1e-5 and
    0.2, with a probability that goes as the root of the response: bright sources show in weak sidelobes as well.
    """
    rng = observation.stream(Stream.SIDELOBE)
    highest = observation.subbands[-1]
    factor = (highest.frequency_hz / NOISE_FREQUENCY_HZ) ** FREQUENCY_ODDS
    absent = rng.uniform() >= changed_odds(survey.prevalence, factor=factor)
    place = _direction(rng, observation, beam)
    index, extended, sigma, strength = rng.normal(SPECTRAL_INDEX, INDEX_SCATTER), *rng.uniform(size=3)
    if absent or place is None:
        return None
    return SidelobeSource(
        *place,
        index=float(index),
        sigma_rad=float(np.deg2rad(sigma * MAX_SIGMA_ARCMIN / 60)) if extended < EXTENDED_SHARE else 0.0,
        strength=float(survey.min_strength * (survey.max_strength / survey.min_strength) ** strength),
    )


def _direction(rng: np.random.Generator, observation: Observation, beam: TileBeam) -> tuple[float, float] | None:
    """Choose ``(l, m)``; None where no direction is both outside the image and seen."""
    radius, angle = np.sqrt(rng.uniform(size=DIRECTIONS)), rng.uniform(0, 2 * np.pi, DIRECTIONS)
    chance = rng.uniform()
    l, m = radius * np.cos(angle), radius * np.sin(angle)  # noqa: E741
    response = _mean_response(observation, beam, l=l, m=m)
    array, lowest = observation.array, observation.subbands[0]
    clear = CLEAR_FIELDS * array.image_px * np.deg2rad(array.pixel_deg(lowest.channel))
    up = observation.pointing.ground(l, m)[:, 2] > LOWEST_ALTITUDE
    allowed = up & (np.maximum(np.abs(l), np.abs(m)) > clear) & (response > MIN_RESPONSE) & (response < MAX_RESPONSE)
    if not allowed.any():
        return None
    share = np.cumsum(np.sqrt(response) * allowed)
    chosen = int(np.searchsorted(share, chance * share[-1], side="right"))
    return float(l[chosen]), float(m[chosen])


def _mean_response(observation: Observation, beam: TileBeam, *, l: FloatArray, m: FloatArray) -> FloatArray:  # noqa: E741
    """Return the response in the highest sub-band, the mean of both polarizations."""
    direction, frequency = observation.pointing.ground(l, m), observation.subbands[-1].frequency_hz
    powers = [beam.power(direction, frequency_hz=frequency, polarization=each) for each in POLARIZATIONS]
    return np.asarray(np.mean(powers, axis=0))
