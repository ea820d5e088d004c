"""Hard negatives: wrong antenna gains and the ionosphere, which leave patterns about bright sources in the field."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.grids import Spectrum
from merkhet.simulate.interferometer.primary_beam import POLARIZATIONS, Polarization
from merkhet.simulate.interferometer.subbands import Subband
from merkhet.simulate.interferometer.weights import Coverage
from merkhet.simulate.radio_snapshots.observations import NOISE_FREQUENCY_HZ, Observation
from merkhet.simulate.radio_snapshots.streams import Stream

KOLMOGOROV = 5 / 3
MAX_SHIFT_PX = 1.2
WAVES = 3


@dataclass(frozen=True)
class GainErrors:
    """Complex gains that calibration got wrong.

    Attributes
    ----------
    amplitude
        Relative errors ``(polarization, antenna)``.
    phase
        Radians at the reference frequency; errors of delay, so that they grow with frequency.
    """

    amplitude: FloatArray
    phase: FloatArray

    def gains(self, subband: Subband, polarization: Polarization) -> npt.NDArray[np.complex128]:
        """Return the gains of all antennas."""
        number = POLARIZATIONS.index(polarization)
        phase = self.phase[number] * (subband.frequency_hz / NOISE_FREQUENCY_HZ)
        return np.asarray((1 + self.amplitude[number]) * np.exp(1j * phase))

    def response(self, coverage: Coverage, *, observation: Observation, gains: npt.NDArray[np.complex128]) -> Spectrum:
        """Return the spectrum of what CLEAN leaves of a source of 1 Jy: that of ``g_i conj(g_j) - 1``."""
        first, second = observation.array.pairs
        error = (gains[first] * gains[second].conj() - 1)[coverage.tracks.baseline]
        return np.asarray(coverage.spread(error), dtype=np.complex64)


def draw_gain_errors(observation: Observation) -> GainErrors:
    """Draw errors on all antennas, or large ones on a few; half of the variance is common to both polarizations."""
    rng = observation.stream(Stream.SCENE)
    antennas = len(observation.array.positions)
    scale = np.exp(rng.uniform(np.log(0.02), np.log(0.12)))
    if rng.uniform() < 0.5:
        scale = np.where(rng.uniform(size=antennas) < rng.uniform(0.02, 0.1), 5 * scale, 0.0)
    errors = rng.standard_normal((2, 2, antennas)) + rng.standard_normal((2, 1, antennas))
    amplitude, phase = errors * scale * np.sqrt(0.5)
    return GainErrors(amplitude, phase)


@dataclass(frozen=True)
class Ionosphere:
    """A turbulent phase screen, seen through the isoplanatic patch of the field.

    Attributes
    ----------
    scale_m
        Baseline on which the phase differs by one radian rms at the reference frequency.
    waves
        ``(wave, 4)``: direction cosine per radian in l and m, phase, and amplitude in pixels of the shifts.
    """

    scale_m: float
    waves: FloatArray

    def response(self, coverage: Coverage, *, meters: float, subband: Subband) -> Spectrum:
        """Return the spectrum of what the loss of coherence takes from a source of 1 Jy.

        exp(-D / 2) - 1 with the structure function D = (b / b0)^(5/3) of Kolmogorov turbulence. D goes as the square of
        the wavelength, and so b0 as the frequency to the power 6/5.

        Parameters
        ----------
        meters
            Length of a baseline of one cycle per pixel.
        """
        scale = self.scale_m * (subband.frequency_hz / NOISE_FREQUENCY_HZ) ** (2 / KOLMOGOROV)
        length = np.hypot(*coverage.tracks.k) * meters / scale
        loss = np.expm1(-0.5 * length**KOLMOGOROV)
        return np.asarray(coverage.spread(loss), dtype=np.complex64)

    def shifts(self, l: FloatArray, m: FloatArray, *, subband: Subband) -> tuple[FloatArray, FloatArray]:  # noqa: E741
        """Return by how many pixels sources stand off in x and y: refraction goes as the wavelength squared.

        A shift in pixels goes as the wavelength once, since the pixels do too.
        """
        factor = NOISE_FREQUENCY_HZ / subband.frequency_hz
        shift = np.zeros((2, len(l)))
        for along, across, phase, amplitude in self.waves:
            wave = factor * amplitude * np.sin(along * l + across * m + phase)
            shift += wave * np.array([[along], [across]]) / np.hypot(along, across)
        return shift[0], shift[1]


def draw_ionosphere(observation: Observation) -> Ionosphere:
    """Draw the strength of the turbulence and the waves of the refraction."""
    rng = observation.stream(Stream.SCENE)
    longest = float(np.hypot(*observation.array.baselines.T).max())
    scale = longest * np.exp(rng.uniform(np.log(0.4), np.log(3)))
    number, angle = 2 * np.pi / np.deg2rad(rng.uniform(3, 20, WAVES)), rng.uniform(0, 2 * np.pi, WAVES)
    phase, amplitude = rng.uniform(0, 2 * np.pi, WAVES), rng.uniform(0, MAX_SHIFT_PX / WAVES, WAVES)
    waves = np.stack([number * np.cos(angle), number * np.sin(angle), phase, amplitude], axis=1)
    return Ionosphere(float(scale), waves)
