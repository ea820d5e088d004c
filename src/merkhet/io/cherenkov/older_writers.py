"""Simulated events in two layouts of the past, for tests of their readers: DL1-Data-Handler and ImageExtractor."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.io.cherenkov.hdf5 import import_hdf5
from merkhet.io.cherenkov.simulated import EventBlock, TypeImages
from merkhet.io.cherenkov.subarray import Subarray

CHARGE_SCALE = 100
_GRIDS_TOLERANCE = 1e-3


def write_data_handler(path: Path, block: EventBlock, *, subarray: Subarray, pointing: tuple[float, float]) -> None:
    """Write events as DL1-Data-Handler 0.8 did: a table of images for each type, its first row blank.

    Parameters
    ----------
    path
        The file to make.
    block, subarray
        The events and the telescopes.
    pointing
        Altitude and azimuth, rad.
    """
    with import_hdf5().File(path, "w") as file:
        file.attrs["run_array_direction"] = np.array(pointing[::-1], dtype=np.float32)
        file.attrs["dl1_data_handler_version"] = "0.8.0"
        columns: dict[str, npt.NDArray[Any]] = {
            "event_id": block.event_id.astype("u4"),
            "obs_id": block.obs_id.astype("u4"),
            "shower_primary_id": block.truth["shower_primary_id"].astype("u1"),
            "mc_energy": block.truth["energy"].astype("f4"),
            **{
                name: block.truth[name].astype("f4")
                for name in ("core_x", "core_y", "h_first_int", "x_max", "alt", "az")
            },
        }
        for kind in subarray.type_names:
            images, slots = block.images[kind], subarray.slots(kind)
            rows = np.zeros((len(block), len(slots)), dtype="u4")
            rows[images.event, np.searchsorted(slots, images.slot)] = np.arange(1, len(images.event) + 1)
            columns[f"{kind}_indices"] = rows
            columns[f"{kind}_multiplicity"] = (rows > 0).sum(axis=1).astype("u4")
            file[kind] = _image_rows(images)
        file["Events"] = _records(columns)
        _write_array(file, subarray)


def write_image_extractor(
    path: Path,
    block: EventBlock,
    *,
    subarray: Subarray,
    kind: str,
    pointing: tuple[float, float],
    validation_share: float = 0.2,
) -> None:
    """Write the events that telescopes of one type saw as ImageExtractor did in 2017: square images, charge x 100.

    Parameters
    ----------
    path
        The file to make.
    block, subarray
        The events and the telescopes.
    kind
        The type; its camera must be one of square pixels.
    pointing
        Altitude and azimuth, rad.
    validation_share
        Share of the events, the last ones, that go to ``Events_Validation``.

    Raises
    ------
    ValueError
        The pixels are not square.
    """
    images, slots = block.images[kind], subarray.slots(kind)
    seen = np.unique(images.event)
    maps = np.full((len(seen), len(slots)), -1, dtype="i4")
    row, column = pixel_grid(subarray.type(kind).camera)
    with import_hdf5().File(path, "w") as file:
        group = file.create_group("E0")
        for place, slot in enumerate(slots.tolist()):
            mine = np.flatnonzero(images.slot == slot)
            grid = np.zeros((len(mine), row.max() + 1, column.max() + 1, 1), dtype="i2")
            charge = np.rint(images.charge[mine] * CHARGE_SCALE)
            grid[:, row, column, 0] = np.clip(charge, *(np.iinfo("i2").min, np.iinfo("i2").max))
            group[f"T{subarray.telescopes['tel_id'][slot]}"] = grid
            maps[np.searchsorted(seen, images.event[mine]), place] = np.arange(len(mine))
        events = _old_events(block, seen, maps)
        training = len(seen) - round(validation_share * len(seen))
        group["Events_Training"], group["Events_Validation"] = events[:training], events[training:]
        file["Tel_Table"] = _old_telescopes(subarray, slots, pointing)


def pixel_grid(camera: CameraGeometry) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return row and column of each square pixel among all; gaps between modules are closed.

    Raises
    ------
    ValueError
        The pixels are not square.
    """
    if camera.pixel_shape != "square":
        raise ValueError(f"camera {camera.name} has {camera.pixel_shape} pixels; expected square ones")
    step = _GRIDS_TOLERANCE * camera.pixel_width
    row, column = (
        np.unique(np.rint(axis / step).astype(np.int64), return_inverse=True)[1]
        for axis in (camera.pix_y, camera.pix_x)
    )
    return row.astype(np.int64), column.astype(np.int64)


def _image_rows(images: TypeImages) -> npt.NDArray[np.void]:
    """Return the table of the images of a type, with a blank first row."""
    pixels = images.charge.shape[1]
    rows = np.zeros(
        len(images.event) + 1,
        dtype=[("event_index", "i4"), ("charge", "f4", (pixels,)), ("peak_time", "f4", (pixels,))],
    )
    rows["event_index"][0] = -1
    rows["event_index"][1:], rows["charge"][1:], rows["peak_time"][1:] = images.event, images.charge, images.time
    return rows


def _write_array(file: Any, subarray: Subarray) -> None:
    telescopes, types = subarray.telescopes, subarray.types
    names = np.array(subarray.type_names, dtype="S")
    file["Array_Information"] = _records(
        {
            "id": telescopes["tel_id"].astype("u1"),
            "type": names[telescopes["type"]],
            **{axis: telescopes[axis].astype("f4") for axis in "xyz"},
        }
    )
    most = max(kind.camera.n_pixels for kind in types)
    positions = np.zeros((len(types), most, 2), dtype="f4")
    for place, kind in enumerate(types):
        positions[place, : kind.camera.n_pixels] = kind.camera.positions
    file["Telescope_Type_Information"] = _records(
        {
            "type": names,
            "optics": np.array([kind.name.split("_")[1] for kind in types], dtype="S"),
            "camera": np.array([kind.camera.name for kind in types], dtype="S"),
            "num_pixels": np.array([kind.camera.n_pixels for kind in types], dtype="u4"),
            "pixel_positions": positions,
        }
    )


def _old_events(block: EventBlock, seen: npt.NDArray[np.int64], maps: npt.NDArray[Any]) -> npt.NDArray[np.void]:
    truth = {name: values[seen] for name, values in block.truth.items()}
    return _records(
        {
            "event_number": block.event_id[seen].astype("u4"),
            "run_number": block.obs_id[seen].astype("u4"),
            "gamma_hadron_label": truth["shower_primary_id"].astype("u1"),
            "core_x": truth["core_x"],
            "core_y": truth["core_y"],
            "h_first_int": truth["h_first_int"],
            "mc_energy": truth["energy"],
            "alt": truth["alt"].astype("f4"),
            "az": truth["az"].astype("f4"),
            "tel_map": maps,
            "reconstructed_energy": np.full(len(seen), -1.0),
        }
    )


def _old_telescopes(
    subarray: Subarray, slots: npt.NDArray[np.int64], pointing: tuple[float, float]
) -> npt.NDArray[np.void]:
    mine = subarray.telescopes[slots]
    return _records(
        {
            "tel_id": mine["tel_id"].astype("u1"),
            **{f"tel_{axis}": mine[axis].astype("f4") for axis in "xyz"},
            "tel_type": np.array([subarray.type_names[place] for place in mine["type"]], dtype="S"),
            "run_array_direction": np.tile(np.array(pointing[::-1], dtype="f4"), (len(mine), 1)),
        }
    )


def _records(columns: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.void]:
    length = len(next(iter(columns.values())))
    rows = np.zeros(length, dtype=[(name, values.dtype, values.shape[1:]) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    return rows
