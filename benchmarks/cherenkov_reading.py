"""Images of Cherenkov cameras from DL1 files to batches on a square grid, against batch generation of dl1-data-handler.

Same files, same run, warm cache: charge and peak time of telescopes of 1,855 pixels, in random order, by two processes
each, which take half of the examples. Both map them the same way, one cell a pixel on shifted rows (``shifting``) or
``bilinear`` to as many cells (106 x 106); ours does it with the layer that networks begin with. Rates are medians of
three rounds in turning order; by CPU time, they count the seconds that both processes computed. The other package reads
random batches for ten seconds.

The loader is compared with the training of a plain network of three convolutions (16, 32 and 64 channels, axial grid)
on the same images, charge, time and mask, by CPU time in one process.

The index is measured on files of 1e5, 1e6 and 5e6 events of four telescopes, made here, with images of nine pixels.

``MERKHET_BENCH_EVENTS`` names a folder of DL1 files; else 15,000 events are simulated, which takes minutes.
``MERKHET_BENCH_DL1DH`` names a Python that has dl1-data-handler; else the other column stays empty.

Run ``python benchmarks/cherenkov_reading.py`` for a table, with ``--json`` for one line of JSON.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from outcome import show

TYPE = "LST_LST_LSTCam"
BATCH = 64
ROUNDS = 3
PROCESSES = 2
SECONDS = 10.0
EVENTS = 15_000
INDEXED = (100_000, 1_000_000, 5_000_000)
SMALLEST = {
    "mapping": {"method": "axial"},
    "backbone": {"kind": "cnn", "widths": [16, 32, 64]},
    "features": 64,
    "combination": {"kind": "mean"},
}
CLAIM = "mono images 9 times and stereo events 30 times as fast as dl1-data-handler; an index of 60 bytes an event"


def merkhet_share(files: list[Path], *, mode: str, mapping: str, part: int) -> dict[str, float]:
    """Read and map one half of an epoch."""
    import torch

    from merkhet.config.array_models import Mapping
    from merkhet.config.events import EventData
    from merkhet.data.event_dataset import EventDataset
    from merkhet.data.event_loader import EventLoader, EventSampler
    from merkhet.data.events import Slots, list_events
    from merkhet.models.cameras.grid import PixelGrid
    from merkhet.models.cameras.mapping import map_camera

    torch.set_num_threads(1)
    slots: Slots = "mono" if mode == "mono" else "array"
    events = list_events(EventData(files=tuple(files)), types=[TYPE], slots=slots)
    camera = events.subarray.type(TYPE).camera
    config = Mapping.model_validate({"method": mapping, "resolution": 2.25})
    grid = PixelGrid(map_camera(camera.positions, camera.pixel_shape, config), additive=(True, False))
    dataset = EventDataset(events, slots=slots, fields=("charge", "time"))
    sampler = EventSampler(events.units(), batch_size=BATCH, seed=1, rank=part, world=PROCESSES)
    loader = EventLoader(dataset, np.arange(len(events)), sampler)
    for epoch in range(2):  # the first warms the cache
        sampler.set_epoch(epoch)
        started, computed, done = time.perf_counter(), time.process_time(), 0
        for batch in loader:
            arrays = batch["telescopes"][TYPE]
            grid(torch.stack([arrays[name].flatten(0, 1) for name in ("charge", "time")], dim=1))
            done += len(batch["index"])
    return _rates(done, started, computed)


def other_share(files: list[Path], *, mode: str, mapping: str, part: int) -> dict[str, float]:
    """Generate random batches for some seconds; runs where dl1-data-handler is installed."""
    import warnings

    warnings.simplefilter("ignore")
    from dl1_data_handler.reader import DLImageReader

    reader = DLImageReader(
        input_url_signal=[str(path) for path in files],
        mode=mode,
        allowed_tel_types=[TYPE],
        channels=["image", "peak_time"],
        image_mapper_type={"shifting": "ShiftingMapper", "bilinear": "BilinearMapper"}[mapping],
    )
    generate = reader.generate_mono_batch if mode == "mono" else reader.generate_stereo_batch
    order = np.random.default_rng(part).permutation(reader._get_n_events())
    generate(order[:BATCH])
    started, computed, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started < SECONDS and done + BATCH <= len(order):
        generate(order[done : done + BATCH])
        done += BATCH
    return _rates(done, started, computed)


def measure_loader(files: list[Path]) -> dict[str, Any]:
    """Compare reading single images with training the smallest network that is of any use on them."""
    import torch

    from merkhet.bundle.store import build_task
    from merkhet.config.array_models import TelescopeArray
    from merkhet.config.array_tasks import ArrayEvents
    from merkhet.config.arrays import Pixels, TelescopeInput
    from merkhet.config.events import EventData
    from merkhet.data.event_dataset import EventDataset
    from merkhet.data.event_loader import EventLoader, EventSampler
    from merkhet.data.events import list_events
    from merkhet.io.cherenkov.array_spec import describe_array

    torch.set_num_threads(1)
    events = list_events(EventData(files=tuple(files)), types=[TYPE], slots="mono")
    spec = TelescopeInput(types=(TYPE,), slots="mono", cameras=describe_array(events.subarray, types=[TYPE]))
    task = build_task(
        task=ArrayEvents(heads=("particle",)),
        model=TelescopeArray.model_validate(SMALLEST),
        normalize=Pixels(),
        spec=spec,
    )
    optimizer = torch.optim.SGD(task.parameters(), lr=1e-4)
    dataset = EventDataset(events, slots="mono", fields=Pixels().fields)
    sampler = EventSampler(events.units(), batch_size=BATCH, seed=1, steps=64)
    loader = EventLoader(dataset, np.arange(len(events)), sampler)
    found = []
    for epoch in range(ROUNDS + 1):  # the first warms the cache
        sampler.set_epoch(epoch)
        started = time.process_time()
        batches = list(loader)
        read = len(batches) * BATCH / (time.process_time() - started)
        started = time.process_time()
        for batch in batches[:8]:
            loss = sum(value.float().square().mean() for value in task(batch).values() if value.requires_grad)
            optimizer.zero_grad()
            torch.autograd.backward(torch.as_tensor(loss))
            optimizer.step()
        found.append((read, 8 * BATCH / (time.process_time() - started)))
    read, trained = (statistics.median(entry[k] for entry in found[1:]) for k in range(2))
    ratio = statistics.median(entry[0] / entry[1] for entry in found[1:])
    return {
        "what": "mono images read, of the rate of the smallest network in training",
        "Merkhet": f"{trained:,.0f} trained",
        "by CPU second": f"{read:,.0f}",
        "dl1-data-handler": "",
        "ratio": f"{ratio:.0f}",
    }


def _rates(done: int, started: float, computed: float) -> dict[str, float]:
    seconds, cpu = time.perf_counter() - started, time.process_time() - computed
    return {"done": done, "seconds": seconds, "cpu": cpu}


def share_of(role: str, files: list[Path], *, mode: str, mapping: str, python: str) -> dict[str, float]:
    """Run the two processes of a round; return their rate together and the rate by CPU seconds."""
    commands = [
        [python, __file__, "share", role, mode, mapping, str(part), *map(str, files)] for part in range(PROCESSES)
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=Path(__file__).parent)
        for command in commands
    ]
    parts = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    rate = sum(part["done"] for part in parts) / max(part["seconds"] for part in parts)
    return {"rate": rate, "cpu": sum(part["done"] for part in parts) / sum(part["cpu"] for part in parts)}


def measure_mode(
    files: list[Path], packs: list[Path], *, mode: str, mapping: str, other: str | None
) -> list[dict[str, Any]]:
    """Return the rows of mono images or stereo events: from the files, and from packs of them."""
    roles = {"merkhet": (files, sys.executable), "packed": (packs, sys.executable)}
    if other:
        roles["other"] = (files, other)
    rounds: dict[str, list[dict[str, float]]] = {role: [] for role in roles}
    for turn in range(ROUNDS):
        names = list(roles)
        for role in names[turn % len(names) :] + names[: turn % len(names)]:
            paths, python = roles[role]
            rounds[role].append(share_of(role, paths, mode=mode, mapping=mapping, python=python))
    what = f"{'mono images' if mode == 'mono' else 'stereo events'}, {mapping}"
    return [
        _row(f"{what}{', from a pack' if role == 'packed' else ''}", rounds[role], rounds.get("other"))
        for role in ("merkhet", "packed")
    ]


def _row(what: str, mine: list[dict[str, float]], others: list[dict[str, float]] | None) -> dict[str, Any]:
    rate, cpu = (statistics.median(entry[key] for entry in mine) for key in ("rate", "cpu"))
    row = {
        "what": what,
        "Merkhet": f"{rate:,.0f}/s",
        "by CPU second": f"{cpu:,.0f}",
        "dl1-data-handler": "",
        "ratio": "",
    }
    if others:
        pairs = list(zip(mine, others, strict=True))
        ratio, cpu_ratio = (statistics.median(a[key] / b[key] for a, b in pairs) for key in ("rate", "cpu"))
        row["dl1-data-handler"] = f"{statistics.median(entry['rate'] for entry in others):,.0f}/s"
        row["ratio"] = f"{ratio:.0f} ({cpu_ratio:.0f} by CPU time)"
    return row


def measure_index(folder: Path, count: int) -> dict[str, Any]:
    """Return memory and start-up time of the index of a file of so many events."""
    import resource

    from merkhet.config.events import EventData
    from merkhet.data.events import list_events

    path = folder / f"{count}.h5"
    write_many(path, count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    events = list_events(EventData(files=(path,)))
    seconds = time.process_time() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    path.unlink()
    return {
        "what": f"index of {count:,} events, {events.files[0].index.n_images:,} images",
        "Merkhet": f"{events.nbytes / count:.1f} bytes an event, {seconds:.2f} s, peak {grown:.0f} MB",
        "by CPU second": f"{count / seconds:,.0f}",
        "dl1-data-handler": "",
        "ratio": "",
    }


def write_many(path: Path, count: int) -> None:
    """Write events of four telescopes, with ids and five labels each, whose images have a handful of pixels."""
    import h5py

    from merkhet.io.cherenkov.camera import CameraGeometry
    from merkhet.io.cherenkov.instrument_writer import write_instrument
    from merkhet.io.cherenkov.pytables import Column, TableWriter
    from merkhet.io.cherenkov.subarray import Telescope, TelescopeType, make_subarray

    x, y = np.indices((3, 3), dtype=float).reshape(2, -1)
    kind = TelescopeType("LST_LST_Tiny", CameraGeometry("Tiny", x, y, np.ones(9), "square"), 28.0, 400.0)
    telescopes = [Telescope(tel, kind.name, 100.0 * tel, 0.0, 0.0) for tel in range(1, 5)]
    ids = (Column("obs_id", "<i4"), Column("event_id", "<i8"))
    labels = tuple(Column(f"true_{name}", "<f8") for name in ("energy", "alt", "az", "h_first_int"))
    tables = {
        "dl1/event/subarray/trigger": (*ids, Column("tels_with_trigger", "|b1", (4,))),
        "simulation/event/subarray/shower": (*ids, *labels, Column("true_shower_primary_id", "<i8")),
        **{f"dl1/event/telescope/images/tel_{tel:03d}": (*ids, Column("image", "<f4", (9,))) for tel in range(1, 5)},
    }
    with h5py.File(path, "w") as file:
        file.attrs["CTA PRODUCT DATA MODEL VERSION"] = "v7.1.0"
        write_instrument(file, make_subarray("four", telescopes, types=[kind]))
        writers = {name: TableWriter(file, name, columns=columns) for name, columns in tables.items()}
        for start in range(0, count, 100_000):
            number = np.arange(start, min(start + 100_000, count))
            columns: dict[str, Any] = {"obs_id": number // 100_000, "event_id": number * 100}
            columns |= {column.name: number * 1e-3 for column in labels}
            columns |= {"true_shower_primary_id": 101 * (number % 2), "image": np.zeros((len(number), 9))}
            columns["tels_with_trigger"] = np.ones((len(number), 4))
            for name, writer in writers.items():
                writer.append({column.name: columns[column.name] for column in tables[name]})
        for writer in writers.values():
            writer.close()


def measure() -> dict[str, Any]:
    from merkhet.io.cherenkov.packed import pack_events
    from merkhet.io.cherenkov.reading import open_event_file

    other = os.environ.get("MERKHET_BENCH_DL1DH")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = Path(os.environ.get("MERKHET_BENCH_EVENTS", scratch / "events"))
        if not folder.is_dir():
            merkhet = Path(sys.executable).with_name("merkhet")
            command = [
                str(merkhet),
                "simulate",
                "cherenkov",
                str(folder),
                "--events",
                str(EVENTS),
                "--seed",
                "1",
                "--quiet",
            ]
            subprocess.run(command, check=True)
        files = sorted(folder.glob("*.h5"))
        packs = [pack_events(open_event_file(file), scratch / file.stem).path for file in files]
        rows = [
            row
            for mode in ("mono", "stereo")
            for mapping in ("shifting", "bilinear")
            for row in measure_mode(files, packs, mode=mode, mapping=mapping, other=other)
        ]
        rows.append(measure_loader(files))
        rows += [measure_index(scratch, count) for count in INDEXED]
    return {"claim": CLAIM, "rows": rows}


def share(role: str, mode: str, mapping: str, part: str, *paths: str) -> None:
    """Do what a process of its own is to do and print what it took."""
    files = [Path(path) for path in paths]
    if role == "other":
        result = other_share(files, mode=mode, mapping=mapping, part=int(part))
    else:
        result = merkhet_share(files, mode=mode, mapping=mapping, part=int(part))
    print(json.dumps(result))


if __name__ == "__main__":
    if sys.argv[1:2] == ["share"]:
        share(*sys.argv[2:])
    else:
        show(measure, description=__doc__)
