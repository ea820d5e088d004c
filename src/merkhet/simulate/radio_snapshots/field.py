"""What an observation shows of its field without artifacts: cleaned sources, what CLEAN left, noise."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.arrays import SPEED_OF_LIGHT
from merkhet.simulate.interferometer.grids import RealMap, Spectrum
from merkhet.simulate.interferometer.primary_beam import POLARIZATIONS, Polarization, TileBeam
from merkhet.simulate.interferometer.restore import RestoringBeam, restore
from merkhet.simulate.interferometer.subbands import Subband
from merkhet.simulate.interferometer.tracks import sample_tracks
from merkhet.simulate.interferometer.weights import Coverage, briggs_weights
from merkhet.simulate.radio_snapshots.diffuse import Plane, draw_plane
from merkhet.simulate.radio_snapshots.distortions import GainErrors, Ionosphere, draw_gain_errors, draw_ionosphere
from merkhet.simulate.radio_snapshots.observations import DURATION_S, Observation
from merkhet.simulate.radio_snapshots.sky import Sources, draw_sources
from merkhet.simulate.radio_snapshots.streams import Stream
from merkhet.simulate.radio_snapshots.survey import Survey

CLEAN_LIMIT = 5.0  # fluxes over the noise: fainter sources keep the dirty beam
A_TEAM_NOISE = 2000.0  # brighter sources are not cleaned perfectly
A_TEAM_RESIDUAL = 1e-3  # share of their flux that is left at most
PLANE_NOISE = (0.3, 3.0)  # rms of the plane's dirty image in the lowest sub-band over the noise
PLANE_INDEX = -0.55  # of the surface brightness, Jy/sr


@dataclass(frozen=True)
class Imaging:
    """The instrument in one sub-band.

    Attributes
    ----------
    subband
        Which.
    coverage
        Cells and weights.
    beam
        Restoring beam.
    pixel_rad
        Side of a pixel.
    """

    subband: Subband
    coverage: Coverage
    beam: RestoringBeam
    pixel_rad: float

    @classmethod
    def of(cls, observation: Observation, subband: Subband, *, survey: Survey) -> "Imaging":
        """Follow the baselines through the snapshot, weight them, and fit the beam."""
        array, size = observation.array, survey.size_px
        # Cells of the weights are those of the array's whole image, so that a small image has its beam too.
        tracks = sample_tracks(
            array,
            pointing=observation.pointing,
            subband=subband,
            duration_s=DURATION_S,
            step=min(1 / array.image_px, 0.5 / size),
        )
        weights = briggs_weights(tracks, robust=survey.robust, field_px=array.image_px)
        coverage = Coverage.of(tracks, weights, size_px=size)
        psf = coverage.grid.image(coverage.response.astype(np.complex64))
        return cls(subband, coverage, RestoringBeam.fit(psf), float(np.deg2rad(array.pixel_deg(subband.channel))))


class FieldImager:
    """Makes the images of an observation, whose sub-bands and polarizations share sky, gains and ionosphere.

    Parameters
    ----------
    observation
        What they share.
    tile
        The primary beam.
    survey
        Geometry.
    """

    def __init__(self, observation: Observation, *, tile: TileBeam, survey: Survey) -> None:
        self.observation, self.tile, self.survey = observation, tile, survey
        self.bands = [Imaging.of(observation, subband, survey=survey) for subband in observation.subbands]
        self.sources: Sources = draw_sources(observation, survey=survey)
        scene = observation.scene
        self.gain_errors: GainErrors | None = draw_gain_errors(observation) if scene == "calibration_error" else None
        self.ionosphere: Ionosphere | None = draw_ionosphere(observation) if scene == "ionosphere" else None

    def image(self, number: int, polarization: Polarization, *, noise_jy: float) -> RealMap:
        """Return the image of a sub-band without artifacts, ``(y, x)``, Jy/beam, not corrected for the primary beam."""
        band, observation = self.bands[number], self.observation
        grid, response = band.coverage.grid, band.coverage.response
        x, y = self.sources.pixels(band.pixel_rad)
        flux = self.sources.apparent_jy(
            self.tile, pointing=observation.pointing, subband=band.subband, polarization=polarization
        )
        cleaned = flux >= CLEAN_LIMIT * noise_jy
        rng = observation.stream(Stream.NOISE, number, POLARIZATIONS.index(polarization))
        spectrum = band.coverage.draw_noise(rng, rms=noise_jy)
        left = np.where(cleaned, np.where(flux > A_TEAM_NOISE * noise_jy, self._residual * flux, 0.0), flux)
        spectrum += grid.spectrum(self._points(left, x=x, y=y)) * response
        if self._plane is not None:
            spectrum += self._plane_spectra[number]
        distortion = self._distortion(number, polarization)
        if distortion is not None:
            spectrum += grid.spectrum(self._points(flux * cleaned, x=x, y=y)) * distortion
        image = grid.image(spectrum)
        self._restore(image, number, flux=flux, cleaned=cleaned)
        return image

    def _restore(self, image: RealMap, number: int, *, flux: FloatArray, cleaned: npt.NDArray[np.bool_]) -> None:
        """Add the cleaned sources."""
        band, sources = self.bands[number], self.sources
        x, y = sources.pixels(band.pixel_rad)
        if self.ionosphere is not None:
            dx, dy = self.ionosphere.shifts(sources.l, sources.m, subband=band.subband)
            x, y = x + dx, y + dy
        restore(image, band.beam, x=x[cleaned], y=y[cleaned], peak=flux[cleaned])

    def _points(self, flux: FloatArray, *, x: FloatArray, y: FloatArray) -> RealMap:
        """Return a map of points, each in its nearest pixel, without those outside the image."""
        size = self.survey.size_px
        column, row = (np.rint(place).astype(np.int64) + size // 2 for place in (x, y))
        inside = (column >= 0) & (column < size) & (row >= 0) & (row < size) & (flux > 0)
        index = row[inside] * size + column[inside]
        image = np.zeros(size * size, dtype=np.float32)
        np.add.at(image, index, flux[inside].astype(np.float32))
        return image.reshape(size, size)

    def _distortion(self, number: int, polarization: Polarization) -> Spectrum | None:
        """Return the spectrum of the pattern about a bright source of 1 Jy, or None."""
        band = self.bands[number]
        if self.gain_errors is not None:
            gains = self.gain_errors.gains(band.subband, polarization)
            return self.gain_errors.response(band.coverage, observation=self.observation, gains=gains)
        if self.ionosphere is not None:
            meters = SPEED_OF_LIGHT / band.subband.frequency_hz / band.pixel_rad
            return self.ionosphere.response(band.coverage, meters=meters, subband=band.subband)
        return None

    @cached_property
    def _residual(self) -> float:
        """Share of the flux of an A-team source that CLEAN left."""
        return float(A_TEAM_RESIDUAL * self.observation.stream(Stream.SCENE, 1).uniform())

    @cached_property
    def _plane(self) -> Plane | None:
        if self.observation.scene != "galactic_plane":
            return None
        half = 0.5 * self.survey.size_px * self.bands[0].pixel_rad
        return draw_plane(self.observation.stream(Stream.SCENE), half=half)

    @cached_property
    def _plane_spectra(self) -> list[Spectrum]:
        """Spectra of the dirty images of the Galactic plane, by sub-band."""
        if self._plane is None:
            return []
        spectra = []
        for band in self.bands:
            brightness = self._plane.on_pixels(self.survey.size_px, pixel_rad=band.pixel_rad)
            jy = (band.pixel_rad / self.bands[0].pixel_rad) ** 2
            jy *= (band.subband.frequency_hz / self.bands[0].subband.frequency_hz) ** PLANE_INDEX
            spectra.append(band.coverage.grid.spectrum(brightness * np.float32(jy)) * band.coverage.response)
        first = self.bands[0]
        low, high = np.log(PLANE_NOISE)
        wanted = np.exp(self.observation.stream(Stream.SCENE, 2).uniform(low, high))
        scale = wanted * self.observation.noise_jy(first.subband) / first.coverage.grid.image(spectra[0]).std()
        return [spectrum * np.float32(scale) for spectrum in spectra]
