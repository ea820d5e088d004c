"""Cost of writing a verdict into the header of a 64 MB image, against astropy in place and a plain copy.

The guarantee is the point, no race is to be won: what is counted beside the seconds is how many bytes behind the header
differ afterwards (pixels and padding), for both.
Each method works on a fresh copy of the file, in a process of its own. Five rounds, in turning order: seconds are
medians, ratios are medians of the ratios within a round, so that a busy moment of the machine falls on both sides.
Peak memory is what ``ru_maxrss`` of the process grows by (mapped pages count). ``astropy`` writes in place without
syncing: fast while the header keeps its size, at the price that a crash may lose the image.

Run ``python benchmarks/header_update.py`` for a table, with ``--json`` for one line of JSON.
"""

import multiprocessing
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from outcome import show

SIDE_PX = 4000
REPEATS = 5
CLAIM = (
    "a verdict in the header of a 64 MB image changes no byte outside the header, and an update that survives a kill "
    "costs less than two synced copies of the file, in constant memory; astropy in place is faster, and a kill may "
    "cost it the image"
)
VERDICT: dict[str, str | float] = {
    "CNNVER": "1.0",
    "GOOD": 0.91,
    "RFI": 0.07,
    "SIS": 0.01,
    "RFISIS": 0.01,
    "PRFI": 0.08,
    "PSIS": 0.02,
}
BLOCK_BYTES = 2880
Method = Callable[[Path], None]


def merkhet_update(path: Path) -> None:
    from merkhet.io.headers import update_header

    update_header(path, VERDICT)


def astropy_update(path: Path) -> None:
    from astropy.io import fits

    with fits.open(path, mode="update") as units:
        units[0].header.update(VERDICT)


def copy(path: Path) -> None:
    shutil.copyfile(path, path.with_suffix(".copy"))


def synced_copy(path: Path) -> None:
    copy(path)
    with path.with_suffix(".copy").open("rb+") as stream:
        os.fsync(stream.fileno())


METHODS: dict[str, tuple[Method, bool]] = {
    "copyfile": (copy, True),
    "copyfile + fsync": (synced_copy, True),
    "merkhet, header fits its blocks": (merkhet_update, True),
    "merkhet, header grows by a block": (merkhet_update, False),
    "astropy in place, header fits its blocks": (astropy_update, True),
    "astropy in place, header grows by a block": (astropy_update, False),
}


def write_image(path: Path, *, roomy: bool) -> int:
    """Write the image plane by plane; return where its pixels start. A full header has no room for the verdict."""
    lines = ["SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 2", f"NAXIS1  = {SIDE_PX}", f"NAXIS2  = {SIDE_PX}"]
    lines += [f"HISTORY step {number}" for number in range(10 if roomy else 30)]
    header = "".join(f"{line:<80}" for line in [*(_fixed(line) for line in lines), "END"])
    header = header.ljust(-(-len(header) // BLOCK_BYTES) * BLOCK_BYTES)
    generator = np.random.default_rng(0)
    with path.open("wb") as stream:
        stream.write(header.encode("ascii"))
        for _ in range(SIDE_PX // 100):
            stream.write(generator.normal(size=(100, SIDE_PX)).astype(">f4").tobytes())
        stream.write(bytes(-stream.tell() % BLOCK_BYTES))
    return len(header)


def _fixed(line: str) -> str:
    keyword, equals, value = line.partition("= ")
    return f"{keyword}= {value:>20}" if equals else line


def measure(name: str, source: Path, start: int, results: Any) -> None:
    """Run one method once, in this process, on a fresh copy of the file."""
    method, _ = METHODS[name]
    path = source.with_name("work.fits")
    rehearse(method, source, start)
    shutil.copyfile(source, path)
    os.sync()
    before_kb, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    method(path)
    seconds = time.perf_counter() - began
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    results.put((seconds, grown_kb / 1024, changed_bytes(source, path, start)))
    for used in (path, path.with_suffix(".copy")):
        used.unlink(missing_ok=True)


def rehearse(method: Method, source: Path, start: int) -> None:
    """Pay for imports (on a file without pixels) and for the memory that caches 64 MB before the clock starts."""
    small, large = source.with_name("small.fits"), source.with_name("large.fits")
    with source.open("rb") as stream:
        small.write_bytes(stream.read(start).replace(b"4000", b"   0"))
    method(small)
    for _ in range(2):
        shutil.copyfile(source, large)
        large.unlink()


def changed_bytes(source: Path, path: Path, start: int) -> int:
    """Count the bytes behind the header that differ."""
    pixels = np.memmap(source, np.uint8, "r")[start:]
    after = np.memmap(path, np.uint8, "r")[path.stat().st_size - len(pixels) :]
    step = 1 << 22
    return sum(
        int(np.count_nonzero(pixels[at : at + step] != after[at : at + step])) for at in range(0, len(pixels), step)
    )


def run(folder: Path) -> list[dict[str, Any]]:
    """Measure every method in turn, five rounds."""
    context = multiprocessing.get_context("spawn")
    sources = {roomy: folder / f"{'roomy' if roomy else 'full'}.fits" for roomy in (True, False)}
    starts = {roomy: write_image(path, roomy=roomy) for roomy, path in sources.items()}
    rounds: list[dict[str, tuple[float, float, int]]] = []
    names = list(METHODS)
    for turn in range(REPEATS):
        samples = {}
        for name in names[turn:] + names[:turn]:
            roomy = METHODS[name][1]
            results = context.Queue()
            process = context.Process(target=measure, args=(name, sources[roomy], starts[roomy], results))
            process.start()
            samples[name] = results.get(timeout=120)
            process.join()
        rounds.append(samples)
    return [summarize(name, rounds) for name in names]


def summarize(name: str, rounds: list[dict[str, tuple[float, float, int]]]) -> dict[str, Any]:
    def ratio(reference: str) -> float:
        return round(statistics.median(samples[name][0] / samples[reference][0] for samples in rounds), 2)

    return {
        "method": name,
        "seconds": round(statistics.median(samples[name][0] for samples in rounds), 4),
        "ratio_to_copyfile": ratio("copyfile"),
        "ratio_to_synced_copy": ratio("copyfile + fsync"),
        "ratio_to_astropy_growing": ratio("astropy in place, header grows by a block"),
        "peak_memory_mb": round(max(samples[name][1] for samples in rounds), 1),
        "bytes_changed_outside_header": max(samples[name][2] for samples in rounds),
    }


def main() -> dict[str, Any]:
    """Measure in the system's temporary folder and return claim and rows."""
    with tempfile.TemporaryDirectory() as scratch:
        return {"claim": CLAIM, "rows": run(Path(scratch))}


if __name__ == "__main__":
    show(main, description=__doc__)
