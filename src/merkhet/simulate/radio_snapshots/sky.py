"""The sources in the field of an observation: one list for all its images."""

from dataclasses import dataclass

import numpy as np

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.pointing import Pointing
from merkhet.simulate.interferometer.primary_beam import Polarization, TileBeam
from merkhet.simulate.interferometer.subbands import Subband
from merkhet.simulate.radio_snapshots.observations import Observation, Scene
from merkhet.simulate.radio_snapshots.streams import Stream
from merkhet.simulate.radio_snapshots.survey import Survey
from merkhet.simulate.source_counts import FLUX_RANGE_JY, draw_fluxes

COUNTS_FREQUENCY_HZ = 1.4e9
SPECTRAL_INDEX, INDEX_SCATTER = -0.8, 0.2
FAINTEST_NOISE = 0.7  # sources are drawn down to here, in units of the noise in the middle of the tuning
# Sources that show what is wrong with the calibration, and those of the A-team: how many, and fluxes over the noise.
BRIGHT_NOISE: dict[Scene, tuple[int, float, float]] = {
    "calibration_error": (3, 200.0, 2000.0),
    "ionosphere": (4, 200.0, 1500.0),
    "a_team": (1, 3000.0, 30000.0),
}


@dataclass(frozen=True)
class Sources:
    """Point sources.

    Attributes
    ----------
    l, m
        Direction cosines to the east and north of the phase center, ``(source,)``.
    flux_jy
        At ``frequency_hz``.
    index
        Spectral indices.
    frequency_hz
        Of the fluxes.
    """

    l: FloatArray  # noqa: E741 (the name of a direction cosine)
    m: FloatArray
    flux_jy: FloatArray
    index: FloatArray
    frequency_hz: float

    def apparent_jy(
        self, beam: TileBeam, *, pointing: Pointing, subband: Subband, polarization: Polarization
    ) -> FloatArray:
        """Return fluxes times the response of the primary beam."""
        response = beam.power(
            pointing.ground(self.l, self.m), frequency_hz=subband.frequency_hz, polarization=polarization
        )
        return self.flux_jy * (subband.frequency_hz / self.frequency_hz) ** self.index * response

    def pixels(self, pixel_rad: float) -> tuple[FloatArray, FloatArray]:
        """Return ``x`` and ``y`` in pixels from the phase center."""
        return -self.l / pixel_rad, self.m / pixel_rad


def draw_sources(observation: Observation, *, survey: Survey) -> Sources:
    """Draw the sources within the image of the lowest sub-band, which is the widest.

    Fluxes follow the counts of Hopkins et al. (2003) at 1.4 GHz with a mean spectral index of -0.8.
    """
    rng = observation.stream(Stream.SKY)
    lowest, middle = observation.subbands[0], observation.subbands[len(observation.subbands) // 2]
    half = 0.5 * survey.size_px * np.deg2rad(observation.array.pixel_deg(lowest.channel))
    noise, frequency = observation.noise_jy(middle), middle.frequency_hz
    to_counts = (COUNTS_FREQUENCY_HZ / frequency) ** SPECTRAL_INDEX
    faintest = float(np.clip(FAINTEST_NOISE * noise * to_counts, *FLUX_RANGE_JY))
    flux = draw_fluxes(rng, solid_angle_sr=(2 * half) ** 2, min_flux_jy=faintest) / to_counts
    l, m = rng.uniform(-half, half, size=(2, len(flux)))  # noqa: E741
    index = rng.normal(SPECTRAL_INDEX, INDEX_SCATTER, len(flux))
    if observation.scene in BRIGHT_NOISE:
        most, low, high = BRIGHT_NOISE[observation.scene]
        number = int(rng.integers(1, most + 1))
        highest = 0.5 * survey.size_px * np.deg2rad(observation.array.pixel_deg(observation.subbands[-1].channel))
        l = np.append(l, rng.uniform(-highest, highest, number))  # noqa: E741
        m = np.append(m, rng.uniform(-highest, highest, number))
        flux = np.append(flux, noise * np.exp(rng.uniform(np.log(low), np.log(high), number)))
        index = np.append(index, rng.normal(SPECTRAL_INDEX, INDEX_SCATTER, number))
    above = l**2 + m**2 < 1
    return Sources(l[above], m[above], flux[above], index[above], frequency)
