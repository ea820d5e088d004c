"""``merkhet calibrate``."""

from pathlib import Path

from merkhet.cli.numbers import AtLeastOne
from merkhet.cli.output import QUIET_DEFAULT, Output


def calibrate(
    model: Path, tiles: Path, /, *, truth: Path | None = None, workers: AtLeastOne = 1, output: Output = QUIET_DEFAULT
) -> int:
    """Fit a detector's probabilities on tiles whose truth is known, and count its false alarms there.

    The tiles must not have been trained on, and hold as many objects, and things like them, as the sky does. The
    bundle of the model is changed; scans with it then give calibrated probabilities, and the false alarms per square
    degree that go with them.

    Example: merkhet calibrate run sky/tiles.csv

    Parameters
    ----------
    model
        A run folder or a bundle folder.
    tiles
        Table of tiles, columns image, exposure and background.
    truth
        Table of their sources; truth.ecsv beside the tiles where absent.
    workers
        Processes.
    """
    from merkhet.scan.calibrate import calibrate as run

    with output.progress("scanning tiles") as progress:
        done = run(model, tiles, truth=truth or tiles.with_name("truth.ecsv"), workers=workers, progress=progress)
    output.say(
        f"fitted on {done.hits} hits and {done.false_alarms} false alarms in {done.square_degrees:.1f} square degrees"
    )
    output.summary(model=done.spec.hash, hits=done.hits, false_alarms=done.false_alarms)
    return 0
