"""The survey that the halo simulator imitates: the first all-sky survey of eROSITA, 0.2 to 2.3 keV.

Numbers are rounded and from memory of Predehl et al. (2021, A&A 647, A1) and Merloni et al. (2024, A&A 682, A34).
"""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from merkhet.errors import ConfigError
from merkhet.simulate.halos.sphere import FloatArray

TILE_PX, CUTOUT_PX = 3240, 64
OPTIONS = {
    "halo_cutouts": {"size_px": "--size", "exposure_s": "--exposure"},
    "halo_survey": {
        "size_px": "--size",
        "exposure_s": "--exposure",
        "crowding": "--crowding",
        "overlap_arcmin": "--overlap",
    },
}
"""What the command line can change of a survey, by case: field, and name of the option."""

MAX_TILE_PX = 6480  # 7.2 degrees: the plane of projection stays close to the sky


@dataclass(frozen=True)
class Survey:
    """Geometry and depth of the images.

    Attributes
    ----------
    size_px
        Side of a square image.
    pixel_scale_arcsec
        Side of a pixel.
    exposure_s
        Vignetted exposure at the ecliptic equator; it grows towards the poles as one over the cosine of latitude.
    sky_background, particle_background
        Counts per second and square arcsecond: through the mirrors, which vignetting dims, and of particles, which it
        does not.
    overlap_arcmin
        Width of sky that neighboring tiles share, a tenth of the tile at most.
    crowding
        Number of halos, rings and confusers over that of the survey: more of them for a network to learn from.

    Raises
    ------
    ConfigError
        An option is out of its range.
    """

    size_px: int = TILE_PX
    pixel_scale_arcsec: float = 4.0
    exposure_s: float = 120.0
    sky_background: float = 1e-6
    particle_background: float = 2.5e-7
    overlap_arcmin: float = 20.0
    crowding: float = 1.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("size_px", 16, MAX_TILE_PX),
            ("pixel_scale_arcsec", 1, 20),
            ("exposure_s", 1, 1e5),
            ("sky_background", 0, 1),
            ("particle_background", 0, 1),
            ("overlap_arcmin", 0, 60),
            ("crowding", 0, 10),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # false for NaN as well
                raise ConfigError(f"{name} is {value}; expected {low:g} to {high:g}")
        if self.side_deg > MAX_TILE_PX * 4 / 3600:
            raise ConfigError(
                f"size_px is {self.size_px}: the image is {self.side_deg:.3g} degrees wide; expected 7.2 or less"
            )

    @property
    def side_deg(self) -> float:
        """Side of an image."""
        return self.size_px * self.pixel_scale_arcsec / 3600

    @property
    def step_deg(self) -> float:
        """Distance between the centers of neighboring tiles."""
        return self.side_deg - min(self.overlap_arcmin / 60, 0.1 * self.side_deg)

    @property
    def pixel_arcsec2(self) -> float:
        """Solid angle of a pixel."""
        return self.pixel_scale_arcsec**2

    def background_rate(self, *, vignetted: FloatArray, unvignetted: FloatArray, gradient: FloatArray) -> FloatArray:
        """Return the expected background in counts per pixel.

        Parameters
        ----------
        vignetted, unvignetted
            Exposure maps in seconds.
        gradient
            Brightness of the sky over its mean.
        """
        rate = self.sky_background * gradient * vignetted + self.particle_background * unvignetted
        return rate * self.pixel_arcsec2


def command(out: Path, *, case: str, number: tuple[str, int], seed: int, survey: Survey, default: Survey) -> str:
    """Return what makes the same again: the command line, or Python for a survey that it has no options for.

    Parameters
    ----------
    number
        Name and value of the option that says how many.
    default
        The survey that the command line stands for without options.
    """
    name, value = number
    given = {field: getattr(survey, field) for field in OPTIONS[case]}
    if replace(default, **given) != survey:
        function = f"{__package__}.simulate_{case.removeprefix('halo_')}"
        return f"{function}({str(out)!r}, {name}={value}, {seed=}, {survey=})"
    options = [
        word
        for field, option in OPTIONS[case].items()
        if given[field] != getattr(default, field)
        for word in (option, f"{given[field]:g}")
    ]
    return shlex.join(["merkhet", "simulate", case, str(out), f"--{name}", str(value), *options, "--seed", str(seed)])
