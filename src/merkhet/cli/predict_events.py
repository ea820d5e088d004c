"""``merkhet predict`` with a model of events of Cherenkov telescopes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from merkhet.cli.output import Output
from merkhet.cli.rejected import say_rejects
from merkhet.errors import ConfigError

if TYPE_CHECKING:
    from merkhet.cli.predict import EventOptions
    from merkhet.infer.event_outputs import EventDisplays


def run_on_events(
    model: Path,
    inputs: Sequence[str],
    options: "EventOptions",
    *,
    out: Path | None,
    batch_size: int,
    device: str,
    overwrite: bool,
    output: Output,
) -> int:
    """Reconstruct events, say what came of it, and return the exit code."""
    from merkhet.infer.events import predict_events

    with output.progress("predicting") as progress:
        result = predict_events(
            model,
            inputs,
            out=out,
            displays=_displays(options, out),
            cameras=_cameras(options.camera),
            batch_size=batch_size,
            device=device,
            overwrite=overwrite,
            progress=progress,
        )
    if not (out or result.pictures or output.json):
        print("\n".join(result.table.pformat(max_lines=-1, max_width=-1)))  # noqa: T201
    for note in result.notes:
        output.say(note)
    what = "images" if "tel_id" in result.table.colnames else "events"
    output.say(f"{len(result.table)} {what} answered, {int(result.table['is_valid'].sum())} of them valid")
    say_rejects(result.rejects, written=out is not None, output=output)
    folder = result.pictures[0].parent if result.pictures else None
    written = {
        "events": out if out is not None and out.exists() else None,
        "rejects": result.rejects_path,
        "displays": folder,
    }
    for name, path in written.items():
        if path is not None:
            output.say(f"{name}: {path}")
    output.summary(**written, rows=len(result.table), rejected=len(result.rejects), pictures=len(result.pictures))
    return 3 if result.rejects else 0


def _displays(options: "EventOptions", out: Path | None) -> "EventDisplays | None":
    if options.display is None:
        if options.displays is not None:
            raise ConfigError("--displays says where pictures go; say with --display how many")
        return None
    folder = options.displays
    if folder is None:
        if out is None:
            raise ConfigError("--display: say with --displays where the pictures go")
        folder = out.with_name(f"{out.name.split('.')[0]}_displays")
    from merkhet.infer.event_outputs import EventDisplays
    from merkhet.report.event_display import draw_answer

    return EventDisplays(folder, options.display, draw_answer)


def _cameras(pairs: Sequence[str]) -> dict[str, Path]:
    """Return the tables of ``TYPE=TABLE`` pairs."""
    cameras = {}
    for pair in pairs:
        name, equals, table = pair.partition("=")
        if not (name and equals and table):
            raise ConfigError(f"--camera {pair}: expected TYPE=TABLE, such as LST=pixels.csv")
        cameras[name] = Path(table)
    return cameras
