"""What tells an image from those that a model was trained on: pixel scale, noise, brightest pixel."""

from merkhet.config.bundle import BundleSpec
from merkhet.config.reference import Reference
from merkhet.data.arrays import FloatArray
from merkhet.data.peak import peak_over_noise

SCALE_TOLERANCE = 1.05
"""How far outside the range of the training images a pixel scale may be, as a factor."""

NOISE_TOLERANCE = 1.25
"""How far outside the range of the training images a sky sigma may be, as a factor."""

PEAK_TOLERANCE = 2.0
"""How far outside the range of the training images the brightest pixel over the noise may be, as a factor."""


def is_other_scale(pixel_arcsec: float, spec: BundleSpec) -> bool:
    """Tell whether pixels are of another size than those of the training images; what is not known is not."""
    return _outside(pixel_arcsec, _scale_range(spec), tolerance=SCALE_TOLERANCE)


def is_unlike(image: FloatArray, noise: FloatArray, reference: Reference) -> bool:
    """Tell whether noise ``(C,)`` or peak of a band ``(C, *S)`` are not like those of the training images."""
    bands = zip(noise, reference.noise, peak_over_noise(image, noise), reference.peak, strict=True)
    return any(
        _outside(sigma, noises, tolerance=NOISE_TOLERANCE) or _outside(peak, peaks, tolerance=PEAK_TOLERANCE)
        for sigma, noises, peak, peaks in bands
    )


def _scale_range(spec: BundleSpec) -> tuple[float, float] | None:
    """Return the pixel scales of the training images; bundles from before their range was kept know the median."""
    if spec.reference is not None and spec.reference.pixel_scale_arcsec is not None:
        return spec.reference.pixel_scale_arcsec
    scale = spec.input.pixel_scale_arcsec
    return None if scale is None else (scale, scale)


def _outside(value: float, known: tuple[float, float] | None, *, tolerance: float) -> bool:
    """Tell whether a value is outside a range widened by a factor. What could not be measured is not."""
    return known is not None and bool(value < known[0] / tolerance or value > known[1] * tolerance)
