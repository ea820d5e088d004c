"""``merkhet convert``."""

from pathlib import Path
from typing import Literal

from merkhet.cli.numbers import AtLeastOne
from merkhet.cli.output import QUIET_DEFAULT, Output


def convert(
    file: Path,
    out: Path,
    /,
    *,
    max_events: AtLeastOne | None = None,
    focal_length: Literal["effective", "nominal"] = "effective",
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Convert simulated events of a Cherenkov array (sim_telarray) to DL1 HDF5, which training and predict read.

    ctapipe does it, with its own defaults: pip install 'merkhet[ctapipe]'.

    Example: merkhet convert gamma.simtel.zst gamma.h5

    Parameters
    ----------
    file
        A .simtel.gz or .simtel.zst file, or another that ctapipe reads.
    out
        HDF5 file to make.
    max_events
        Stop after so many events.
    focal_length
        Which focal length gives the plate scale. Older simulations hold only the nominal one.
    overwrite
        Replace an output that exists.
    """
    from merkhet.io.cherenkov.convert import convert as run_convert
    from merkhet.io.cherenkov.reading import open_event_file

    run_convert(file, out, max_events=max_events, focal_length=focal_length, overwrite=overwrite)
    index = open_event_file(out).index
    output.say(f"{out}: {len(index)} events with {index.n_images} images")
    output.summary(out=out, events=len(index), images=index.n_images)
    return 0
