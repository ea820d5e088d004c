"""Where in the Fourier plane a snapshot measures: all baselines, over the bandwidth and over the time.

Each baseline is a short arc that is cut into samples of equal weight, few for a short baseline and many for a long one,
so that none moves by more than a chosen step within a sample. What a sample averages is kept with it: a source far from
the phase center loses the baselines that turn its phase within a sample (bandwidth and time smearing).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.arrays import SPEED_OF_LIGHT, Array
from merkhet.simulate.interferometer.pointing import Pointing
from merkhet.simulate.interferometer.subbands import Subband

EARTH_ROTATION = 7.292115e-5  # rad/s
OCTAVES = 6  # of baseline lengths, each with its own number of samples


@dataclass(frozen=True, eq=False)
class Arcs:
    """Baselines of about one length, each cut into the same number of samples.

    Attributes
    ----------
    baseline
        Their indices, ``(baseline,)``.
    k
        ``(2, baseline, time, channel)``, cycles per pixel along x and y.
    motion
        ``(2, baseline)``, by how much ``k`` moves over the snapshot, at the middle of the band.
    relative_width
        Bandwidth over frequency.
    """

    baseline: npt.NDArray[np.intp]
    k: FloatArray
    motion: FloatArray
    relative_width: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of baselines, times and channels."""
        baselines, times, channels = self.k.shape[1:]
        return baselines, times, channels

    def smearing(self, x: float, y: float) -> FloatArray:
        """Return the share of the amplitude of a source at ``(x, y)`` that each sample keeps, flat."""
        _, times, channels = self.shape
        relative = _relative_frequencies(channels, self.relative_width)
        turns = self.k[0] * x + self.k[1] * y
        over_band = turns * (self.relative_width / channels / relative)
        over_time = (self.motion[0] * x + self.motion[1] * y)[:, None, None] * (relative / times)
        return np.asarray(np.sinc(over_band) * np.sinc(over_time)).ravel()


@dataclass(frozen=True, eq=False)
class Tracks:
    """Samples of the Fourier plane: all arcs, flat, in the order of :attr:`arcs`."""

    arcs: tuple[Arcs, ...]

    @cached_property
    def k(self) -> FloatArray:
        """``(2, sample)``, cycles per pixel along x and y, on both sides of the plane."""
        return np.concatenate([arcs.k.reshape(2, -1) for arcs in self.arcs], axis=1)

    @cached_property
    def weight(self) -> FloatArray:
        """``(sample,)``, the share of its baseline's measurements; they sum up to the number of baselines."""
        return self._each(lambda arcs: np.full(int(np.prod(arcs.shape)), arcs.shape[0] / np.prod(arcs.shape)))

    @cached_property
    def baseline(self) -> npt.NDArray[np.intp]:
        """``(sample,)``, index of the baseline."""
        return np.concatenate([np.repeat(arcs.baseline, arcs.shape[1] * arcs.shape[2]) for arcs in self.arcs])

    def smearing(self, *, x: float, y: float) -> FloatArray:
        """Return the share of a source's amplitude that the average over each sample keeps, ``(sample,)``.

        sinc of the turns of phase over the bandwidth times that over the time (Bridle & Schwab 1999, ASP Conf. 180,
        371, for a rectangular band).

        Parameters
        ----------
        x, y
            Place of the source in pixels from the phase center.
        """
        return self._each(lambda arcs: arcs.smearing(x, y))

    def _each(self, function: Callable[[Arcs], FloatArray]) -> FloatArray:
        return np.concatenate([function(arcs) for arcs in self.arcs])


def sample_tracks(array: Array, *, pointing: Pointing, subband: Subband, duration_s: float, step: float) -> Tracks:
    """Sample the tracks of all baselines over a sub-band and a snapshot.

    Parameters
    ----------
    pointing
        At the middle of the snapshot; the phase center is followed.
    step
        Largest move within a sample, cycles per pixel. A source ``n`` pixels from another asks for half of ``1 / n``.
    """
    length = np.hypot(*_wavenumbers(array, pointing, subband))
    turn = EARTH_ROTATION * duration_s
    relative_width = subband.bandwidth_hz / subband.frequency_hz
    limits = [float(length.max()) * 2.0**-octave for octave in range(OCTAVES)] + [-1.0]
    parts = []
    for high, low in pairwise(limits):
        index = np.flatnonzero((length <= high) & (length > low))
        counts = _power_of_two(high * turn / step), _power_of_two(high * relative_width / step)
        parts.append(_cut(array, index, pointing=pointing, subband=subband, turn=turn, counts=counts))
    return Tracks(tuple(parts))


def _cut(
    array: Array,
    index: npt.NDArray[np.intp],
    *,
    pointing: Pointing,
    subband: Subband,
    turn: float,
    counts: tuple[int, int],
) -> Arcs:
    """Cut the arcs of some baselines: ``counts`` samples in time and in frequency."""
    times, channels = counts
    middle = (np.arange(times) + 0.5) / times - 0.5
    places = [
        _wavenumbers(array, replace(pointing, hour_angle=pointing.hour_angle + turn * float(offset)), subband)[:, index]
        for offset in (*middle, -0.5, 0.5)
    ]
    width = subband.bandwidth_hz / subband.frequency_hz
    k = np.stack(places[:times], axis=2)[..., None] * _relative_frequencies(channels, width)
    return Arcs(index, k, motion=places[-1] - places[-2], relative_width=width)


def _wavenumbers(array: Array, pointing: Pointing, subband: Subband) -> FloatArray:
    """Return ``(2, baseline)``, ``kx`` and ``ky`` at the middle of the sub-band."""
    pixel = np.deg2rad(array.pixel_deg(subband.channel))
    meters = pointing.axes()[:2, :2] @ array.baselines.T
    return np.asarray(meters * (np.array([[-1.0], [1.0]]) * pixel * subband.frequency_hz / SPEED_OF_LIGHT))


def _relative_frequencies(channels: int, relative_width: float) -> FloatArray:
    """Return the middles of some channels over the middle of the band."""
    return np.asarray(1 + relative_width * ((np.arange(channels) + 0.5) / channels - 0.5))


def _power_of_two(least: float) -> int:
    return int(2 ** max(0, np.ceil(np.log2(least))))
