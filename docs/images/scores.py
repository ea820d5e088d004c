"""Draw the figures of docs/scores.md with the plots of the report: ``python docs/images/scores.py``."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from matplotlib.figure import Figure
from PIL import Image
from scipy.special import expit

from merkhet.evaluate.scores import evaluate_table
from merkhet.evaluate.temperature import apply_temperature, fit_temperature
from merkhet.report.plots import precision_recall_plot, reliability_plot, roc_plot
from merkhet.report.style import save

FOLDER = Path(__file__).parent
SEED = 3
FloatArray = npt.NDArray[np.float64]


def evaluate(probability: FloatArray, truth: npt.NDArray[np.bool_], *, positive: str) -> dict[str, Any]:
    """Score answers to a yes-or-no question, as a report does."""
    names = ("no " + positive, positive)
    table = Table({"true": np.where(truth, *names[::-1]), "group": np.arange(len(truth)).astype(str)})
    for name, values in zip(names, (1 - probability, probability), strict=True):
        table[f"p_{name}"] = values
    return evaluate_table(table, mode="binary", classes=names, threshold=0.5)


def calibration_figures(rng: np.random.Generator) -> list[Figure]:
    """Return the reliability of answers that are twice too sure, before and after a temperature is fitted."""
    logits = rng.normal(0, 1.5, (2, 1500))
    truth = rng.random(logits.shape) < expit(logits)
    sure = 2 * logits
    temperature = fit_temperature(sure[0], truth[0], mode="binary")
    probability = expit(sure[1])
    both = np.column_stack([1 - probability, probability])
    answers = (both, apply_temperature(both, temperature, mode="binary"))
    results = [evaluate(p[:, 1], truth[1], positive="halo") for p in answers]
    return [reliability_plot(result["calibration"]["bins"]) for result in results]


def rare_class_figures(rng: np.random.Generator) -> list[Figure]:
    """Return the two curves of a search for 20 halos among 1,000 images."""
    truth = np.arange(1000) < 20
    result = evaluate(expit(rng.normal(np.where(truth, 3.0, 0.0), 1.0) - 5), truth, positive="halo")
    scores = result["per_class"]["halo"]
    areas = {name: f"{scores[name]['value']:.3f}" for name in ("roc_auc", "average_precision")}
    return [
        roc_plot(result["roc"], areas={"halo": f"AUC {areas['roc_auc']}"}),
        precision_recall_plot(
            result["pr"], prevalence={"halo": truth.mean()}, areas={"halo": f"AP {areas['average_precision']}"}
        ),
    ]


def write_side_by_side(figures: list[Figure], path: Path) -> None:
    """Write two figures of one height as one image."""
    images = []
    for figure in figures:
        stream = BytesIO()
        save(figure, stream, kind="png")
        images.append(Image.open(stream).convert("RGB"))
    height = max(image.height for image in images)
    whole = Image.new("RGB", (sum(image.width for image in images), height), "white")
    left = 0
    for image in images:
        whole.paste(image, (left, 0))
        left += image.width
    whole.quantize(64).save(path, optimize=True)


def main() -> None:
    """Draw both."""
    write_side_by_side(calibration_figures(np.random.default_rng(SEED)), FOLDER / "reliability.png")
    write_side_by_side(rare_class_figures(np.random.default_rng(SEED)), FOLDER / "rare_class.png")


if __name__ == "__main__":
    main()
