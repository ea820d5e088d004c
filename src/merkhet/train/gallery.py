"""The pixels of the images that a report shows, kept in the run: the report then needs no image file."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table, vstack

from merkhet.config.tasks import Classify, need_classifier
from merkhet.data.arrays import FloatArray, Rows
from merkhet.data.measured import PREFIX
from merkhet.data.pixels import conform
from merkhet.evaluate.examples import choose_examples
from merkhet.train.prepare import Prepared

LARGEST_SIDE = 400
"""Longer sides are averaged in blocks: a gallery is looked at, and a run must stay small."""


def gallery_table(predictions: Table, *, prepared: Prepared, rows: Rows) -> Table:
    """Return the images of a run's gallery.

    Parameters
    ----------
    predictions
        The prediction table of one side of the split.
    prepared
        Where the pixels are.
    rows
        For each row of ``predictions``, its number among the samples.

    Returns
    -------
    Table
        One row per place in the gallery: ``id, chapter, rank`` (see
        :func:`merkhet.evaluate.examples.choose_examples`); ``pixel_scale_arcsec``, NaN where it is not known;
        ``pixels``, float32 ``(y, x)``: the first of several bands, the mean along the depth of a cube, cropped or
        padded as for the network, but not binned for it.
    """
    chosen = _choose(predictions, need_classifier(prepared.experiment.task, to="show examples"))
    places = rows[chosen["row"]]
    pixels, block = _pixels(prepared, places)
    scale = np.asarray(prepared.samples.table[PREFIX + "scale"], dtype=float)[places]
    fallback = prepared.experiment.input.pixel_scale_arcsec or np.nan
    chosen["pixel_scale_arcsec"] = np.where(np.isfinite(scale), scale, fallback) * block
    chosen["pixels"] = pixels
    chosen.remove_column("row")
    return chosen


def pool_galleries(predictions: Table, galleries: Sequence[Table], *, task: Classify) -> Table:
    """Return the gallery of the joined predictions of several runs from the galleries of each.

    No other pixels are needed: whatever is among the surest of all is among the surest of its own run.
    """
    chosen, images = _choose(predictions, task), vstack(list(galleries), metadata_conflicts="silent")
    ids = np.asarray(images["id"]).astype(str)
    place = [int(np.flatnonzero(ids == name)[0]) for name in chosen["id"]]
    for name in ("pixel_scale_arcsec", "pixels"):
        chosen[name] = images[name][place]
    chosen.remove_column("row")
    return chosen


def _choose(predictions: Table, task: Classify) -> Table:
    return choose_examples(predictions, mode=task.mode, classes=task.classes, threshold=task.threshold)


def _pixels(prepared: Prepared, rows: Rows) -> tuple[FloatArray, int]:
    """Return ``(n, y, x)`` pixels, and how many pixels of the file a side of each of them covers."""
    data, spec, dataset = prepared.experiment.data, prepared.experiment.input, prepared.dataset
    shape = tuple(dataset.shapes[rows].min(axis=0).tolist())
    if spec.fit == "any":
        spec = spec.model_copy(update={"fit": "center", "shape": shape})  # of larger images the middle
    height, width = shape[-2:]
    block = min(max(1, -(-max(height, width) // LARGEST_SIDE)), height, width)
    whole, blocks = (spec.model_copy(update={"bin": n, "bin_mode": "mean"}) for n in (1, block))
    # One after another: whole, they may be large.
    images = [conform(dataset.pixels.fetch(rows[k : k + 1], whole), blocks, where=data.table) for k in range(len(rows))]
    image = np.concatenate(images)
    band = image[:, 0]
    return (band if spec.dims == 2 else _mean_along_depth(band)), block


def _mean_along_depth(cubes: FloatArray) -> FloatArray:
    """Return the mean ``(n, y, x)`` of the valid pixels of ``(n, z, y, x)``, NaN where there is none."""
    valid = np.isfinite(cubes)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(valid, cubes, 0).sum(axis=1) / valid.sum(axis=1), dtype=np.float32)
