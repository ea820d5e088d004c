"""From files of sim_telarray, and all else that ctapipe reads, to DL1: the one thing that needs ctapipe itself."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from merkhet.errors import DependencyError, InputError
from merkhet.io.atomic import atomic_path, refuse_existing
from merkhet.io.reading import existing_file, first_line

FocalLength = Literal["effective", "nominal"]

_CHOICES: dict[FocalLength, str] = {"effective": "EFFECTIVE", "nominal": "EQUIVALENT"}


def convert(
    source: str | Path,
    out: str | Path,
    *,
    max_events: int | None = None,
    focal_length: FocalLength = "effective",
    overwrite: bool = False,
) -> Path:
    """Calibrate, clean and parametrize with ctapipe's own defaults, and write images and parameters as DL1 HDF5.

    Parameters
    ----------
    source
        A file of sim_telarray (``.simtel.gz``, ``.simtel.zst``) or another that ctapipe has an event source for.
    out
        HDF5 file to make.
    max_events
        Stop after so many; all where absent.
    focal_length
        Which focal length gives the plate scale: older simulations hold only the ``nominal`` one.

    Raises
    ------
    OutputError
        ``out`` exists, or cannot be written.
    InputError
        ctapipe cannot read the file.
    DependencyError
        ctapipe is not installed.
    """
    source, out = existing_file(source), refuse_existing(out, overwrite=overwrite)
    tool_class = _import_tool()
    from ctapipe.core import run_tool

    with atomic_path(out) as temporary, _quiet_ctapipe() as logs:
        arguments = [
            f"--input={source.absolute()}",
            f"--output={temporary}",
            f"--provenance-log={logs / 'provenance.log'}",
            f"--EventSource.focal_length_choice={_CHOICES[focal_length]}",
            "--write-images",
            "--write-parameters",
            *([] if max_events is None else [f"--max-events={max_events}"]),
        ]
        try:
            run_tool(tool_class(), arguments, cwd=logs, raises=True)
        except (Exception, SystemExit) as error:  # traitlets ends the process on what it does not understand
            raise InputError(
                source, f"ctapipe cannot convert it: {first_line(error)}", expected="a file of simulated events"
            ) from error
    return out


def _import_tool() -> type:
    try:
        from ctapipe.tools.process import ProcessorTool
    except ImportError as error:
        raise DependencyError(
            f"merkhet convert needs ctapipe ({error}); install it, with astropy 7: "
            "pip install -c constraints-ctapipe.txt 'merkhet[ctapipe]'"
        ) from error
    tool: type = ProcessorTool
    return tool


@contextlib.contextmanager
def _quiet_ctapipe() -> Iterator[Path]:
    """Keep warnings, log lines and the provenance file of ctapipe out of the user's terminal and folder."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield Path(folder)
        finally:
            logging.disable(logging.NOTSET)
