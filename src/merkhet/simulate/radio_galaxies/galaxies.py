"""Radio galaxies whose class shows in their shape and in nothing else.

Size, flux, ratio of peak to total flux, redshift and orientation are drawn before the class is looked at. The class
then decides how the light is laid out.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.components import Components, responses
from merkhet.simulate.radio_galaxies.fri import draw_fri
from merkhet.simulate.radio_galaxies.frii import draw_frii
from merkhet.simulate.radio_galaxies.morphology import Morphology
from merkhet.simulate.radio_galaxies.survey import Survey

Label: TypeAlias = Literal["FRI", "FRII"]

MIN_PEAK_SNR = 5.0
FLUX_RMS = (80.0, 6000.0)  # limits of total flux, in units of the rms of a beam: 12 mJy and 0.9 Jy for FIRST
FLUX_SLOPE = 1.4  # dN/dS ~ S^-1.4: radio source counts, flattened by the selection of resolved sources
MEDIAN_LAS_ARCSEC = 42.0
LAS_SCATTER = 0.7  # of the natural logarithm
MIN_LAS_BEAMS = 3.0
MAX_LAS_FIELDS = 0.75
MEDIAN_REDSHIFT, REDSHIFT_SCATTER, REDSHIFT_RANGE = 0.18, 0.6, (0.02, 0.8)
MAX_COS_INCLINATION = 0.87  # closer than 30 degrees to the line of sight a jet is a blazar, not a radio galaxy

FR_RATIO_LIMIT = 0.5
MIXES = np.linspace(0.03, 0.95, 93)


@dataclass(frozen=True)
class Traits:
    """What says nothing about the class.

    Attributes
    ----------
    las_arcsec
        Largest angular size, between half-maximum outlines of the unsmoothed model.
    flux_jy
        Total flux.
    peak_share
        Brightness of the brightest beam over total flux that is aimed at.
    redshift
        Drawn apart from size and flux.
    pa_deg, inclination_deg
        Position angle of the first jet at the core, east of north, and its angle to the line of sight.
    """

    las_arcsec: float
    flux_jy: float
    peak_share: float
    redshift: float
    pa_deg: float
    inclination_deg: float


@dataclass(frozen=True)
class Galaxy:
    """A radio galaxy on the sky, before a telescope sees it.

    Attributes
    ----------
    label
        ``FRI`` or ``FRII``.
    subclass
        The shape in a word.
    traits
        Size, flux, orientation.
    components
        ``k`` Gaussians in arcsec from the core, x towards the west and y towards the north; fluxes in Jy.
    arm
        ``(k,)``: +1 and -1 for the two sides, 0 for the core.
    fr_ratio
        Distance between the brightest places of the two arms, core left out, over the largest angular size, at the
        resolution of the survey: below 0.5 for class I, above for class II (Fanaroff & Riley 1974, MNRAS 167, 31P).
    """

    label: Label
    subclass: str
    traits: Traits
    components: Components
    arm: npt.NDArray[np.int8]
    fr_ratio: float

    def in_pixels(self, core_px: tuple[float, float], *, survey: Survey) -> Components:
        """Return the components in pixels of a map whose pixel ``(x, y)`` the core is at."""
        x, y = core_px
        return self.components.scaled(1 / survey.pixel_scale_arcsec).shifted(x=x, y=y)


def draw_traits(rng: np.random.Generator, *, survey: Survey) -> Traits:
    """Draw size, flux and orientation within what the field holds, the beam resolves and the noise leaves visible."""
    las = _draw_las(rng, survey)
    peak_share = _draw_peak_share(rng, las_beams=las / survey.beam_fwhm_arcsec)
    flux = survey.rms_jy_beam * _draw_flux_rms(rng, peak_share=peak_share)
    redshift = np.clip(MEDIAN_REDSHIFT * np.exp(rng.normal(0, REDSHIFT_SCATTER)), *REDSHIFT_RANGE)
    pa_deg, cos_inclination = rng.uniform([0, 0], [360, MAX_COS_INCLINATION])
    inclination_deg = np.rad2deg(np.arccos(cos_inclination))
    return Traits(las, flux, peak_share, float(redshift), float(pa_deg), float(inclination_deg))


def draw_galaxy(rng: np.random.Generator, *, label: Label, survey: Survey) -> Galaxy:
    """Draw a radio galaxy of a class.

    A shape whose clumps belie its class at the resolution of the survey is drawn again: 1 in 500 of class I.
    """
    traits = draw_traits(rng, survey=survey)
    draw = draw_fri if label == "FRI" else draw_frii
    while True:
        morphology = draw(rng, cos_inclination=float(np.cos(np.deg2rad(traits.inclination_deg))))
        galaxy = _realize(morphology, traits, label=label, beam_fwhm=survey.beam_fwhm_arcsec)
        if (galaxy.fr_ratio < FR_RATIO_LIMIT) == (label == "FRI"):
            return galaxy


def _draw_las(rng: np.random.Generator, survey: Survey) -> float:
    """Draw from a log-normal that is cut where the beam does not resolve and the field does not hold a source."""
    limits = np.array([MIN_LAS_BEAMS * survey.beam_fwhm_arcsec, MAX_LAS_FIELDS * survey.field_arcsec])
    low, high = ndtr(np.log(limits / MEDIAN_LAS_ARCSEC) / LAS_SCATTER)
    return float(MEDIAN_LAS_ARCSEC * np.exp(LAS_SCATTER * ndtri(rng.uniform(low, high))))


def _draw_peak_share(rng: np.random.Generator, *, las_beams: float) -> float:
    """Draw the share of the flux in the brightest beam; the trend with size is that of resolved FIRST sources."""
    return float(np.clip(0.36 * (las_beams / 3.7) ** -0.5 * 10 ** rng.normal(0, 0.14), 0.03, 0.6))


def _draw_flux_rms(rng: np.random.Generator, *, peak_share: float) -> float:
    """Draw a flux, in units of the rms, from a power law by inversion; its peak must stand out from the noise."""
    faintest = max(FLUX_RMS[0], MIN_PEAK_SNR / peak_share)
    low, high = np.array([faintest, FLUX_RMS[1]]) ** (1 - FLUX_SLOPE)
    return float(rng.uniform(high, low) ** (1 / (1 - FLUX_SLOPE)))


def _realize(morphology: Morphology, traits: Traits, *, label: Label, beam_fwhm: float) -> Galaxy:
    """Give a shape its orientation, size and flux."""
    # The first jet lies along +x, which is the west; position angles run from north through east, which is -x.
    turned = morphology.components.rotated(np.deg2rad(traits.pa_deg + 90))
    shape = turned.scaled(traits.las_arcsec / turned.extent())
    response = responses(shape, x=shape.x, y=shape.y, beam_fwhm=beam_fwhm)
    shares = _mix(morphology, response, peak_share=traits.peak_share)
    first, second = (_brightest(response, shares, morphology.arm == side) for side in (1, -1))
    distance = np.hypot(shape.x[first] - shape.x[second], shape.y[first] - shape.y[second])
    return Galaxy(
        label=label,
        subclass=morphology.subclass,
        traits=traits,
        components=shape.with_flux(traits.flux_jy * shares),
        arm=morphology.arm,
        fr_ratio=float(distance / traits.las_arcsec),
    )


def _mix(morphology: Morphology, response: FloatArray, *, peak_share: float) -> FloatArray:
    """Return fluxes ``(k,)``, one in sum, that mix the layers so that the brightest beam holds ``peak_share``.

    Where the layers do not allow that (a small source fills few beams, whatever its shape) the nearest mix is taken.
    """
    diffuse, compact = morphology.layers()
    low, high = response @ diffuse, response @ compact
    peaks = (low + MIXES[:, None] * (high - low)).max(axis=1)
    mix = float(MIXES[np.argmin(np.abs(np.log(peaks / peak_share)))])
    return (1 - mix) * diffuse + mix * compact


def _brightest(response: FloatArray, flux: FloatArray, own: npt.NDArray[np.bool_]) -> int:
    """Return which component of an arm lies where that arm alone is brightest."""
    places = np.flatnonzero(own)
    return int(places[np.argmax(response[np.ix_(own, own)] @ flux[own])])
