"""What stands beside the events in a file of ctapipe's data model: the telescopes, the runs, whose file it is."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet import __version__
from merkhet.io.cherenkov.pytables import Column, enumeration, mark_groups, set_attribute, write_rows
from merkhet.io.cherenkov.runs import RUN_TABLE, SimulatedRun
from merkhet.io.cherenkov.subarray import Subarray, TelescopeType

MODEL_VERSION = "v7.1.0"
_EARTH_RADIUS_M = 6_378_137.0


def write_instrument(file: Any, subarray: Subarray) -> None:
    """Write telescopes, optics, cameras and readouts as ctapipe does."""
    _write_layout(file, subarray)
    _write_optics(file, subarray)
    home = "configuration/instrument/telescope/camera"
    for place, kind in enumerate(subarray.types):
        _write_camera(file, f"{home}/geometry_{place}", kind)
        _write_readout(file, f"{home}/readout_{place}", kind)


def write_runs(file: Any, runs: Sequence[SimulatedRun], *, subarray: Subarray) -> None:
    """Write how showers were thrown, and where the telescopes looked."""
    columns = (
        Column("obs_id", "<i4"),
        Column("energy_range_min", "<f4", unit="TeV"),
        Column("energy_range_max", "<f4", unit="TeV"),
        Column("prod_site_alt", "<f8", unit="m"),
        Column("spectral_index", "<f8"),
        Column("n_showers", "<i8"),
        Column("shower_reuse", "<i8"),
        *(Column(name, "<f4", unit="rad") for name in ("max_alt", "min_alt", "max_az", "min_az")),
        Column("diffuse", "<i8"),
        *(Column(f"{name}_viewcone_radius", "<f4", unit="deg") for name in ("max", "min")),
        *(Column(f"{name}_scatter_range", "<f4", unit="m") for name in ("max", "min")),
    )
    rows = [
        (run.obs_id, run.energy_min_tev, run.energy_max_tev, run.observation_height_m, run.spectral_index,
         run.n_showers, 1, *(2 * [run.pointing[0]]), *(2 * [run.pointing[1]]), run.view_cone_deg > 0,
         run.view_cone_deg, 0, run.core_radius_m, 0)
        for run in runs
    ]  # fmt: skip
    values = np.array(rows, dtype=np.float64).reshape(len(runs), len(columns)).T
    table = {column.name: row for column, row in zip(columns, values, strict=True)}
    write_rows(file, RUN_TABLE, table, columns=columns)
    _write_pointings(file, runs, subarray)
    _write_observations(file, runs)


def write_reference(file: Any, *, name: str, levels: str, obs_ids: Sequence[int]) -> None:
    """Mark a file as one of ctapipe's data model; ``levels`` are its data levels."""
    mark_groups(file)
    now = datetime.now(UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    attributes = {
        "CONTACT ORGANIZATION": "unknown", "CONTACT NAME": "unknown", "CONTACT EMAIL": "unknown",
        "PRODUCT DESCRIPTION": "simulated events", "PRODUCT CREATION TIME": now, "PRODUCT ID": str(uuid.uuid4()),
        "PRODUCT DATA CATEGORY": "Sim", "PRODUCT DATA LEVELS": levels, "PRODUCT DATA ASSOCIATION": "Subarray",
        "PRODUCT DATA MODEL NAME": "ASWG", "PRODUCT DATA MODEL VERSION": MODEL_VERSION, "PRODUCT DATA MODEL URL": "",
        "PRODUCT FORMAT": "hdf5", "PROCESS TYPE": "Simulation", "PROCESS SUBTYPE": "",
        "PROCESS ID": ",".join(str(number) for number in obs_ids),
        "ACTIVITY NAME": "merkhet", "ACTIVITY TYPE": "software", "ACTIVITY ID": str(uuid.uuid4()),
        "ACTIVITY START TIME": now, "ACTIVITY STOP TIME": now, "ACTIVITY SOFTWARE NAME": "merkhet",
        "ACTIVITY SOFTWARE VERSION": __version__, "REFERENCE VERSION": "1",
        "INSTRUMENT SITE": "Other", "INSTRUMENT CLASS": "Other", "INSTRUMENT TYPE": "unspecified",
        "INSTRUMENT SUBTYPE": "unspecified", "INSTRUMENT VERSION": "unspecified", "INSTRUMENT ID": name,
    }  # fmt: skip
    for key, value in attributes.items():
        set_attribute(file, f"CTA {key}", value)


def _write_layout(file: Any, subarray: Subarray) -> None:
    telescopes = subarray.telescopes
    kinds = [subarray.types[place] for place in telescopes["type"]]
    texts = {
        "name": [_parts(kind)[1] for kind in kinds],
        "type": [_parts(kind)[0] for kind in kinds],
        "camera_name": [kind.camera.name for kind in kinds],
        "optics_name": [_parts(kind)[1] for kind in kinds],
        "tel_description": [kind.name for kind in kinds],
    }
    values: dict[str, Any] = {
        "tel_id": telescopes["tel_id"],
        **{f"pos_{axis}": telescopes[axis] for axis in "xyz"},
        "camera_index": telescopes["type"],
        "optics_index": telescopes["type"],
        **{name: text(column) for name, column in texts.items()},
    }
    columns = [Column("tel_id", "<u2"), *(Column(f"pos_{axis}", "<f4", unit="m") for axis in "xyz")]
    columns += [Column(name, "<i8") for name in ("camera_index", "optics_index")]
    columns += [Column(name, values[name].dtype.str.lstrip("|")) for name in texts]
    meta = {
        "TAB_TYPE": "subarray", "TAB_VER": "2.0", "SUBARRAY": subarray.name, "name": subarray.name,
        "reference_itrs_x": _EARTH_RADIUS_M, "reference_itrs_y": 0.0, "reference_itrs_z": 0.0,
    }  # fmt: skip
    write_rows(file, "configuration/instrument/subarray/layout", values, columns=columns, meta=meta)


def _write_optics(file: Any, subarray: Subarray) -> None:
    types = subarray.types
    dual = ["SCHWARZSCHILD_COUDER" if kind.camera.pixel_shape == "square" else "PARABOLIC" for kind in types]
    focal = np.array([kind.focal_length_m for kind in types])
    values: dict[str, Any] = {
        "optics_name": text([_parts(kind)[1] for kind in types]),
        "size_type": text([_parts(kind)[0] for kind in types]),
        "reflector_shape": text(dual),
        "mirror_area": np.array([kind.mirror_area_m2 for kind in types]),
        "n_mirrors": np.array([2 if shape != "PARABOLIC" else 1 for shape in dual]),
        "n_mirror_tiles": np.ones(len(types)),
        "equivalent_focal_length": focal,
        "effective_focal_length": focal,
    }
    units = {"mirror_area": "m**2", "equivalent_focal_length": "m", "effective_focal_length": "m"}
    columns = [
        Column(name, column.dtype.str.lstrip("|") if column.dtype.kind == "S" else kind, unit=units.get(name, ""))
        for (name, column), kind in zip(values.items(), ("", "", "", "<f8", "<i8", "<i8", "<f8", "<f8"), strict=True)
    ]
    meta = {"TAB_TYPE": "optics", "TAB_VER": "4.0", "SUBARRAY": subarray.name}
    write_rows(file, "configuration/instrument/telescope/optics", values, columns=columns, meta=meta)


def _write_camera(file: Any, path: str, kind: TelescopeType) -> None:
    camera = kind.camera
    columns = (
        Column("pix_id", "<i8"),
        Column("pix_x", "<f8", unit="m"),
        Column("pix_y", "<f8", unit="m"),
        Column("pix_area", "<f8", unit="m**2"),
    )
    meta = {
        "TAB_TYPE": "ctapipe.instrument.CameraGeometry",
        "TAB_VER": "2.0",
        "CAM_ID": camera.name,
        "PIX_TYPE": "hexagon" if camera.pixel_shape == "hexagonal" else "rectangular",
        "PIX_ROT": camera.pixel_rotation_deg,
        "CAM_ROT": camera.camera_rotation_deg,
    }
    values = {
        "pix_id": np.arange(camera.n_pixels),
        "pix_x": camera.pix_x,
        "pix_y": camera.pix_y,
        "pix_area": camera.pix_area,
    }
    write_rows(file, path, values, columns=columns, meta=meta)


def _write_readout(file: Any, path: str, kind: TelescopeType) -> None:
    """Write a readout that says what is true of images without waveforms: one channel, one sample a nanosecond."""
    time = np.arange(0.0, 20.0, 0.5)
    columns = (Column("reference_pulse_shape_channel0", "<f8"), Column("reference_pulse_sample_time", "<f8", unit="ns"))
    values = {columns[0].name: np.exp(-(((time - 10) / 2) ** 2)), columns[1].name: time}
    meta = {
        "TAB_TYPE": "ctapipe.instrument.CameraReadout", "TAB_VER": "3.0", "CAM_ID": kind.camera.name,
        "NCHAN": 1, "NPIXELS": kind.camera.n_pixels, "NSAMPLES": 40, "SAMPFREQ": 1.0, "REFWIDTH": 0.5,
    }  # fmt: skip
    write_rows(file, path, values, columns=columns, meta=meta)


def _write_pointings(file: Any, runs: Sequence[SimulatedRun], subarray: Subarray) -> None:
    columns = (
        Column("obs_id", "<i4"),
        Column("tel_id", "<i8"),
        Column("telescope_pointing_azimuth", "<f4", unit="rad"),
        Column("telescope_pointing_altitude", "<f4", unit="rad"),
    )
    pointing = np.array([run.pointing for run in runs]).reshape(len(runs), 2)
    for tel_id in subarray.telescopes["tel_id"].tolist():
        values = {
            "obs_id": np.array([run.obs_id for run in runs]),
            "tel_id": np.full(len(runs), tel_id),
            "telescope_pointing_azimuth": pointing[:, 1],
            "telescope_pointing_altitude": pointing[:, 0],
        }
        write_rows(file, f"configuration/telescope/pointing/tel_{tel_id:03d}", values, columns=columns)


def _write_observations(file: Any, runs: Sequence[SimulatedRun]) -> None:
    """Write the observation of each run, which ctapipe's event source asks for."""
    obs_id = np.array([run.obs_id for run in runs])
    pointing = np.rad2deg(np.array([run.pointing for run in runs]).reshape(len(runs), 2))
    maker, zero, unknown = text(["merkhet"] * len(runs)), np.zeros(len(runs)), np.full(len(runs), -1)
    block: list[tuple[Column, Any]] = [
        (Column("obs_id", "<u8"), obs_id),
        (Column("sb_id", "<u8"), obs_id),
        (Column("producer_id", "S7"), maker),
        (enumeration("state", "ObservationBlockState"), unknown),
        (Column("subarray_pointing_lat", "<f4", unit="deg"), pointing[:, 0]),
        (Column("subarray_pointing_lon", "<f4", unit="deg"), pointing[:, 1]),
        (enumeration("subarray_pointing_frame", "CoordinateFrameType"), zero),
        (Column("scheduled_duration", "<f8", unit="min"), zero),
        (Column("actual_duration", "<f8", unit="min"), zero),
    ]
    schedule: list[tuple[Column, Any]] = [
        (Column("sb_id", "<u8"), obs_id),
        (enumeration("sb_type", "SchedulingBlockType"), unknown),
        (Column("producer_id", "S7"), maker),
        (enumeration("observing_mode", "ObservingMode"), unknown),
        (enumeration("pointing_mode", "PointingMode"), unknown),
    ]
    for path, table in (("observation_block", block), ("scheduling_block", schedule)):
        values = {column.name: cells for column, cells in table}
        write_rows(file, f"configuration/observation/{path}", values, columns=[column for column, _ in table])


def text(values: Sequence[str]) -> npt.NDArray[np.bytes_]:
    """Return text as HDF5 tables hold it."""
    return np.array([value.encode() for value in values], dtype=np.bytes_)


def _parts(kind: TelescopeType) -> tuple[str, str]:
    """Return size class and optics of a type named as ctapipe does, ``LST_LST_LSTCam``."""
    size, _, rest = kind.name.partition("_")
    return size, rest.removesuffix(f"_{kind.camera.name}") or size
