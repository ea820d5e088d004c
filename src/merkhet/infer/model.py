"""A trained model in the user's hands: ``merkhet.load(folder).predict(image)``."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.bundle.store import load_bundle
from merkhet.config.bundle import BundleSpec
from merkhet.config.inference import BackendName, Precision
from merkhet.config.tasks import need_classifier
from merkhet.data.arrays import FloatArray
from merkhet.data.measured import NO_FILE, Measured, measure, shape_from_text
from merkhet.data.pixels import Pixels, check_units, conform, from_array, read_pixels
from merkhet.data.sample import Sample, collate
from merkhet.errors import InputError
from merkhet.infer.backends import Backend, choose_backend
from merkhet.infer.heatmap import HeatMapFolder, HeatMaps, heat_maps
from merkhet.infer.inputs import InputItem, expand_inputs
from merkhet.infer.unlike import is_other_scale, is_unlike
from merkhet.io.catalog import Flag, make_catalog
from merkhet.io.fits import read_image
from merkhet.tasks.apply import apply_task, to_device
from merkhet.tasks.base import Prediction
from merkhet.tasks.novelty import NOVELTY

MAX_BATCH_PIXELS = 2**24


@dataclass(frozen=True)
class Ready:
    """One sample read and brought to the model's shape: what goes to the network, and what its row will say."""

    number: int
    item: InputItem
    image: FloatArray
    noise: FloatArray
    scale: float
    measured: Measured
    flags: int
    hdu: int

    @property
    def sample(self) -> Sample:
        """The sample as the network takes it."""
        return {
            "image": self.image,
            "valid": np.isfinite(self.image),
            "noise": self.noise,
            "scale": np.float32(self.scale),
            "index": self.number,
        }


class Answered(NamedTuple):
    """A batch of samples, the answers for them, and how long the network took for all of them."""

    chunk: list[Ready]
    prediction: Prediction
    seconds: float


class TrainedModel:
    """A bundle on a device. Make one with :func:`load`.

    Attributes
    ----------
    spec
        Everything known about the model, :class:`merkhet.config.bundle.BundleSpec`.
    backend
        How and where it runs, and how far its answers are from those of plain torch.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        device: str,
        backend: BackendName,
        precision: Precision,
        hdu: int | str | None,
        plane: int | None,
    ) -> None:
        bundle = load_bundle(folder)
        self.spec: BundleSpec = bundle.spec
        need_classifier(self.spec.task, to="answer for whole images")
        self._task, self._novelty = bundle.task, bundle.novelty
        self.backend: Backend = choose_backend(
            self._task, spec=self.spec.input, name=backend, precision=precision, device=device
        )
        given = {name: value for name, value in (("hdu", hdu), ("plane", plane)) if value is not None}
        self._read = self.spec.read.model_copy(update=given)

    def predict(
        self,
        what: str | Path | npt.NDArray[Any] | Sequence[str | Path] | Sequence[npt.NDArray[Any]],
        *,
        batch_size: int = 64,
    ) -> Table:
        """Return the catalog of one image, path or array, or of many.

        ``flags`` say what is odd about an image, and whether it is unlike the training data; see
        :class:`merkhet.io.catalog.Flag`.

        Parameters
        ----------
        what
            A file, folder, pattern or table, or a list of those; an array ``(H, W)`` or ``(C, H, W)`` in the unit of
            the training data, or a list of arrays.
        batch_size
            Images that go through the network together.

        Raises
        ------
        InputError
            An image cannot be used. To go on past bad files, use :func:`merkhet.predict`.
        """
        if isinstance(what, np.ndarray):
            ready = [self.prepare_array(what)]
        else:
            ready = self._prepare_several([what] if isinstance(what, str | Path) else what)
        parts = [self.rows(done.chunk, done.prediction) for done in self.answer(ready, batch_size=batch_size)]
        return join_rows(parts)

    def _prepare_several(self, entries: Sequence[str | Path] | Sequence[npt.NDArray[Any]]) -> list[Ready]:
        arrays = [entry for entry in entries if isinstance(entry, np.ndarray)]
        paths = [entry for entry in entries if not isinstance(entry, np.ndarray)]
        if arrays and paths:
            raise InputError("predict", "the list holds both paths and arrays", expected="one or the other")
        if arrays:
            return [self.prepare_array(array, number=n, name=f"array {n}") for n, array in enumerate(arrays)]
        return [self.prepare(number, item) for number, item in enumerate(expand_inputs(paths))]

    def prepare(self, number: int, item: InputItem) -> Ready:
        """Read one sample and bring it to the model's shape.

        Raises
        ------
        InputError
            The files are unusable, or their unit is not that of the training data.
        """
        spec = self.spec.input
        if item.problem or not item.paths:
            raise InputError(item.paths[0] if item.paths else item.id, item.problem or NO_FILE)
        pixels = read_pixels(item.paths, read=self._read, channels=spec.channels, dims=spec.dims)
        check_units(pixels.units, spec.bands, where=item.paths[0])
        return self._ready(number, item, pixels)

    def prepare_array(self, array: npt.NDArray[Any], *, number: int = 0, name: str = "array") -> Ready:
        """Bring an array to the model's shape; ``number`` and ``name`` tell it from others."""
        spec = self.spec.input
        if array.dtype.kind not in "fiu":
            raise InputError(name, f"dtype {array.dtype}", expected="numbers")
        check_units([str(getattr(array, "unit", "") or "")] * spec.channels, spec.bands, where=name)
        filled = np.ma.filled(array.astype(np.float32), np.nan) if np.ma.isMaskedArray(array) else array
        image = np.asarray(filled, dtype=np.float32)
        image = image[None] if image.ndim == spec.dims else image
        pixels = from_array(image, [], where=name, channels=spec.channels, dims=spec.dims)
        return self._ready(number, InputItem(name, (Path(name),)), pixels)

    def _ready(self, number: int, item: InputItem, pixels: Pixels) -> Ready:
        spec, measured = self.spec.input, measure(number, item.paths, pixels)
        image = conform(pixels.image, spec, where=item.paths[0])
        hdu = pixels.info.hdu if pixels.info else 0
        return Ready(
            number,
            item,
            image,
            pixels.noise,
            measured.scale * spec.bin,
            measured,
            self._flags(pixels, measured, image),
            hdu,
        )

    def _flags(self, pixels: Pixels, measured: Measured, image: FloatArray) -> int:
        spec, flags = self.spec.input, Flag(0)
        if not measured.finite:
            flags |= Flag.INVALID_PIXELS
        if np.isnan(measured.ra):
            flags |= Flag.NO_WCS
        forced = spec.shape is not None and pixels.image.shape[1:] != spec.shape and spec.fit in ("center", "resize")
        if forced or min(pixels.image.shape[-2:]) < spec.pad_to:
            flags |= Flag.RESHAPED
        if is_other_scale(measured.scale, self.spec):
            flags |= Flag.OTHER_SCALE
        if self.spec.reference is not None and is_unlike(image, pixels.noise, self.spec.reference):
            flags |= Flag.UNLIKE_TRAINING
        return int(flags)

    def answer(self, ready: Iterable[Ready], *, batch_size: int) -> Iterator[Answered]:
        """Yield batches of equal shape with their answers; memory is bounded by ``batch_size`` and pixels."""
        for chunk in _chunks(ready, batch_size):
            batch, began = collate([item.sample for item in chunk]), time.perf_counter()
            for _, prediction in apply_task(self._task, [batch], device=self.backend.device, novelty=self._novelty):
                yield Answered(chunk, prediction, time.perf_counter() - began)

    def heat_maps(self, ready: Ready) -> HeatMaps:
        """Return where in a sample the evidence for each label lies; see :func:`merkhet.infer.heatmap.heat_maps`."""
        config, batch = need_classifier(self.spec.task, to="show heat maps"), collate([ready.sample])
        moved = to_device(batch, self.backend.device)
        shape = shape_from_text(ready.measured.shape)
        evidence = self.spec.model.evidence
        return heat_maps(
            self._task, config, moved, spec=self.spec.input, shape=(shape[-2], shape[-1]), evidence=evidence
        )

    def write_heat_maps(self, ready: Ready, folder: HeatMapFolder) -> None:
        """Write the heat maps of a sample that came from a file, with the world coordinates of the first."""
        image, info = read_image(ready.item.paths[0], hdu=ready.hdu, plane=self._read.plane)
        first = image if image.ndim == self.spec.input.dims else image[0]
        folder.write(first, self.heat_maps(ready), info=info, model=self.spec.hash)

    def rows(self, chunk: Sequence[Ready], prediction: Prediction) -> dict[str, npt.NDArray[Any]]:
        """Join the answers of a batch with what is known of its samples."""
        shapes = np.array([item.measured.shape.split("x")[-2:] for item in chunk], dtype=float)
        known = {
            "number": np.array([item.number for item in chunk]),
            "id": np.array([item.item.id for item in chunk], dtype=str),
            "image": np.array([item.measured.path for item in chunk], dtype=str),
            "ra": np.array([item.measured.ra for item in chunk]),
            "dec": np.array([item.measured.dec for item in chunk]),
            "x": (shapes[:, 1] - 1) / 2,
            "y": (shapes[:, 0] - 1) / 2,
        }
        closing = {
            "flags": np.array([item.flags for item in chunk], dtype=np.int32),
            "model": np.full(len(chunk), self.spec.hash),
        }
        row = prediction.samples(len(chunk))
        of_samples = {name: values[row] for name, values in (known | closing).items()}
        if NOVELTY in prediction.columns:
            far = ~(prediction.columns[NOVELTY] <= 1)  # features that are no numbers are unlike any
            of_samples["flags"] |= np.where(far, np.int32(Flag.UNLIKE_TRAINING), np.int32(0))
        return {
            **{name: of_samples[name] for name in known},
            **prediction.columns,
            **{n: of_samples[n] for n in closing},
        }


def load(
    model: str | Path,
    *,
    device: str = "auto",
    backend: BackendName = "torch",
    precision: Precision = "f32",
    hdu: int | str | None = None,
    plane: int | None = None,
) -> TrainedModel:
    """Load a trained model.

    Parameters
    ----------
    model
        A run folder or a bundle folder.
    device
        ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    backend
        ``torch``, or ``openvino``: two to four times as fast on the processor, compared with torch when it is loaded.
    precision
        ``f32``, or ``bf16``: faster where the processor has it, with probabilities that ``model.backend.difference``
        says how far off.
    hdu, plane
        Where images are in their files, if not where they were in the training data.

    Raises
    ------
    InputError
        There is no bundle, or it is damaged.
    ConfigError
        The device or the backend cannot be used, or OpenVINO's answers are not those of torch.
    DependencyError
        OpenVINO is not installed.
    """
    return TrainedModel(model, device=device, backend=backend, precision=precision, hdu=hdu, plane=plane)


def join_rows(parts: Sequence[dict[str, npt.NDArray[Any]]]) -> Table:
    """Join rows that came in any order into one catalog in the order of the inputs."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(columns.pop("number"), kind="stable")
    return make_catalog({name: values[order] for name, values in columns.items()})


def _chunks(ready: Iterable[Ready], batch_size: int) -> Iterator[list[Ready]]:
    """Gather samples of equal shape into batches; give out what is held whenever it grows too large."""
    held: dict[tuple[int, ...], list[Ready]] = {}
    pixels = 0
    for item in ready:
        group = held.setdefault(item.image.shape, [])
        group.append(item)
        pixels += item.image.size
        if len(group) >= batch_size or len(group) * item.image.size >= MAX_BATCH_PIXELS:
            pixels -= len(group) * item.image.size
            yield held.pop(item.image.shape)
        elif pixels >= 4 * MAX_BATCH_PIXELS:
            yield from held.values()
            held, pixels = {}, 0
    yield from held.values()
