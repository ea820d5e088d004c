"""Boosted trees on image parameters: what a network has to beat, for single telescopes and for arrays.

Particle, energy and direction are learned for each type of telescope. For arrays the images know the geometry of the
event (:mod:`merkhet.evaluate.cherenkov.stereo`) and their width and length scaled by what gammas of that brightness and
distance show (Daum et al. 1997, Astropart. Phys. 8, 1); the answers of an event's telescopes are averaged, and the
direction is that of the geometry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.evaluate.cherenkov.images import FloatArray, ImageTable
from merkhet.evaluate.cherenkov.scaled import ScaledSizes, fit_scaled_sizes
from merkhet.evaluate.cherenkov.stereo import StereoGeometry, impact_distance, reconstruct
from merkhet.io.cherenkov.direction import to_altaz, to_offset

_SHAPE = (
    "hillas_length", "hillas_width", "hillas_skewness", "hillas_kurtosis", "timing_slope", "timing_deviation",
    "leakage_intensity_width_1", "leakage_intensity_width_2", "concentration_cog", "concentration_core",
    "concentration_pixel", "morphology_n_pixels", "morphology_n_islands", "hillas_r",
)  # fmt: skip
Truth = Mapping[str, npt.NDArray[Any]]
"""``shower_primary_id``, ``energy`` in TeV, ``alt`` and ``az`` in rad, ``(n,)`` each."""
GAMMA = 0
FEWEST_IMAGES = 30
"""Images of gammas, and of others, that a telescope type needs to be learned; it gives no answers otherwise."""


@dataclass
class TreeBaseline:
    """Trees for particle and energy of events, and direction: of trees for one telescope, of geometry for several.

    Attributes
    ----------
    stereo
        Whether images know the event's geometry. Without it every image is on its own.
    seed
        Of the trees.
    """

    stereo: bool
    seed: int = 0
    _models: dict[tuple[int, str], "_Trees"] = field(default_factory=dict)
    _sizes: dict[int, ScaledSizes] = field(default_factory=dict)

    def fit(self, table: ImageTable, truth: Truth) -> "TreeBaseline":
        """Learn from simulated events: energies and directions from gammas, particles from all."""
        used, geometry = self._prepared(table)
        gamma = np.asarray(truth["shower_primary_id"])[used.event] == GAMMA
        if self.stereo:
            impact = _impact(used, geometry)
            self._sizes = {
                kind: fit_scaled_sizes(used.take(gamma & (used.kind == kind)), impact[gamma & (used.kind == kind)])
                for kind in range(len(used.subarray.types))
                if (gamma & (used.kind == kind)).any()
            }
        features = self._features(used, geometry)
        along = _source_along(used, truth)
        log_energy = np.log10(np.asarray(truth["energy"], dtype=np.float64))[used.event]
        for kind in np.unique(used.kind).tolist():
            mine = used.kind == kind
            signal = mine & gamma
            if min(signal.sum(), (mine & ~gamma).sum()) < FEWEST_IMAGES:
                continue
            signed = np.column_stack([features, _signed(used)])
            self._models[kind, "particle"] = _Trees(features[mine], gamma[mine], seed=self.seed)
            self._models[kind, "energy"] = _Trees(features[signal], log_energy[signal], seed=self.seed)
            self._models[kind, "distance"] = _Trees(features[signal], np.abs(along[signal]), seed=self.seed)
            self._models[kind, "side"] = _Trees(signed[signal], along[signal] > 0, seed=self.seed)
        return self

    def predict(self, table: ImageTable) -> Table:
        """Return ``gammaness``, ``energy`` (TeV), ``alt``, ``az`` (deg), ``is_valid``, ``n_telescopes``.

        One row an event, and one an image of a baseline without geometry, in the order of the table. What no usable
        image tells of is NaN, and not valid.
        """
        used, geometry = self._prepared(table)
        gammaness, log_energy, offset = self._of_images(used, geometry)
        if not self.stereo:
            place = np.flatnonzero(table.usable)
            columns = np.full((4, len(table)), np.nan)
            columns[:, place] = np.stack([gammaness, log_energy, *offset.T])
            return _answers(columns, table.pointing[table.event], np.ones(len(table), dtype=np.int64))
        weight = np.sqrt(used["hillas_intensity"])
        columns = np.stack([_mean(values, weight, used) for values in (gammaness, log_energy, *offset.T)])
        valid = geometry.is_valid
        columns[2:, valid] = np.stack([geometry.lon, geometry.lat])[:, valid]
        return _answers(columns, table.pointing, geometry.images)

    def _prepared(self, table: ImageTable) -> tuple[ImageTable, StereoGeometry]:
        return table.take(table.usable), reconstruct(table)

    def _of_images(self, used: ImageTable, geometry: StereoGeometry) -> tuple[FloatArray, FloatArray, FloatArray]:
        features = self._features(used, geometry)
        signed = np.column_stack([features, _signed(used)])
        gammaness, log_energy, along = np.full((3, len(used)), np.nan)
        for kind in sorted({kind for kind, _ in self._models}):
            mine = np.flatnonzero(used.kind == kind)
            if not len(mine):
                continue
            gammaness[mine] = self._models[kind, "particle"](features[mine])
            log_energy[mine] = self._models[kind, "energy"](features[mine])
            side = np.where(self._models[kind, "side"](signed[mine]) > 0.5, 1, -1)
            along[mine] = side * np.abs(self._models[kind, "distance"](features[mine]))
        psi = np.deg2rad(used["hillas_psi"])
        offset = np.stack(
            [used["hillas_fov_lon"] + along * np.cos(psi), used["hillas_fov_lat"] + along * np.sin(psi)], axis=1
        )
        return gammaness, log_energy, offset

    def _features(self, used: ImageTable, geometry: StereoGeometry) -> FloatArray:
        size = np.log10(used["hillas_intensity"])
        density = size - np.log10(used["hillas_length"] * used["hillas_width"] + 1e-6)
        shape = [used[name] if name != "timing_slope" else np.abs(used[name]) for name in _SHAPE]
        columns = [size, density, *shape]
        if self.stereo:
            columns += self._stereo_features(used, geometry)
        return np.column_stack(columns)

    def _stereo_features(self, used: ImageTable, geometry: StereoGeometry) -> list[FloatArray]:
        event, impact = used.event, _impact(used, geometry)
        scaled = np.full((2, len(used)), np.nan)
        for kind, sizes in self._sizes.items():
            mine = np.flatnonzero(used.kind == kind)
            scaled[:, mine] = sizes(used.take(used.kind == kind), impact[mine])
        weight = np.sqrt(used["hillas_intensity"])
        means = [_mean(values, weight, used)[event] for values in scaled]
        distance = np.hypot(used["hillas_fov_lon"] - geometry.lon[event], used["hillas_fov_lat"] - geometry.lat[event])
        brightness = np.log10(np.bincount(event, used["hillas_intensity"], minlength=used.events)[event])
        return [
            impact, geometry.height_max[event], distance, geometry.images[event].astype(np.float64), brightness,
            *scaled, *means,
        ]  # fmt: skip


def _impact(used: ImageTable, geometry: StereoGeometry) -> FloatArray:
    core = np.stack([geometry.core_x, geometry.core_y], axis=1)
    return impact_distance(used, lon=geometry.lon, lat=geometry.lat, core=core)


def _source_along(used: ImageTable, truth: Truth) -> FloatArray:
    """Return where the true direction lies along the axis of each image, deg from its center."""
    offset = to_offset(truth["alt"], truth["az"], used.pointing)[used.event]
    x, y = offset[:, 0] - used["hillas_fov_lon"], offset[:, 1] - used["hillas_fov_lat"]
    psi = np.deg2rad(used["hillas_psi"])
    return np.asarray(x * np.cos(psi) + y * np.sin(psi))


def _signed(used: ImageTable) -> FloatArray:
    """Return what tells the ends of an image apart: skewness, time gradient, and where the camera's center lies."""
    psi = np.deg2rad(used["hillas_psi"])
    center = used["hillas_fov_lon"] * np.cos(psi) + used["hillas_fov_lat"] * np.sin(psi)
    return np.column_stack([used["hillas_skewness"], used["timing_slope"], center])


def _mean(values: FloatArray, weight: FloatArray, used: ImageTable) -> FloatArray:
    """Return the weighted mean of an event's images, without those that are not known."""
    known = np.isfinite(values)
    total = np.bincount(used.event[known], weight[known] * values[known], minlength=used.events)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.bincount(used.event[known], weight[known], minlength=used.events))


def _answers(columns: FloatArray, pointing: FloatArray, count: npt.NDArray[np.int64]) -> Table:
    gammaness, log_energy, lon, lat = columns
    altaz = np.rad2deg(to_altaz(np.stack([lon, lat], axis=1), pointing))
    valid = np.isfinite(columns).all(axis=0)
    return Table(
        {
            "gammaness": gammaness,
            "energy": 10**log_energy,
            "alt": altaz[:, 0],
            "az": altaz[:, 1],
            "is_valid": valid,
            "n_telescopes": count,
        }
    )


class _Trees:
    """Boosted trees: probability of truth values, or an estimate of numbers.

    Columns without any value in training are left out: the learner cannot bin them.
    """

    def __init__(self, features: FloatArray, truth: npt.NDArray[Any], *, seed: int) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # slow to import

        self._informed = np.isfinite(features).any(axis=0)
        self._is_class = truth.dtype == bool
        learner = HistGradientBoostingClassifier if self._is_class else HistGradientBoostingRegressor
        self._constant = float(truth[0]) if len(np.unique(truth)) == 1 else None
        self._model = learner(
            learning_rate=0.06,
            max_iter=250,
            max_leaf_nodes=24,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        )
        if self._constant is None:
            self._model.fit(features[:, self._informed], truth)

    def __call__(self, features: FloatArray) -> FloatArray:
        if self._constant is not None:
            return np.full(len(features), self._constant)
        known = features[:, self._informed]
        return np.asarray(self._model.predict_proba(known)[:, 1] if self._is_class else self._model.predict(known))
