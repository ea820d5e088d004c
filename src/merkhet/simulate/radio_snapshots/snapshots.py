"""The images of an observation, put together from sources, noise, troubles and artifacts."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from astropy.io import fits

from merkhet.simulate.interferometer.grids import RealMap
from merkhet.simulate.interferometer.headers import image_header
from merkhet.simulate.interferometer.primary_beam import POLARIZATIONS, Polarization, TileBeam
from merkhet.simulate.interferometer.restore import RestoringBeam
from merkhet.simulate.interferometer.subbands import Subband
from merkhet.simulate.radio_snapshots.field import FieldImager
from merkhet.simulate.radio_snapshots.finish import finish
from merkhet.simulate.radio_snapshots.interference import draw_interference, pattern, root_mean_square
from merkhet.simulate.radio_snapshots.observations import IMAGE_NOISE_SCATTER, Observation, draw_observation
from merkhet.simulate.radio_snapshots.sidelobes import SidelobeSource, draw_sidelobe_source
from merkhet.simulate.radio_snapshots.streams import Stream
from merkhet.simulate.radio_snapshots.survey import CLEAN, Survey

Key = tuple[int, Polarization]  # number of the sub-band, polarization


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An image, and what stands in it.

    Attributes
    ----------
    observation, subband, polarization
        What it is of.
    image
        ``(y, x)`` float32, Jy/beam, NaN where it is blank.
    artifacts
        ``(2, y, x)`` float32: interference alone, sidelobe source alone, Jy/beam.
    beam
        Restoring beam.
    noise_jy
        Rms of the noise before any division by the primary beam, Jy/beam.
    rfi_strength, sis_strength
        Rms of each artifact over ``noise_jy``; 0 where there is none.
    rfi_kind
        Kind of interference, or ``none``.
    """

    observation: Observation
    subband: Subband
    polarization: Polarization
    image: RealMap
    artifacts: RealMap
    beam: RestoringBeam
    noise_jy: float
    rfi_strength: float
    sis_strength: float
    rfi_kind: str

    @property
    def name(self) -> str:
        """Name of its file, without the ending, as the survey names its own."""
        observation = self.observation
        return f"{observation.gps}_{self.polarization}_{self.subband.name}_{observation.suffix}"

    def header(self) -> fits.Header:
        """Describe the image, but for what is in it: no reader shall learn that here."""
        observation = self.observation
        header = image_header(
            size_px=self.image.shape[0],
            center_deg=observation.center_deg,
            pixel_deg=observation.array.pixel_deg(self.subband.channel),
            subband=self.subband,
            beam=self.beam,
        )
        header["OBJECT"], header["GPSTIME"] = str(observation.gps), (observation.gps, "[s] start")
        header["DATE-OBS"], header["POL"] = observation.date, self.polarization
        return header

    def truth_header(self) -> fits.Header:
        """Describe the planes of :attr:`artifacts`."""
        header = self.header()
        header["PLANE1"], header["PLANE2"] = "RFI", "SIS"
        return header

    def facts(self) -> dict[str, Any]:
        """Return what the table says of the image, apart from labels and paths."""
        ra, dec = self.observation.center_deg
        pixel = self.observation.array.pixel_deg(self.subband.channel) * 3600
        return {
            "observation": self.observation.gps,
            "polarization": self.polarization,
            "subband": self.subband.name,
            "frequency_mhz": self.subband.frequency_hz / 1e6,
            "suffix": self.observation.suffix,
            "noise_jy": self.noise_jy,
            "scene": self.observation.scene,
            "rfi_kind": self.rfi_kind,
            "ra": ra,
            "dec": dec,
            "bmaj_arcsec": self.beam.major_px * pixel,
            "bmin_arcsec": self.beam.minor_px * pixel,
            "bpa_deg": self.beam.pa_deg,
        }


def snapshots(index: int, *, seed: int, survey: Survey) -> Iterator[Snapshot]:
    """Make the images of an observation: XX and YY of each sub-band, the lowest frequency first."""
    observation = draw_observation(index, seed=seed, survey=survey)
    tile = TileBeam(observation.pointing.axes()[2])
    field = FieldImager(observation, tile=tile, survey=survey)
    noise = _noise_levels(observation)
    source = draw_sidelobe_source(observation, beam=tile, survey=survey)
    sidelobes = _sidelobes(source, field, noise=noise) if source else {}
    plans = draw_interference(observation, survey=survey)
    for number, plan in enumerate(plans):
        coverage = field.bands[number].coverage
        rfi = pattern(plan, coverage=coverage, rng=observation.stream(Stream.INTERFERENCE, number)) if plan else None
        for polarization in POLARIZATIONS:
            rms = noise[number, polarization]
            artifacts = np.zeros((2, survey.size_px, survey.size_px), dtype=np.float32)
            if plan and rfi is not None:
                artifacts[0] = rfi * np.float32(plan.strengths.get(polarization, 0.0) * rms)
            if sidelobes:
                unit, flux = sidelobes[number, polarization]
                artifacts[1] = unit * np.float32(flux)
            kind = plan.kind if plan and polarization in plan.strengths else CLEAN
            image = field.image(number, polarization, noise_jy=rms) + artifacts.sum(axis=0)
            yield _deliver(field, number, polarization, image=image, artifacts=artifacts, noise_jy=rms, rfi_kind=kind)


def _deliver(
    field: FieldImager,
    number: int,
    polarization: Polarization,
    *,
    image: RealMap,
    artifacts: RealMap,
    noise_jy: float,
    rfi_kind: str,
) -> Snapshot:
    observation, band = field.observation, field.bands[number]
    finished = partial(
        finish, observation=observation, tile=field.tile, subband=band.subband, polarization=polarization
    )
    rfi, sis = (root_mean_square(artifact) / noise_jy for artifact in artifacts)
    return Snapshot(
        observation=observation,
        subband=band.subband,
        polarization=polarization,
        image=finished(image),
        artifacts=np.stack([finished(artifact) for artifact in artifacts]),
        beam=band.beam,
        noise_jy=noise_jy,
        rfi_strength=rfi,
        sis_strength=sis,
        rfi_kind=rfi_kind,
    )


def _noise_levels(observation: Observation) -> dict[Key, float]:
    """Return the rms of the noise of each image, Jy/beam."""
    rng = observation.stream(Stream.NOISE)
    return {
        (number, polarization): observation.noise_jy(subband) * float(np.exp(rng.normal(0, IMAGE_NOISE_SCATTER)))
        for number, subband in enumerate(observation.subbands)
        for polarization in POLARIZATIONS
    }


def _sidelobes(
    source: SidelobeSource, field: FieldImager, *, noise: dict[Key, float]
) -> dict[Key, tuple[RealMap, float]]:
    """Return the pattern of 1 Jy and the apparent flux, by image: scaled so that the worst has the strength drawn."""
    found: dict[Key, tuple[RealMap, float]] = {}
    worst = 0.0
    for number, band in enumerate(field.bands):
        unit = source.image(band.coverage, pixel_rad=band.pixel_rad)
        rms = root_mean_square(unit)
        for polarization in POLARIZATIONS:
            flux = source.relative_flux(
                field.observation, beam=field.tile, subband=band.subband, polarization=polarization
            )
            found[number, polarization] = unit, flux
            worst = max(worst, flux * rms / noise[number, polarization])
    return {key: (unit, flux * source.strength / worst) for key, (unit, flux) in found.items()}
