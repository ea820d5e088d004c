"""Classifiers of small images run over tiles: every window is answered for as if it had been cut out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from astropy.table import Table, vstack
from scipy.ndimage import correlate
from scipy.special import expit, logit
from torch import Tensor

from merkhet.bundle.store import load_bundle
from merkhet.config.bundle import BundleSpec
from merkhet.config.inference import BackendName, Precision
from merkhet.config.tasks import Classify
from merkhet.data.noise import sky_noise
from merkhet.data.pixels import conform
from merkhet.errors import ConfigError
from merkhet.infer.backends import choose_backend
from merkhet.io.catalog import Flag
from merkhet.scan.candidates import peaks
from merkhet.scan.cuts import Cutter, WindowGrid, rebin
from merkhet.scan.detectors import Found
from merkhet.scan.extent import find_center, half_light_radius
from merkhet.scan.field import Field
from merkhet.scan.grid import Grid
from merkhet.scan.partial import window_flags
from merkhet.simulate.halos.truth import CORE_ARCSEC
from merkhet.tasks.apply import to_device

Resample = Literal["sum", "zoom"]
FloatArray = npt.NDArray[np.float32]

BATCH = 256
"""Windows that are cut, resampled and normalized together."""

REEXAMINED = {0.5: 0.2, 1.0: 0.4, 1.5: 0.2, 2.0: 0.2}
"""Sizes of the windows that look at a candidate again, over the size of its own, and the weights of their logits.

They are chosen, not fitted: a mean of logits falls where a maximum, the published rule, can only rise.
"""

_ROLES = ("signal", "exposure", "background")


class WindowDetector:
    """A classifier of images of one shape, run over every window of a tile.

    Parameters
    ----------
    model
        Run, bundle or name of a ``classify`` model for square images. Its bands are told by their roles: signal
        (counts), exposure, background. What it looks for is the second class where there are two, every class but the
        first where there are more, and every label where they are independent.
    windows
        Sides of the windows in pixels; the model's own where absent.
    stride
        Distance of the windows; half of each window where absent.
    threshold
        Candidates below this probability are left out; the model's own where absent.
    resample
        How windows of another size come to the model's: ``sum`` keeps the photons (pixels are summed, or shared out by
        area), ``zoom`` interpolates between corners, as the published halo detector does.
    reexamine
        Look at every candidate again with windows of other sizes around it (:data:`REEXAMINED`); its logit becomes
        the weighted mean.
    device, backend, precision
        As for :func:`merkhet.load`.

    Raises
    ------
    InputError
        There is no bundle, or it is damaged.
    ConfigError
        The model is none for square images on the sky, or an option does not go with it.
    """

    def __init__(
        self,
        model: str,
        *,
        windows: Sequence[int] | None = None,
        stride: int | None = None,
        threshold: float | None = None,
        resample: Resample = "sum",
        reexamine: bool = False,
        device: str = "auto",
        backend: BackendName = "torch",
        precision: Precision = "f32",
    ) -> None:
        bundle = load_bundle(model)
        self._spec, self._task = bundle.spec, bundle.task
        config = _check_model(model, bundle.spec)
        if resample not in get_args(Resample):
            raise ConfigError(f"resample {resample!r} is unknown; choose from {', '.join(get_args(Resample))}")
        self._size = _check_shape(model, bundle.spec)
        self._windows = tuple(windows) if windows is not None else (self._size,)
        if not self._windows or min(self._windows) < 2 or len(set(self._windows)) < len(self._windows):
            raise ConfigError(f"windows {self._windows}: expected different sizes of 2 pixels or more")
        self._stride, self._resample, self._reexamine = stride, resample, reexamine
        self._head = _Head(config)
        self._least = float(logit(config.threshold if threshold is None else threshold))
        self._backend = choose_backend(
            self._task, spec=bundle.spec.input, name=backend, precision=precision, device=device
        )
        self.name, self.hash, self.labels = str(model), bundle.spec.hash, self._head.labels

    def detect(self, field: Field) -> Found:
        """Return the windows that are brighter than those around them, centered on their photons."""
        shape = field.tile.counts.shape
        lattices = [WindowGrid.over(shape, window=w, stride=self._stride or max(1, w // 2)) for w in self._windows]
        reach = max(REEXAMINED) if self._reexamine else 1
        margin = max([lattice.overhang(shape) for lattice in lattices] + [reach * w // 2 + 1 for w in self._windows])
        scanned = _Scanned(field, Cutter(field.level(0, margin=int(margin))), self._noise(field))
        grids, parts = [], []
        for lattice in lattices:
            share = scanned.cutter.valid_share(lattice)
            grid = self._evaluate(scanned, lattice, share > 0)
            candidates = self._locate(scanned, peaks([grid], least_logit=self._least), lattice.window)
            candidates["flags"] |= _window_share_flags(candidates, grid, share, lattice.window, shape)
            grids.append(grid)
            parts.append(self._reexamined(scanned, candidates, lattice.window) if self._reexamine else candidates)
        candidates = vstack(parts, metadata_conflicts="silent")
        candidates["probability"] = expit(candidates["score"])
        return Found(candidates, grids)

    def _noise(self, field: Field) -> FloatArray:
        """Return the sky sigma of the whole tile in each band ``(C,)``, as training images carry that of theirs."""
        tile = field.tile
        planes = {"signal": tile.counts, "exposure": tile.exposure, "background": tile.background}
        bands = [planes[band.role] for band in self._spec.input.bands]
        return np.concatenate([sky_noise(band[None], tile.valid[None]) for band in bands])

    def _evaluate(self, scanned: "_Scanned", lattice: WindowGrid, covered: npt.NDArray[np.bool_]) -> Grid:
        """Return the answers for all windows of one size, and where in its window the answer is centered."""
        shape, window = covered.shape, lattice.window
        answers = np.full((*shape, 1 + len(self.labels)), -np.inf, dtype=np.float32)
        for rows, columns in lattice.batches(covered, size=BATCH):
            answers[rows, columns] = self._answer(scanned, columns * lattice.stride, rows * lattice.stride, window)
        weight = np.where(covered, expit(answers[..., 0]), 0).astype(np.float64)
        dx, dy = (lattice.stride * offset for offset in _centroid(weight))
        radius = np.full(shape, window / 2 * scanned.field.tile.pixel_arcsec)
        kinds = {f"p_{label}": answers[..., 1 + k] for k, label in enumerate(self.labels)}
        maps = {"logit": answers[..., 0], "dx": dx, "dy": dy, "size_arcsec": radius, **kinds}
        return Grid(
            level=0,
            step=float(lattice.stride),
            origin=((window - 1) / 2, (window - 1) / 2),
            covered=covered,
            maps={name: values.astype(np.float32) for name, values in maps.items()},
        )

    def _answer(self, scanned: "_Scanned", x: Any, y: Any, window: int) -> FloatArray:
        """Return presence (logit) and kinds ``(n, 1 + kinds)`` of windows whose first pixels are given."""
        batch = self._batch(scanned, x, y, window)
        with torch.inference_mode():
            logits = self._task(to_device(batch, self._backend.device))["logits"]
        return self._head.answer(logits)

    def _batch(self, scanned: "_Scanned", x: Any, y: Any, window: int) -> dict[str, Tensor]:
        valid = scanned.cutter.cut("valid", x, y, size=window)
        bands = [scanned.cutter.cut(band.role, x, y, size=window) for band in self._spec.input.bands]
        image, good = self._resized(np.stack(bands, axis=1), valid[:, None], window)
        image = conform(np.where(good, image, np.float32(np.nan)), self._spec.input, where=scanned.field.tile.path)
        binning = window / self._size * self._spec.input.bin
        return {
            "image": torch.from_numpy(image),
            "valid": torch.from_numpy(np.isfinite(image)),
            "noise": torch.from_numpy(np.broadcast_to(scanned.noise, (len(image), len(bands))).copy()),
            "scale": torch.full((len(image),), scanned.field.tile.pixel_arcsec * binning),
            "index": torch.arange(len(image)),
        }

    def _resized(self, image: Any, valid: Any, window: int) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Bring windows ``(n, C, w, w)`` and their masks ``(n, 1, w, w)`` to the model's size."""
        if window == self._size:
            return image, valid
        if self._resample == "zoom":
            spec = self._spec.input.model_copy(update={"shape": (self._size, self._size), "fit": "resize", "bin": 1})
            zoomed = conform(image, spec, where="window")
            return zoomed, np.ones_like(zoomed, dtype=bool)
        image = rebin(image, self._size)
        seconds = [band.role == "exposure" for band in self._spec.input.bands]
        image[:, seconds] *= (self._size / window) ** 2  # they are averaged, photons are summed
        return image, rebin(valid.astype(np.float32), self._size) > 0

    def _locate(self, scanned: "_Scanned", candidates: Table, window: int) -> Table:
        """Center candidates on their photons, measure their size, and flag those that go on beyond their window."""
        tile = scanned.field.tile
        last = np.array(tile.shape[::-1]) - 1.0  # a window may reach beyond the tile, but finds what lies on it
        position = np.stack([candidates["x"], candidates["y"]], axis=1).clip(0, last)
        radius, flags = np.full(len(position), window / 2), np.zeros(len(position), dtype=np.int32)
        core = min(np.nan_to_num(CORE_ARCSEC / tile.pixel_arcsec), window / 4)
        for start in range(0, len(position), BATCH):
            part = slice(start, start + BATCH)
            first = np.rint(position[part] - (window - 1) / 2).astype(np.int64)
            counts, background = (
                scanned.cutter.cut(plane, first[:, 0], first[:, 1], size=window).astype(np.float64)
                for plane in ("signal", "background")
            )
            center = find_center(counts, background, center=position[part] - first)
            radius[part] = half_light_radius(counts, background, center=center, core_px=core)
            flags[part] = window_flags(counts, background)
            position[part] = (center + first).clip(0, last)
        candidates["x"], candidates["y"] = position.T
        candidates["size_arcsec"] = radius * tile.pixel_arcsec
        candidates["scale_px"] = float(window)
        candidates["flags"] = flags
        return candidates

    def _reexamined(self, scanned: "_Scanned", candidates: Table, window: int) -> Table:
        """Replace the logits by weighted means over windows of several sizes; what falls below the threshold goes."""
        score = np.zeros(len(candidates))
        for factor, weight in REEXAMINED.items():
            size = round(factor * window)
            x, y = (np.rint(np.asarray(candidates[axis]) - (size - 1) / 2).astype(np.int64) for axis in ("x", "y"))
            for start in range(0, len(candidates), BATCH):
                part = slice(start, start + BATCH)
                score[part] += weight * self._answer(scanned, x[part], y[part], size)[:, 0]
        candidates["score"] = score
        return candidates[score >= self._least]


@dataclass(frozen=True)
class _Scanned:
    """A tile that is being scanned: its field, what cuts its windows, and the noise of its bands ``(C,)``."""

    field: Field
    cutter: Cutter
    noise: FloatArray


class _Head:
    """Tells from a classifier's logits whether an object is there, and of what kind."""

    def __init__(self, config: Classify) -> None:
        self._mode, self._temperature = config.mode, config.temperature
        self.labels = config.classes if config.mode == "multilabel" else config.classes[1:]

    def answer(self, logits: Tensor) -> FloatArray:
        """Return ``(n, 1 + kinds)``: the logit of any object's presence, then the probability of each kind."""
        scaled = logits.float() / self._temperature
        if self._mode == "multiclass":
            kinds = scaled.softmax(dim=1)[:, 1:]
            presence = scaled[:, 1:].logsumexp(dim=1) - scaled[:, 0]
        else:
            kinds, presence = scaled.sigmoid(), scaled.amax(dim=1)
        answer: FloatArray = torch.cat([presence[:, None], kinds], dim=1).cpu().numpy()
        return answer


def _check_model(model: str, spec: BundleSpec) -> Classify:
    if not isinstance(spec.task, Classify) or spec.input.dims != 2:
        raise ConfigError(f"{model}: task {spec.task.kind} in {spec.input.dims} dimensions cannot be run by windows")
    foreign = [band.name for band in spec.input.bands if band.role not in _ROLES]
    if foreign:
        raise ConfigError(f"{model}: band {foreign[0]} is none of {', '.join(_ROLES)}, which are all that a tile has")
    return spec.task


def _check_shape(model: str, spec: BundleSpec) -> int:
    shape = spec.input.shape
    if shape is None or shape[0] != shape[1]:
        raise ConfigError(f"{model}: takes images of shape {shape}; windows are square and of one size")
    return shape[0]


def _centroid(weight: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the centroid of each cell and its eight neighbors, ``x`` then ``y``, in cells from its own center."""
    ones, steps = np.ones(3), np.array([-1.0, 0.0, 1.0])
    total = correlate(weight, np.outer(ones, ones), mode="constant")
    total = np.where(total > 0, total, 1.0)
    across, up = (
        correlate(weight, kernel, mode="constant") for kernel in (np.outer(ones, steps), np.outer(steps, ones))
    )
    return across / total, up / total


def _window_share_flags(
    candidates: Table, grid: Grid, share: npt.NDArray[np.float64], window: int, shape: tuple[int, ...]
) -> npt.NDArray[np.int32]:
    """Flag candidates whose window was not observed whole, and all on a tile that is smaller than it."""
    column, row = (
        np.rint((np.asarray(candidates[f"cell_{axis}"]) - grid.origin[0]) / grid.step).astype(int) for axis in "xy"
    )
    flags = np.where(share[row, column] < 1, np.int32(Flag.INVALID_PIXELS), np.int32(0))
    return flags | np.int32(Flag.RESHAPED if min(shape) < window else 0)
