"""Image parameters: Hillas' moments, time gradient, leakage, concentration and islands, for many images at once.

The moments are those of Hillas (1985, Proc. 19th ICRC 3, 445), defined as ctapipe defines them, in the frame of the
telescope: degrees of longitude and latitude from the pointing.
"""

from math import comb

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from merkhet.io.cherenkov.camera import NeighborIndex
from merkhet.io.cherenkov.cleaning import BoolArray
from merkhet.io.cherenkov.direction import camera_to_offset
from merkhet.io.cherenkov.subarray import TelescopeType

FloatArray = npt.NDArray[np.float64]
Parameters = dict[str, FloatArray]
Charges = npt.NDArray[np.floating | np.integer]

HILLAS = {
    "hillas_intensity": "", "hillas_skewness": "", "hillas_kurtosis": "", "hillas_fov_lon": "deg",
    "hillas_fov_lat": "deg", "hillas_r": "deg", "hillas_phi": "deg", "hillas_length": "deg", "hillas_width": "deg",
    "hillas_psi": "deg", "timing_intercept": "", "timing_deviation": "", "timing_slope": "deg**-1",
    "leakage_pixels_width_1": "", "leakage_pixels_width_2": "", "leakage_intensity_width_1": "",
    "leakage_intensity_width_2": "", "concentration_cog": "", "concentration_core": "", "concentration_pixel": "",
    "morphology_n_pixels": "", "morphology_n_islands": "",
}  # fmt: skip
"""Names of the parameters, as in ctapipe's tables, and their units."""

_POWERS = [(i, j) for i in range(5) for j in range(5 - i)]
_IMAGES_AT_ONCE = 2000


def image_parameters(
    charge: Charges, time: npt.NDArray[np.floating], mask: BoolArray, *, kind: TelescopeType
) -> Parameters:
    """Return the parameters :data:`HILLAS` of cleaned images.

    Parameters
    ----------
    charge, time, mask
        ``(k, P)``: photo-electrons, peak times in ns, pixels that cleaning kept.
    kind
        The telescope that took them.

    Returns
    -------
    parameters
        float64 ``(k,)`` each. Angles in deg; ``hillas_psi`` is the angle of the long axis from longitude to latitude,
        in (-90, 90]. ``timing_slope`` in ns/deg is the least-squares line through the peak times, weighted by charge.
        All are NaN for an image without pixels, with the number of pixels and islands 0; what needs a length is NaN
        for a single pixel.
    """
    view = _View(kind)
    parts = [
        view.parameters(charge[start : start + _IMAGES_AT_ONCE], time[start : start + _IMAGES_AT_ONCE],
                        mask[start : start + _IMAGES_AT_ONCE])
        for start in range(0, len(charge), _IMAGES_AT_ONCE)
    ]  # fmt: skip
    return {name: np.concatenate([part[name] for part in parts] or [np.empty(0)]) for name in HILLAS}


class _View:
    """The pixels of a telescope on the sky, and what of them is the same for all images."""

    def __init__(self, kind: TelescopeType) -> None:
        camera = kind.camera
        offset = camera_to_offset(
            camera.pix_x,
            camera.pix_y,
            focal_length_m=kind.focal_length_m,
            camera_rotation_deg=camera.camera_rotation_deg,
        )
        self.lon, self.lat = offset[:, 0], offset[:, 1]
        self.width_deg = float(np.rad2deg(camera.pixel_width / kind.focal_length_m))
        self.neighbors = camera.neighbors(diagonal=False)
        self.border = [border_pixels(self.neighbors, width=width) for width in (1, 2)]
        self.monomials = np.stack([self.lon**i * self.lat**j for i, j in _POWERS], axis=1)

    def parameters(self, charge: Charges, time: npt.NDArray[np.floating], mask: BoolArray) -> Parameters:
        weight = np.where(mask, charge, 0).astype(np.float64)
        times = np.where(mask, time, 0).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):  # images without pixels have no moments
            found = self._moments(weight)
            found |= self._timing(weight, times, found)
            found |= self._leakage(weight, mask)
            found |= self._concentration(weight, found)
        found["morphology_n_pixels"] = mask.sum(axis=1).astype(np.float64)
        found["morphology_n_islands"] = count_islands(mask, self.neighbors).astype(np.float64)
        return found

    def _moments(self, weight: FloatArray) -> Parameters:
        raw = dict(zip(_POWERS, (weight @ self.monomials).T, strict=True))
        total = np.where(raw[0, 0] > 0, raw[0, 0], np.nan)
        x, y = raw[1, 0] / total, raw[0, 1] / total

        def central(p: int, q: int) -> FloatArray:
            return np.asarray(
                sum(
                    comb(p, i) * comb(q, j) * raw[i, j] / total * (-x) ** (p - i) * (-y) ** (q - j)
                    for i in range(p + 1)
                    for j in range(q + 1)
                )
            )

        xx, yy, xy = central(2, 0), central(0, 2), central(1, 1)
        spread = np.hypot(xx - yy, 2 * xy)
        # A variance below this is the rounding of numbers near 1 deg: one pixel, or a straight line of them.
        length, width = (np.sqrt(np.where(v > 1e-12, v, 0)) for v in ((xx + yy + spread) / 2, (xx + yy - spread) / 2))
        psi = np.where(length > 0, np.arctan2(2 * xy, xx - yy) / 2, np.nan)
        along = np.where(length > 0, length, np.nan)

        def longitudinal(n: int) -> FloatArray:
            terms = (comb(n, i) * np.cos(psi) ** i * np.sin(psi) ** (n - i) * central(i, n - i) for i in range(n + 1))
            return np.asarray(np.asarray(sum(terms)) / along**n)

        return {
            "hillas_intensity": total,
            "hillas_skewness": longitudinal(3),
            "hillas_kurtosis": longitudinal(4),
            "hillas_fov_lon": x,
            "hillas_fov_lat": y,
            "hillas_r": np.hypot(x, y),
            "hillas_phi": np.rad2deg(np.arctan2(y, x)),
            "hillas_length": np.where(np.isnan(total), np.nan, length),
            "hillas_width": np.where(np.isnan(total), np.nan, width),
            "hillas_psi": np.rad2deg(psi),
        }

    def _timing(self, weight: FloatArray, time: FloatArray, found: Parameters) -> Parameters:
        total, psi = found["hillas_intensity"], np.deg2rad(found["hillas_psi"])
        weighted = weight * time
        mean = weighted.sum(axis=1) / total
        lon = weighted @ self.lon / total - mean * found["hillas_fov_lon"]
        lat = weighted @ self.lat / total - mean * found["hillas_fov_lat"]
        covariance = lon * np.cos(psi) + lat * np.sin(psi)
        variance = np.where(found["hillas_length"] > 0, found["hillas_length"] ** 2, np.nan)
        slope = covariance / variance
        spread = (weighted * time).sum(axis=1) / total - mean**2 - slope * covariance
        return {
            "timing_intercept": mean,
            "timing_deviation": np.sqrt(np.maximum(spread, 0)),
            "timing_slope": slope,
        }

    def _leakage(self, weight: FloatArray, mask: BoolArray) -> Parameters:
        pixels = np.where(mask.any(axis=1), mask.sum(axis=1), np.nan)
        found: Parameters = {}
        for number, border in enumerate(self.border, start=1):
            found[f"leakage_pixels_width_{number}"] = mask[:, border].sum(axis=1) / pixels
            found[f"leakage_intensity_width_{number}"] = weight[:, border].sum(axis=1) / weight.sum(axis=1)
        return found

    def _concentration(self, weight: FloatArray, found: Parameters) -> Parameters:
        total, psi = found["hillas_intensity"], np.deg2rad(found["hillas_psi"])[:, None]
        dx = self.lon - found["hillas_fov_lon"][:, None]
        dy = self.lat - found["hillas_fov_lat"][:, None]
        along, across = dx * np.cos(psi) + dy * np.sin(psi), dy * np.cos(psi) - dx * np.sin(psi)
        length, width = found["hillas_length"][:, None], found["hillas_width"][:, None]
        inside = (along / length) ** 2 + (across / width) ** 2 <= 1
        near = dx**2 + dy**2 < self.width_deg**2
        return {
            "concentration_cog": (weight * near).sum(axis=1) / total,
            "concentration_core": (weight * inside).sum(axis=1) / total,
            "concentration_pixel": weight.max(axis=1) / total,
        }


def border_pixels(neighbors: NeighborIndex, *, width: int) -> BoolArray:
    """Return the pixels ``(P,)`` within ``width`` pixels of the edge: those with a missing neighbor, and so on."""
    border = np.asarray((neighbors < 0).any(axis=1))
    for _ in range(width - 1):
        border = border | np.asarray((border[neighbors] & (neighbors >= 0)).any(axis=1))
    return border


def count_islands(mask: BoolArray, neighbors: NeighborIndex) -> npt.NDArray[np.int64]:
    """Return the number ``(k,)`` of connected groups of pixels of each image ``(k, P)``."""
    image, pixel = np.nonzero(mask)
    node = np.full(mask.shape, -1, dtype=np.int64)
    node[image, pixel] = np.arange(len(image))
    other = np.where(neighbors[pixel] >= 0, node[image[:, None], neighbors[pixel]], -1)
    start, slot = np.nonzero(other >= 0)
    graph = csr_matrix((np.ones(len(start), dtype=np.int8), (start, other[start, slot])), shape=(len(image),) * 2)
    _, label = connected_components(graph, directed=False)
    # Each group is counted at the first of its pixels.
    _, first = np.unique(label, return_index=True)
    return np.bincount(image[first], minlength=len(mask))
