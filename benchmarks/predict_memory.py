"""Peak memory and speed of ``merkhet predict`` on few and many files, each in a process of its own.

Run ``python benchmarks/predict_memory.py`` for a table, with ``--json`` for one line of JSON.
"""

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from outcome import show

COUNTS = (10, 100, 1000)
CLAIM = "the memory of predict does not grow with the number of files"


def make_model(folder: Path, table: Path) -> Path:
    """Train one short epoch, so that there is a model to predict with."""
    from merkhet.config.experiment import Experiment
    from merkhet.config.load import validate
    from merkhet.recipes import load_recipe
    from merkhet.train.fit import fit

    overrides = [f"data.table={table}", "train.epochs=1", "train.steps_per_epoch=2"]
    experiment = validate(Experiment, load_recipe("radio_galaxies", overrides), source="benchmark")
    return fit(experiment, folder / "run").bundle


def measure(model: Path, files: list[Path], results: Any) -> None:
    """Predict in this process; hand back seconds and peak memory, import of torch included."""
    from merkhet.infer.predict import predict

    predict(model, files[:1])  # imports and first-use allocations
    before_kb, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    predict(model, files)
    seconds = time.perf_counter() - began
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results.put((seconds, peak_kb / 1024, (peak_kb - before_kb) / 1024))


def setup(folder: Path, results: Any) -> None:
    """Simulate the images and train the model, in a process whose memory is not measured."""
    from merkhet.simulate.radio_galaxies import simulate

    table = simulate(folder / "sky", n=max(COUNTS), seed=1)
    results.put(make_model(folder, table))


def main() -> dict[str, Any]:
    """Measure in a temporary folder and return claim and rows."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()

    def in_process(function: Any, *arguments: Any) -> Any:
        process = context.Process(target=function, args=(*arguments, results))
        process.start()
        outcome = results.get(timeout=300)
        process.join()
        return outcome

    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = in_process(setup, folder)
        files = sorted((folder / "sky" / "images").glob("*.fits"))
        for count in COUNTS:
            seconds, peak, grown = in_process(measure, model, files[:count])
            rows.append({"files": count, "images per second": round(count / seconds), "peak MB": round(peak)})
            rows[-1] |= {
                "above a first image, MB": round(grown),
                "ratio to the first row": round(peak / rows[0]["peak MB"], 2),
            }
    return {"claim": CLAIM, "rows": rows}


if __name__ == "__main__":
    show(main, description=__doc__)
