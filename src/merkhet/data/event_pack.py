"""Packing several files of events: one pack for each, file by file, and again only what is not finished."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from merkhet.data.events import event_files
from merkhet.errors import InputError, OutputError
from merkhet.execute import Progress
from merkhet.io.atomic import refuse_existing
from merkhet.io.cherenkov.packed import MARKER, PackedEvents, open_pack, pack_events, state_of
from merkhet.io.cherenkov.reading import open_event_file
from merkhet.io.rejects import Reject, write_rejects


@dataclass(frozen=True)
class EventPacks:
    """What came of packing: the packs, how many of them were there already, and the files that cannot be used."""

    packs: tuple[PackedEvents, ...]
    kept: int
    rejects: tuple[Reject, ...]


def pack_event_files(
    inputs: Sequence[str | Path], out: str | Path, *, overwrite: bool = False, progress: Progress | None = None
) -> EventPacks:
    """Pack files, and those of folders, into ``out``: a pack for each, named as its file is.

    A job that was killed goes on when it is given again: finished packs of these very files (their size and time of
    change) are kept. ``out`` as a folder of packs stands wherever a file of events stands. What cannot be used is
    rejected, in ``rejects.csv``, and the others go on.

    Raises
    ------
    OutputError
        Two files bear one name, or the place of a pack is taken by a pack of another file.
    InputError
        A folder holds no file.
    """
    out, files = Path(out), event_files([Path(entry) for entry in inputs])
    places = {path: out / path.stem for path in files}
    if len(set(places.values())) < len(files):
        raise OutputError(out, "two files bear one name", action="Pack them into two folders")
    todo = list(_to_do(places, overwrite=overwrite))
    kept = [open_pack(place) for path, place in places.items() if path not in todo]
    packs, rejects = list(kept), []
    for number, path in enumerate(todo):
        try:
            again = overwrite or _finished(places[path], path) is not None
            packs.append(pack_events(open_event_file(path), places[path], overwrite=again))
        except InputError as error:
            rejects.append(Reject.from_error(error, stage="read"))
        if progress:
            progress(number + 1, len(todo))
    if rejects:
        write_rejects(rejects, out / "rejects.csv")
    return EventPacks(tuple(packs), len(kept), tuple(rejects))


def _to_do(places: dict[Path, Path], *, overwrite: bool) -> Iterator[Path]:
    """Yield the files without a finished pack; refuse, before any work, a place that is taken."""
    for path, place in places.items():
        finished = _finished(place, path)
        if finished is None:
            refuse_existing(place, overwrite=overwrite)
        if overwrite or not finished:
            yield path


def _finished(place: Path, path: Path) -> bool | None:
    """Return whether the pack that was begun of a file as it is now is finished; None where there is none of it."""
    try:
        facts = json.loads((place / MARKER).read_text(encoding="utf-8"))
        mine = facts["source"] == str(path.absolute()) and facts["state"] == state_of(path)
        return bool(facts["finished"]) if mine else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
