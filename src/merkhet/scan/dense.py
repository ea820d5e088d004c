"""A detect task run over whole tiles: every pixel passes the network once per level of the pyramid."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from astropy.table import Table

from merkhet.bundle.store import Bundle, load_bundle
from merkhet.config.inference import BackendName, Precision
from merkhet.config.inputs import InputSpec
from merkhet.config.tasks import Detect
from merkhet.data.sample import Batch
from merkhet.errors import ConfigError
from merkhet.infer.backends import Backend, choose_backend
from merkhet.models.fcn import covered
from merkhet.scan.candidates import merge, peaks
from merkhet.scan.detectors import Found
from merkhet.scan.field import Field, Level
from merkhet.scan.grid import Grid
from merkhet.scan.tiles import Slices, plan_blocks
from merkhet.tasks.apply import apply_task
from merkhet.tasks.base import ScanSpec, Task

FloatImage = npt.NDArray[np.float32]

BLOCK_PX = 1664
"""Side of a block's core where the user names none: half of a large tile, so that few pixels are computed twice."""

MOST_SIZE = 4.0
"""The largest radius that is believed, over that which a level is taught: what is larger belongs to a coarser level.

The network answers with a logarithm, so that one cell gone astray would else make a circle as large as the sky.
"""


class DenseDetector:
    """Runs a network trained to detect over all levels of a tile's pyramid, in blocks with context.

    The answers do not depend on the size of the blocks: with the context that the network asks for, a cell sees the
    same pixels however the tile is cut.

    Parameters
    ----------
    model
        A run, a bundle or the name of a model that comes with the package; its task is of kind detect.
    tile
        Side in pixels of the blocks in which a tile is evaluated; :data:`BLOCK_PX` where absent. It bounds the
        memory and changes no answer.
    backend, precision, device
        See :func:`merkhet.infer.backends.choose_backend`.

    Attributes
    ----------
    backend
        How and where the network runs.

    Raises
    ------
    InputError
        There is no such bundle, or it is damaged.
    ConfigError
        The model does not detect, ``tile`` is smaller than a cell, or the choice of backend cannot be honored.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        tile: int | None = None,
        backend: BackendName = "torch",
        precision: Precision = "f32",
        device: str = "auto",
    ) -> None:
        bundle = load_bundle(model)
        self.name, self.hash = str(model), bundle.spec.hash
        self._task, self._scan, self._config = bundle.task, *_detects(bundle, name=self.name)
        self._side = BLOCK_PX if tile is None else tile
        if self._side < self._scan.stride:
            raise ConfigError(f"--tile is {tile}; expected at least {self._scan.stride}, the cell of {self.name}")
        self.labels = self._config.classes
        self._most_px = MOST_SIZE * self._config.radius_px[1]
        self.backend: Backend = choose_backend(
            self._task, spec=_of_any_size(bundle.spec.input), name=backend, precision=precision, device=device
        )

    def detect(self, field: Field) -> Found:
        """Return the candidates of all levels, merged, and the grids; weak ones among them: the caller cuts."""
        grids = [self.grid(field, level) for level in range(self._config.levels)]
        candidates = peaks(grids, least_logit=self._config.combination.least)
        own, finer, coarser = (np.asarray(candidates[name]) for name in ("score", "score_finer", "score_coarser"))
        level = level_of(candidates, stride=self._scan.stride)
        candidates["probability"] = self._config.probability(own, finer, coarser, level=level)
        candidates["flags"] = np.zeros(len(candidates), dtype=np.int32)
        merged: Table = merge(candidates, pixel_arcsec=field.tile.pixel_arcsec)
        return Found(merged, grids)

    def grid(self, field: Field, level: int) -> Grid:
        """Return the network's answers on one level of a tile.

        Cells that hold no valid pixel are NaN and not covered; blocks without any are not evaluated.
        """
        stride = self._scan.stride
        shape = tuple(-(-n // 2**level) for n in field.tile.shape)
        plan = plan_blocks(shape, side=self._side, context=self._scan.context, align=stride)
        seen = field.level(level, margin=plan.context + stride)  # the last cells may reach beyond the tile
        own = seen.valid[seen.margin : -seen.margin, seen.margin : -seen.margin]
        there: npt.NDArray[np.bool_] = covered(torch.from_numpy(own)[None, None], stride=stride)[0].numpy()
        maps: dict[str, FloatImage] = {}
        for block in plan.blocks():
            cells = _cells(block.core, stride)
            if there[cells].any():
                where = _trimmed(seen, block.outer, stride=stride)
                first = [(part.start - seen.margin) // stride for part in where]
                for name, answer in self._answer(seen, where).items():
                    image = maps.setdefault(name, np.full(there.shape, np.nan, dtype=np.float32))
                    _put(image, answer, cells=cells, first=first)
        for image in maps.values():
            image[~there] = np.nan
        step = float(stride * 2**level)
        maps = _in_tile_units(maps, seen, most_px=self._most_px)
        return Grid(level, step, ((step - 1) / 2, (step - 1) / 2), there, maps)

    def _answer(self, seen: Level, where: Slices) -> dict[str, FloatImage]:
        """Return the maps ``(h, w)`` of a part of a level."""
        batch = _make_batch(seen, where)
        ((_, prediction),) = apply_task(self._task, [batch], device=self.backend.device)
        return {name: values[0] for name, values in prediction.maps.items()}


def level_of(candidates: Table, *, stride: int) -> npt.NDArray[np.int64]:
    """Return the level of the pyramid on which each candidate was found: its cells are ``stride 2**level`` wide."""
    scale = np.asarray(candidates["scale_px"], dtype=np.float64)
    return np.asarray(np.rint(np.log2(scale / stride)), dtype=np.int64)


def _of_any_size(spec: InputSpec) -> InputSpec:
    """Return what the network takes here: blocks of other sizes than the patches that it learned from."""
    return spec.model_copy(update={"fit": "any"})


def _detects(bundle: Bundle, *, name: str) -> tuple[ScanSpec, Detect]:
    task: Task = bundle.task
    config = bundle.spec.task
    if not isinstance(config, Detect) or task.scan is None:
        raise ConfigError(f"{name}: its task is {config.kind}; a dense scan needs one that detects")
    return task.scan, config


def _cells(core: Slices, stride: int) -> Slices:
    return tuple(slice(part.start // stride, part.stop // stride) for part in core)


def _trimmed(seen: Level, outer: Slices, *, stride: int) -> Slices:
    """Return a block in pixels of a level and its margin, without those of its edges where nothing is valid.

    It starts at a cell. The network takes what lies beyond an image for not valid: it need not be shown any.
    """
    where = tuple(slice(part.start + seen.margin, part.stop + seen.margin) for part in outer)
    valid = seen.valid[where]
    found = (np.flatnonzero(valid.any(axis=1 - axis)) for axis in (0, 1))
    return tuple(
        slice(part.start + places[0] // stride * stride, part.start + places[-1] + 1)
        for part, places in zip(where, found, strict=True)
    )


def _make_batch(seen: Level, where: Slices) -> Batch:
    """Return a part of a level as a batch of one image; the pixels are not copied."""
    image = torch.from_numpy(seen.image[None, :, *where])
    return {
        "image": image,
        "valid": torch.from_numpy(seen.valid[None, None, *where]).expand_as(image),
        "noise": torch.ones(image.shape[:2]),
        "scale": torch.full((1,), seen.pixel_arcsec),
        "index": torch.arange(1),
    }


def _put(image: FloatImage, answer: FloatImage, *, cells: Slices, first: Sequence[int]) -> None:
    """Write those of an answer's cells that a block owns in their place; its own begin at cell ``first``."""
    there, here = [], []
    for owned, start, stop, end in zip(cells, first, answer.shape, image.shape, strict=True):
        places = slice(max(owned.start, start), min(owned.stop, start + stop, end))
        there.append(places)
        here.append(slice(places.start - start, places.stop - start))
    image[tuple(there)] = answer[tuple(here)]


def _in_tile_units(maps: dict[str, FloatImage], seen: Level, *, most_px: float) -> dict[str, FloatImage]:
    """Return maps with offsets in pixels of the tile and sizes in arcsec, from those in pixels of the level."""
    width = 2**seen.level
    scaled = {name: image * width if name in ("dx", "dy") else image for name, image in maps.items() if name != "size"}
    scaled["size_arcsec"] = np.minimum(maps["size"], np.float32(most_px)) * np.float32(seen.pixel_arcsec)
    return scaled
