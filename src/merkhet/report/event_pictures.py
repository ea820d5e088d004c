"""Pictures of some events of a run, drawn from the files of its data, with what the model said of each."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Row

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.data.event_selection import select_events
from merkhet.data.events import event_files
from merkhet.errors import DependencyError, InputError
from merkhet.evaluate.cherenkov.images import IntArray
from merkhet.io.cherenkov.camera import read_camera
from merkhet.io.cherenkov.direction import separation_deg
from merkhet.io.cherenkov.events import EventSource
from merkhet.io.cherenkov.reading import open_events
from merkhet.report.event_choice import Choice, choose_events
from merkhet.report.event_display import answer_of, event_display, primary_name
from merkhet.report.page import embed
from merkhet.report.run import RunTables

CAMERAS = 3
"""Cameras of an event that are drawn: more would be too small to see on a page."""
_PIXELS_PER_INCH = 88
_PLACE = ("file_number", "obs_id", "event_id")


@dataclass(frozen=True)
class Picture:
    """An event as the page shows it: why it was chosen, what it is, and the address that holds the image itself."""

    title: str
    rule: str
    name: str
    said: str
    truth: str
    seen: str
    address: str
    width_px: int


@dataclass(frozen=True)
class EventPictures:
    """The pictures that could be drawn, and a line that says why others could not; empty where all were."""

    shown: tuple[Picture, ...] = ()
    absent: str = ""


def event_pictures(run: RunTables) -> EventPictures:
    """Draw some events of the split that speaks for the model, where the files of its experiment are still there."""
    experiment, split = run.experiment, run.split
    assert isinstance(experiment, ArrayExperiment)
    if split is None or split not in run.predictions:
        return EventPictures(absent="The run holds no predictions of a scored split.")
    table = run.predictions[split]
    missing = [name for name in _PLACE if name not in table.colnames]
    if missing:
        return EventPictures(
            absent=f"No event is drawn: predictions_{split}.parquet has no column {', '.join(missing)} to find events "
            "by. Score them again with merkhet evaluate."
        )
    opened: dict[int, EventSource] = {}
    shown: list[Picture] = []
    failures: list[str] = []
    choices = choose_events(table, signal=experiment.task.signal)
    for choice in choices:
        try:
            shown.append(_picture(choice, table[choice.row], experiment, opened))
        except (InputError, DependencyError) as error:  # the page stands without its pictures
            failures.append(str(error))
    how_many = f"{len(failures)} of {len(choices)} are not drawn" if shown else "No event is drawn"
    return EventPictures(tuple(shown), f"{how_many}: {failures[0].rstrip('.')}." if failures else "")


def _picture(choice: Choice, row: Row, experiment: ArrayExperiment, opened: dict[int, EventSource]) -> Picture:
    """Draw an event; ``opened`` keeps the files of other events, by number."""
    number = int(row["file_number"])
    if number not in opened:
        opened[number] = _open(experiment, number)
    source, event = _find(opened[number], row, primaries=experiment.task.particles[str(row["true_particle"])])
    try:
        figure = event_display(source, event, answer=answer_of(row), most_cameras=CAMERAS)
    finally:
        source.close()
    figure.suptitle("")  # the page says it as text
    images = int(source.index.multiplicity[event])
    telescope = f", telescope {int(row['tel_id'])}" if "tel_id" in row.colnames else ""
    primary = primary_name(int(source.index.labels["shower_primary_id"][event]))
    return Picture(
        choice.title,
        choice.rule,
        name=f"Observation {int(row['obs_id'])}, event {int(row['event_id'])}{telescope}",
        said=_said(row),
        truth=primary + (f" of {_number(row['true_energy'], 3)} TeV" if "true_energy" in row.colnames else ""),
        seen=f"The {CAMERAS} brightest of {images} cameras are shown." if images > CAMERAS else "",
        address=embed(figure, kind="png"),
        width_px=round(figure.get_figwidth() * _PIXELS_PER_INCH),
    )


def _open(experiment: ArrayExperiment, number: int) -> EventSource:
    """Open a file, by its number among those of the data, with the events and images that the model was given."""
    data, types = experiment.data, experiment.input.types
    paths = event_files(data.files)
    if number >= len(paths):
        raise InputError("data.files", f"only {len(paths)} left of the {number + 1} files or more that were scored")
    cameras = {name: read_camera(path) for name, path in data.cameras.items()}
    source = open_events(paths[number], cameras=cameras)
    absent = [name for name in types if name not in source.subarray.type_names]
    if absent:
        raise InputError(paths[number], f"has no telescope of type {', '.join(absent)}", expected="the file as scored")
    return select_events(source, data.select, types=types)


def _find(source: EventSource, row: Row, *, primaries: tuple[int, ...]) -> tuple[EventSource, int]:
    """Return the event of a row, and the source with its images; of single images with that of the row alone.

    Raises
    ------
    InputError
        It is not there, or another by its truth: the file was made anew.
    """
    index = source.index
    wanted = (index.event_id == row["event_id"]) & (index.obs_ids[index.observation] == row["obs_id"])
    found: IntArray = np.flatnonzero(wanted)
    same = len(found) == 1 and _is_true(source, int(found[0]), row, primaries=primaries)
    if same and "tel_id" in row.colnames:
        images = source.subarray.telescopes["tel_id"][index.slot] == row["tel_id"]
        source = source.with_index(index.select(images=images))
        same = int(source.index.multiplicity[found[0]]) == 1
    if not same:
        raise InputError(
            source.path,
            f"does not hold event {int(row['event_id'])} of observation {int(row['obs_id'])} as it was scored",
            action="Score what the file holds now with merkhet evaluate",
        )
    return source, int(found[0])


def _is_true(source: EventSource, event: int, row: Row, *, primaries: tuple[int, ...]) -> bool:
    """Tell whether an event has the truth of a row: its class, and its energy where that is known."""
    labels = source.index.labels
    if int(labels["shower_primary_id"][event] if "shower_primary_id" in labels else -1) not in primaries:
        return False
    known = "true_energy" in row.colnames
    return not known or bool(np.isclose(labels["energy"][event], row["true_energy"], rtol=1e-5, atol=0))


def _said(row: Row) -> str:
    """Return what the model said of an event."""
    parts = [f"gammaness {row['gammaness']:.2f}"] if "gammaness" in row.colnames else []
    if "energy" in row.colnames:
        parts.append(f"{_number(row['energy'], 3)} ± {_number(row['energy_uncertainty'], 2)} TeV")
    if "alt" in row.colnames:
        alt, az, *true = (np.deg2rad(float(row[name])) for name in ("alt", "az", "true_alt", "true_az"))
        error, radius = float(separation_deg(alt, az, *true)), row["direction_uncertainty_deg"]
        parts.append(f"direction {_number(error, 2)}° from the true one (stated: 68 % within {_number(radius, 2)}°)")
    return ", ".join(parts)


def _number(value: float, places: int) -> str:
    """Return a number with some significant places and no exponent."""
    text = np.format_float_positional(float(value), precision=places, min_digits=places, fractional=False)
    return text.rstrip(".")
