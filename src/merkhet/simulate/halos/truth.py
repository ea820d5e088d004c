"""What can be seen of a halo: the counts inside the radius that shows it best, and the class that follows.

Every absorbed source has some halo. One that no method can tell from its own point source and the background is no
positive, whatever was put into the simulation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from merkhet.simulate.halos.layers import REACH_ARCSEC, Layer, Role
from merkhet.simulate.halos.sphere import FloatArray, offset

POSITIVE_SNR, NEGATIVE_SNR = 5.0, 2.0
CORE_ARCSEC = 30.0  # left out: half-energy width of the point-spread function, as a radius
ANNULI, AZIMUTHS = 96, 16

SkyFunction = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Signal:
    """Expected counts where the signal-to-noise ratio of a halo or a ring is best.

    Attributes
    ----------
    snr
        ``H / sqrt(H + P + B)``, with the three counts below.
    halo, psf, background
        Counts of the halo or ring, of the source's other photons, and of the background.
    inner_arcsec, outer_arcsec
        The annulus: from the core outwards for a halo, around the ring for a ring.
    total_halo, total_psf
        Counts without limit of radius, at the exposure of the center.
    """

    snr: float
    halo: float
    psf: float
    background: float
    inner_arcsec: float
    outer_arcsec: float
    total_halo: float
    total_psf: float

    @property
    def label(self) -> str:
        """``halo`` from a ratio of 5 up, ``none`` below 2, and ``unclear`` between: neither a hit nor a false alarm."""
        if self.snr >= POSITIVE_SNR:
            return "halo"
        return "none" if self.snr < NEGATIVE_SNR else "unclear"


def measure(
    layers: Sequence[Layer],
    *,
    center: FloatArray,
    exposure: SkyFunction,
    background: SkyFunction,
    pixel_arcsec2: float,
    max_radius_arcsec: float = REACH_ARCSEC,
) -> Signal:
    """Measure the halo of a source, or its ring if it has one.

    Parameters
    ----------
    layers
        All that the source is made of. Layers without an enclosed share belong to confusers and are not counted.
    center
        Unit vector ``(3,)``.
    exposure, background
        Seconds, and expected counts per pixel, at unit vectors ``(..., 3)``.
    pixel_arcsec2
        Solid angle of a pixel.
    max_radius_arcsec
        How far the image goes.
    """
    role = Role.RING if any(layer.role is Role.RING for layer in layers) else Role.HALO
    edges = np.geomspace(CORE_ARCSEC, max(max_radius_arcsec, 1.5 * CORE_ARCSEC), ANNULI + 1)
    places = _places(center, np.sqrt(edges[1:] * edges[:-1]))
    seconds, per_pixel = exposure(places).mean(axis=1), background(places).mean(axis=1)
    signal, psf = np.zeros(ANNULI), np.zeros(ANNULI)
    for layer in layers:
        if layer.enclosed is not None:
            counts = layer.rate * np.diff(layer.enclosed(edges)) * seconds
            if layer.role is role:
                signal += counts
            else:
                psf += counts
    sky = per_pixel * np.pi * np.diff(edges**2) / pixel_arcsec2
    first, last = best_annulus(signal, psf + sky, from_core=role is Role.HALO)
    inside = slice(first, last + 1)
    halo, other, around = (float(values[inside].sum()) for values in (signal, psf, sky))
    at_center = float(exposure(center[None])[0])
    return Signal(
        snr=halo / np.sqrt(halo + other + around) if halo > 0 else 0.0,
        halo=halo,
        psf=other,
        background=around,
        inner_arcsec=float(edges[first]),
        outer_arcsec=float(edges[last + 1]),
        total_halo=at_center * sum(layer.rate for layer in layers if layer.role is role),
        total_psf=at_center * sum(layer.rate for layer in layers if layer.role is not role),
    )


def _places(center: FloatArray, radii: FloatArray) -> FloatArray:
    """Return positions ``(radius, azimuth, 3)`` around a center."""
    angle = (np.arange(AZIMUTHS) + 0.5) / AZIMUTHS * 2 * np.pi
    offsets = radii[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return offset(center, offsets.reshape(-1, 2)).reshape(len(radii), AZIMUTHS, 3)


def best_annulus(signal: FloatArray, noise: FloatArray, *, from_core: bool) -> tuple[int, int]:
    """Return the first and the last of the annuli whose sum has the best signal-to-noise ratio.

    Parameters
    ----------
    signal, noise
        Counts of each annulus, from inside out: those looked for, and all others.
    from_core
        Only sums from the innermost annulus outwards.
    """
    s, n = (np.append(0.0, np.cumsum(values)) for values in (signal, noise))
    sums = s[None, 1:] - s[:-1, None], n[None, 1:] - n[:-1, None]  # (first, last)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(sums[0] > 0, sums[0] / np.sqrt(sums[0] + sums[1]), -1.0)
    ratio[np.tril_indices(len(signal), -1)] = -1.0
    if from_core:
        ratio = ratio[:1]
    first, last = np.unravel_index(np.argmax(ratio), ratio.shape)
    return int(first), int(last)
