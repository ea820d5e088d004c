"""Files of events in the layouts that are read, written with h5py alone after the descriptions of their formats."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numcodecs.blosc import compress
from numcodecs.fletcher32 import Fletcher32

HEXAGONAL, SQUARE = "LST_LST_TinyCam", "SST_SST_GridCam"
TEL_IDS = (1, 2, 5, 7)  # two of each type, and not from 0
POSITIONS = np.array([[0.0, 10, 1], [100, 0, 2], [0, -100, 3], [-100, 50, 4]])
ALT, AZ = 1.2, 0.3


def hexagonal_pixels(rings=2, pitch=0.05):
    q, r = np.meshgrid(np.arange(-rings, rings + 1), np.arange(-rings, rings + 1))
    inside = np.abs(q + r) <= rings
    q, r = q[inside], r[inside]
    return pitch * (q + r / 2), pitch * r * np.sqrt(0.75)


def square_pixels(side=4, pitch=0.006):
    y, x = np.indices((side, side)).reshape(2, -1)
    return pitch * (x - x.mean()), pitch * (y - y.mean())


PIXELS = {HEXAGONAL: hexagonal_pixels(), SQUARE: square_pixels()}
AREAS = {HEXAGONAL: 0.05**2 * np.sqrt(0.75), SQUARE: 0.006**2}
TYPES = (HEXAGONAL, HEXAGONAL, SQUARE, SQUARE)


@dataclass
class Truth:
    """What was drawn for a file, to compare with what is read."""

    event_id: np.ndarray
    obs_id: np.ndarray
    energy: np.ndarray
    primary: np.ndarray
    trigger: np.ndarray  # (events, telescopes)
    charge: list[np.ndarray] = field(default_factory=list)  # of each telescope, (images, pixels)
    time: list[np.ndarray] = field(default_factory=list)
    mask: list[np.ndarray] = field(default_factory=list)

    def images_of(self, tel: int) -> np.ndarray:
        return np.flatnonzero(self.trigger[:, tel])


def draw(events=40, seed=0, *, per_obs=20) -> Truth:
    rng = np.random.default_rng(seed)
    number = np.arange(events)
    trigger = rng.random((events, len(TEL_IDS))) < 0.6
    trigger[rng.random(events) < 0.1] = False  # events without any
    truth = Truth(
        event_id=100 * (number % per_obs) + 3,
        obs_id=11 + number // per_obs,
        energy=rng.uniform(0.1, 10, events),
        primary=rng.choice([0, 1, 101], events),
        trigger=trigger,
    )
    for tel, kind in enumerate(TYPES):
        shape = (int(trigger[:, tel].sum()), len(PIXELS[kind][0]))
        truth.charge.append(rng.normal(3, 20, shape).astype(np.float32).round(1))
        truth.time.append(rng.uniform(0, 40, shape).astype(np.float32).round(2))
        truth.mask.append(rng.random(shape) < 0.4)
    return truth


def write_table(file, name, columns, *, attributes=None, rows_per_chunk=4, compressed=True):
    """Write a table of compound rows as PyTables does: Blosc (zstd, shuffled), then a Fletcher checksum."""
    dtype = np.dtype([(key, value.dtype, value.shape[1:]) for key, value in columns.items()])
    count = len(next(iter(columns.values())))
    records = np.empty(count, dtype=dtype)
    for key, value in columns.items():
        records[key] = value
    write_array(file, name, records, rows_per_chunk=rows_per_chunk, compressed=compressed)
    file[name].attrs.update(attributes or {})


def write_array(file, name, values, *, rows_per_chunk=4, compressed=True):
    group = file.require_group(name.rpartition("/")[0]) if "/" in name else file
    leaf = name.rpartition("/")[2]
    if not compressed:
        group.create_dataset(leaf, data=values, chunks=(rows_per_chunk, *values.shape[1:]), compression="gzip")
        return
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((rows_per_chunk, *values.shape[1:]))
    plist.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (2, 2, values.dtype.itemsize % 255, 0, 5, 1, 5))
    plist.set_fletcher32()
    space = h5py.h5s.create_simple(values.shape, (h5py.h5s.UNLIMITED, *values.shape[1:]))
    kind = h5py.h5t.py_create(values.dtype, logical=True)
    dataset = h5py.h5d.create(group.id, leaf.encode(), kind, space, dcpl=plist)
    for start in range(0, len(values), rows_per_chunk):
        part = np.zeros((rows_per_chunk, *values.shape[1:]), dtype=values.dtype)
        rows = values[start : start + rows_per_chunk]
        part[: len(rows)] = rows
        packed = compress(part.tobytes(), b"zstd", 5, 1)
        dataset.write_direct_chunk((start, *([0] * (values.ndim - 1))), bytes(Fletcher32().encode(packed)))


def text(*values):
    return np.array([value.encode() for value in values])


def units(**by_column):
    """Return ctapipe's attributes of columns, given the place of each: ``units(TeV=2)``."""
    return {f"CTAFIELD_{place}_UNIT": unit for unit, place in by_column.items()}


def write_instrument(file, *, geometry=True):
    kinds = [*PIXELS]
    layout = {
        "tel_id": np.array(TEL_IDS, dtype=np.uint16),
        "name": text(*(kind[:3] for kind in TYPES)),
        **{f"pos_{axis}": POSITIONS[:, i].astype(np.float32) for i, axis in enumerate("xyz")},
        "camera_index": np.array([kinds.index(kind) for kind in TYPES]),
        "optics_index": np.array([kinds.index(kind) for kind in TYPES]),
        "tel_description": text(*TYPES),
    }
    write_table(file, "configuration/instrument/subarray/layout", layout, attributes={"SUBARRAY": "Tiny"})
    optics = {"mirror_area": np.array([386.0, 14.0]), "effective_focal_length": np.array([29.3, np.nan])}
    optics["equivalent_focal_length"] = np.array([28.0, 2.15])
    write_table(file, "configuration/instrument/telescope/optics", optics)
    for place, kind in enumerate(kinds if geometry else kinds[:1]):
        x, y = PIXELS[kind]
        table = {"pix_id": np.arange(len(x)), "pix_x": 100 * x, "pix_y": 100 * y}
        table["pix_area"] = np.full(len(x), AREAS[kind])
        meta = {"PIX_TYPE": "hexagon" if kind == HEXAGONAL else "rectangular", "PIX_ROT": 0.0, "CAM_ROT": 0.0}
        meta |= {"CAM_ID": kind.split("_")[-1], "CTAFIELD_1_UNIT": "cm", "CTAFIELD_2_UNIT": "cm"}
        write_table(file, f"configuration/instrument/telescope/camera/geometry_{place}", table, attributes=meta)


def write_dl1(
    path: Path, truth: Truth, *, version="v7.1.0", order=None, fixed_point: dict[str, Any] | None = None, **options
) -> Path:
    """Write ctapipe DL1; ``order`` shuffles the rows of image tables, ``fixed_point`` stores charges as integers."""
    compressed, geometry = options.pop("compressed", True), options.pop("geometry", True)
    simulated, pointing = options.pop("simulated", True), options.pop("pointing", True)
    assert not options
    with h5py.File(path, "w") as file:
        file.attrs["CTA PRODUCT DATA MODEL VERSION"] = version
        write_instrument(file, geometry=geometry)
        ids = {"obs_id": truth.obs_id.astype(np.int32), "event_id": truth.event_id.astype(np.int64)}
        trigger = {**ids, "time": np.zeros((len(truth.event_id), 2), dtype=np.uint32)}
        trigger |= {"tels_with_trigger": truth.trigger.astype(np.uint8)}
        write_table(file, "dl1/event/subarray/trigger", trigger, rows_per_chunk=7, compressed=compressed)
        if simulated:
            _write_shower(file, ids, truth)
        for tel, tel_id in enumerate(TEL_IDS):
            mine = truth.images_of(tel)
            rows = np.arange(len(mine)) if order is None else order(len(mine))
            _write_images(file, tel, ids, truth, rows=rows, fixed_point=fixed_point, compressed=compressed)
            if pointing:
                obs = np.unique(truth.obs_id).astype(np.int32)
                table = {"obs_id": obs, "telescope_pointing_azimuth": np.full(len(obs), np.rad2deg(AZ))}
                table["telescope_pointing_altitude"] = np.full(len(obs), ALT)
                name = f"configuration/telescope/pointing/tel_{tel_id:03d}"
                write_table(file, name, table, attributes=units(deg=1, rad=2))
    return path


def _write_shower(file, ids, truth):
    count = len(truth.event_id)
    shower = {
        **ids,
        "true_energy": 1000 * truth.energy,
        "true_alt": np.full(count, np.rad2deg(ALT)),
        "true_az": np.full(count, np.rad2deg(AZ)),
        "true_core_x": np.arange(count, dtype=float),
        "true_core_y": -np.arange(count, dtype=float),
        "true_h_first_int": np.full(count, 20.0),
        "true_x_max": np.full(count, 300.0),
        "true_shower_primary_id": truth.primary.astype(np.int64),
    }
    attributes = {**units(GeV=2, deg=3, m=5, km=7), "CTAFIELD_4_UNIT": "deg", "CTAFIELD_8_UNIT": "g.cm**-2"}
    write_table(file, "simulation/event/subarray/shower", shower, attributes=attributes)


def _write_images(file, tel, ids, truth, *, rows, fixed_point, compressed):
    mine, charge, attributes = truth.images_of(tel), truth.charge[tel], {}
    if fixed_point is not None:
        charge, attributes = stored_as_integers(charge, 3, **fixed_point)
    images = {
        **{name: values[mine][rows] for name, values in ids.items()},
        "tel_id": np.full(len(rows), TEL_IDS[tel], dtype=np.int16),
        "image": charge[rows],
        "peak_time": truth.time[tel][rows],
        "image_mask": truth.mask[tel][rows].astype(np.uint8),
        "is_valid": np.ones(len(rows), dtype=np.uint8),
    }
    where = f"tel_{TEL_IDS[tel]:03d}"
    write_table(file, f"dl1/event/telescope/images/{where}", images, attributes=attributes, compressed=compressed)
    parameters = {name: images[name] for name in ("obs_id", "event_id", "tel_id")}
    parameters["hillas_intensity"] = truth.charge[tel][rows].sum(axis=1).astype(np.float64)
    parameters["leakage_intensity_width_2"] = np.linspace(0, 1, len(mine))[rows]
    write_table(file, f"dl1/event/telescope/parameters/{where}", parameters, compressed=compressed)


def stored_as_integers(values, place, *, scale, offset, dtype):
    """Store numbers as ctapipe does: ``round(value * scale) + offset``, three integers for -inf, nan and inf."""
    limits = np.iinfo(dtype)
    unsigned = limits.min == 0
    low, nan = (limits.max - 2, limits.max - 1) if unsigned else (limits.min, limits.min + 1)
    high = limits.max
    scaled = np.round(values.astype(np.float64) * scale) + offset
    finite = np.where(np.isfinite(scaled), scaled, 0).astype(dtype)
    stored = finite.astype(np.int64)
    stored[np.isnan(values)], stored[values == np.inf], stored[values == -np.inf] = nan, high, low
    attributes = {"TRANSFORM": "fixed_point", "TRANSFORM_SCALE": scale, "TRANSFORM_OFFSET": offset}
    attributes |= {"TRANSFORM_DTYPE": "float32", "NAN_VALUE": nan, "POSINF_VALUE": high, "NEGINF_VALUE": low}
    return stored.astype(dtype), {f"CTAFIELD_{place}_{key}": value for key, value in attributes.items()}


def write_lstchain(path: Path, truth: Truth, *, seed=0) -> Path:
    """Write lstchain DL1 of the two large telescopes: their images in one table, here in no order of events."""
    rows = [(event, tel, row) for tel in (0, 1) for row, event in enumerate(truth.images_of(tel))]
    rows = [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]
    event, tel = np.array([row[:2] for row in rows]).T
    ids = {"obs_id": truth.obs_id[event].astype(np.int32), "event_id": truth.event_id[event].astype(np.int64)}
    ids["tel_id"] = np.array(TEL_IDS, dtype=np.int16)[tel]
    pixels: dict[str, Any] = {"image": [], "peak_time": [], "image_mask": []}
    for _, telescope, row in rows:
        for values, drawn in zip(pixels.values(), (truth.charge, truth.time, truth.mask), strict=True):
            values.append(drawn[telescope][row])
    images = {**ids, **{name: np.array(values) for name, values in pixels.items()}}
    images["image_mask"] = images["image_mask"].astype(np.uint8)
    count = len(event)
    parameters = {**ids, "alt_tel": ALT + 0.001 * event, "az_tel": np.full(count, AZ), "intensity": np.arange(count)}
    parameters |= {"mc_energy": truth.energy[event], "mc_type": truth.primary[event], "mc_alt": np.full(count, ALT)}
    with h5py.File(path, "w") as file:
        file.attrs["LSTCHAIN_VERSION"] = "0.10.7"
        write_instrument(file)
        write_table(file, "dl1/event/telescope/image/LST_LSTCam", images)
        write_table(file, "dl1/event/telescope/parameters/LST_LSTCam", parameters, compressed=False)
    return path


def write_data_handler(path: Path, truth: Truth, *, old=False, geometry=True, event_shift=0) -> Path:
    """Write the layout of DL1-Data-Handler 0.10, or with ``old`` that of 0.7; images of a type start at row 1."""
    count = len(truth.event_id)
    events = {"event_id": truth.event_id.astype(np.uint32), "obs_id": truth.obs_id.astype(np.uint32)}
    events |= {"shower_primary_id": truth.primary.astype(np.uint8), "mc_energy": truth.energy.astype(np.float32)}
    events |= {"alt": np.full(count, ALT, np.float32), "az": np.full(count, AZ, np.float32)}
    with h5py.File(path, "w") as file:
        file.attrs["dl1_data_handler_version"] = "0.7.2" if old else "0.10.0"
        file.attrs["run_array_direction"] = np.array([AZ, ALT], dtype=np.float32)
        for kind in PIXELS:
            tels = [tel for tel, name in enumerate(TYPES) if name == kind]
            indices, images = np.zeros((count, len(tels)), dtype=np.uint32), [np.zeros(0, dtype=np.int64)]
            charge = [np.zeros((1, len(PIXELS[kind][0])), dtype=np.float32)]
            time, row = [charge[0]], 1
            for place, tel in enumerate(tels):
                mine = truth.images_of(tel)
                indices[mine, place] = np.arange(row, row + len(mine))
                row += len(mine)
                images.append(mine)
                charge.append(truth.charge[tel])
                time.append(truth.time[tel])
            events[f"{kind}_indices"] = indices
            events[f"{kind}_multiplicity"] = (indices > 0).sum(axis=1).astype(np.uint8)
            table = {"event_index": np.r_[-1, np.concatenate(images) + event_shift].astype(np.int32)}
            table |= {"charge": np.concatenate(charge), "peakpos" if old else "peak_time": np.concatenate(time)}
            write_table(file, kind, table)
        write_table(file, "Events", events)
        array = {"id": np.array(TEL_IDS, dtype=np.uint16), "type": text(*TYPES)}
        array |= {axis: POSITIONS[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
        write_table(file, "Array_Information", array)
        if geometry:
            _write_types(file)
    return path


def _write_types(file):
    pixels = np.zeros((2, 19, 2), dtype=np.float32)
    for place, (x, y) in enumerate(PIXELS.values()):
        pixels[place, : len(x)] = np.stack([x, y], axis=1)
    types = {"type": text(*PIXELS), "optics": text("LST", "SST"), "camera": text("TinyCam", "GridCam")}
    types |= {"num_pixels": np.array([19, 16], dtype=np.uint32), "pixel_positions": pixels}
    write_table(file, "Telescope_Type_Information", types)


def write_image_extractor(path: Path, truth: Truth, *, channels=2) -> Path:
    """Write the layout of ImageExtractor: two bins of energy, events for training and validation, square images."""
    with h5py.File(path, "w") as file:
        order = [3, 1, 0, 2]  # of the table of telescopes, by which events list their images
        table = {"tel_id": np.array(TEL_IDS, dtype=np.uint8)[order], "tel_type": np.full(4, b"SCT")}
        table |= {f"tel_{axis}": POSITIONS[order, i].astype(np.float32) for i, axis in enumerate("xyz")}
        table["run_array_direction"] = np.tile(np.array([AZ, ALT], dtype=np.float32), (4, 1))
        write_table(file, "Tel_Table", table)
        half = len(truth.event_id) // 2
        for group, (first, last) in enumerate(((0, half), (half, len(truth.event_id)))):
            _write_bin(file, f"E{group}", np.arange(first, last), truth, order=order, channels=channels)
    return path


def _write_bin(file, group, events, truth, *, order, channels):
    rows = np.full((len(events), len(order)), -1, dtype=np.int32)
    for tel, tel_id in enumerate(TEL_IDS):
        mine = np.isin(truth.images_of(tel), events)
        rows[truth.images_of(tel)[mine] - events[0], order.index(tel)] = np.arange(mine.sum())
        images = np.zeros((mine.sum(), 4, 4, channels), dtype=np.int16)
        images[..., 0] = (100 * truth.charge[tel][mine, :16]).round().reshape(-1, 4, 4)
        if channels == 2:
            images[..., 1] = truth.time[tel][mine, :16].round().reshape(-1, 4, 4)
        write_array(file, f"{group}/T{tel_id}", images, rows_per_chunk=3)
    third = len(events) // 3
    for name, part in (("Events_Training", slice(third, None)), ("Events_Validation", slice(third))):
        mine = events[part]
        table = {"event_number": truth.event_id[mine].astype(np.uint32), "tel_map": rows[part]}
        table |= {"run_number": truth.obs_id[mine].astype(np.uint32), "mc_energy": truth.energy[mine]}
        table |= {"gamma_hadron_label": truth.primary[mine].astype(np.uint8)}
        table |= {"alt": np.full(len(mine), ALT, np.float32), "az": np.full(len(mine), AZ, np.float32)}
        write_table(file, f"{group}/{name}", table)
