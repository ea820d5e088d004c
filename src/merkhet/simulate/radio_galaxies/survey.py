"""The survey that a radio simulator imitates."""

from dataclasses import dataclass

import numpy as np

from merkhet.errors import ConfigError

ARCSEC = np.pi / 180 / 3600
MIN_FIELD_BEAMS = 12.0  # below that a map holds no source that the beam resolves
MAX_FIELD_ARCSEC = 750.0  # beyond that fields overlap by chance


@dataclass(frozen=True)
class Survey:
    """Geometry and depth of the maps; the defaults are those of VLA FIRST (Becker, White & Helfand 1995, ApJ 450, 559).

    Attributes
    ----------
    size_px
        Side of a square map.
    pixel_scale_arcsec
        Side of a pixel.
    beam_fwhm_arcsec
        Full width at half maximum of the circular restoring beam.
    rms_mjy_beam
        Median noise of a field; fields differ by 10 %.
    uncleaned_fraction
        Largest share of the flux that CLEAN leaves in the residuals, under the dirty beam. Each field draws its own
        between zero and this.

    Raises
    ------
    ConfigError
        An option is out of its range.
    """

    size_px: int = 150
    pixel_scale_arcsec: float = 1.8
    beam_fwhm_arcsec: float = 5.4
    rms_mjy_beam: float = 0.15
    uncleaned_fraction: float = 0.03

    def __post_init__(self) -> None:
        for name, low, high in (
            ("size_px", 16, 4096),
            ("pixel_scale_arcsec", 1e-3, 60),
            ("beam_fwhm_arcsec", 1e-3, 600),
            ("rms_mjy_beam", 1e-3, 10),
            ("uncleaned_fraction", 0, 0.5),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # false for NaN as well
                raise ConfigError(f"{name} is {value}; expected {low:g} to {high:g}")
        if self.beam_fwhm_px < 2:
            raise ConfigError(
                f"the beam of {self.beam_fwhm_arcsec:g} arcsec covers {self.beam_fwhm_px:.2g} pixels; expected 2 or "
                "more, or the map is undersampled. Reduce pixel_scale_arcsec"
            )
        if self.field_arcsec > MAX_FIELD_ARCSEC:
            raise ConfigError(
                f"size_px is {self.size_px}: the field is {self.field_arcsec:.4g} arcsec wide; expected "
                f"{MAX_FIELD_ARCSEC:g} or less, or fields overlap by chance. Reduce size_px or pixel_scale_arcsec"
            )
        smallest = int(np.ceil(MIN_FIELD_BEAMS * self.beam_fwhm_px - 1e-9))  # 12 beams of 3 px are 36 px, not 37
        if self.size_px < smallest:
            raise ConfigError(
                f"size_px is {self.size_px}: the field is {self.size_px / self.beam_fwhm_px:.3g} beams wide; "
                f"expected {MIN_FIELD_BEAMS:g} or more. Use size_px={smallest} or a smaller beam"
            )

    @property
    def beam_fwhm_px(self) -> float:
        """Width of the beam in pixels."""
        return self.beam_fwhm_arcsec / self.pixel_scale_arcsec

    @property
    def field_arcsec(self) -> float:
        """Side of a map."""
        return self.size_px * self.pixel_scale_arcsec

    @property
    def rms_jy_beam(self) -> float:
        """Median noise in Jy/beam."""
        return self.rms_mjy_beam * 1e-3

    @property
    def pixel_sr(self) -> float:
        """Solid angle of a pixel."""
        return (self.pixel_scale_arcsec * ARCSEC) ** 2
