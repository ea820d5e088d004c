"""Simulated events of a Cherenkov array, written as DL1 files of ctapipe's data model.

The physics and its limits are written down in ``docs/simulators.md``.
"""

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from merkhet.execute import Progress
from merkhet.io.atomic import atomic_path, prepare_folder
from merkhet.io.cherenkov.dl1_writer import Dl1Writer
from merkhet.io.cherenkov.hdf5 import import_hdf5
from merkhet.io.cherenkov.runs import SimulatedRun
from merkhet.io.cherenkov.simulated import EventBlock, concatenate
from merkhet.simulate.cherenkov.array import built_in_cameras, make_array, read_cameras
from merkhet.simulate.cherenkov.atmosphere import OBSERVATION_HEIGHT_M
from merkhet.simulate.cherenkov.observation import PRIMARIES, Observation
from merkhet.simulate.cherenkov.recording import Instrument, Stream
from merkhet.simulate.records import RECORD, check_count, check_seed, interrupted, write_record

EVENTS_PER_FILE = 5000
EVENTS_AT_ONCE = 250


def simulate(
    out: str | Path,
    *,
    events: int,
    seed: int,
    observation: Observation | None = None,
    cameras: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write ``events`` recorded events of a mixed array, with their truth and the record of how they were made.

    File ``i`` depends on the seed, the observation, the cameras and ``i`` alone, and its first events do not depend on
    how many there are.

    Parameters
    ----------
    out
        Folder to make: ``events_*.h5``, 5,000 events each, and ``simulation.json``.
    events
        Number of events to record, each with two telescopes or more.
    seed
        Not negative.
    observation
        What is thrown at the array; the defaults where absent.
    cameras
        Folder with tables of real cameras, see :func:`merkhet.simulate.cherenkov.array.read_cameras`; the built-in ones
        where absent.
    overwrite
        Clear the folder first if it holds anything.
    progress
        Called as ``progress(done, events)``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        An option is out of its range.
    InputError
        The folder of cameras holds none that is known.
    OutputError
        The folder holds something, or cannot be written.
    DependencyError
        h5py or numcodecs is not installed.
    Interrupted
        CTRL-C was pressed. Files that were finished are there.
    """
    check_count("events", events)
    check_seed(seed)
    import_hdf5()  # say at once that it is not there
    observation = observation or Observation()
    instrument = Instrument.of(make_array(read_cameras(Path(cameras)) if cameras else built_in_cameras()))
    out = prepare_folder(out, marker=RECORD, overwrite=overwrite, inputs=[cameras])
    finished = 0
    try:
        for number, start in enumerate(range(0, events, EVENTS_PER_FILE)):
            size = min(EVENTS_PER_FILE, events - start)
            portions = _portions(number, size, seed=seed, observation=observation, instrument=instrument)
            _write_file(out / f"events_{number:04d}.h5", portions, instrument, progress, done=start, total=events)
            finished = start + size
    except KeyboardInterrupt:
        raise interrupted(out, finished=finished, total=events, things="events", table="events_*.h5") from None
    finally:
        command = _command(out, events=events, seed=seed, observation=observation, cameras=cameras)
        write_record(
            out,
            case="cherenkov",
            command=command,
            number=("events", events),
            finished=finished,
            seed=seed,
            survey=observation,
        )
    return out


def observe(
    events: int, *, seed: int, observation: Observation | None = None, instrument: Instrument | None = None
) -> EventBlock:
    """Return the first ``events`` events of a seed, all at once and without writing anything.

    Raises
    ------
    ConfigError
        ``events`` or ``seed`` is out of its range; ``events`` is more than one file holds.
    """
    check_count("events", events, most=EVENTS_PER_FILE)
    check_seed(seed)
    instrument = instrument or Instrument.of(make_array(built_in_cameras()))
    portions = _portions(0, events, seed=seed, observation=observation or Observation(), instrument=instrument)
    return concatenate([block for block, _ in portions])


def _portions(
    number: int, size: int, *, seed: int, observation: Observation, instrument: Instrument
) -> Iterator[tuple[EventBlock, list[SimulatedRun]]]:
    """Yield the events of a file, primaries mixed, with the runs as they stand after each portion."""
    shares = {primary: share for primary, share in observation.shares().items() if share > 0}
    streams = {
        primary: Stream(
            primary,
            instrument=instrument,
            observation=observation,
            rng=np.random.default_rng([seed, number, PRIMARIES[primary]]),
        )
        for primary in shares
    }
    order = np.random.default_rng([seed, number])
    for start in range(0, size, EVENTS_AT_ONCE):
        # A whole portion is drawn even of the last one, so that events do not depend on how many are asked for.
        primary = order.choice(len(shares), size=EVENTS_AT_ONCE, p=[*shares.values()])
        primary = primary[: min(EVENTS_AT_ONCE, size - start)]
        blocks = []
        for place, (name, stream) in enumerate(streams.items()):
            block = stream.take(int((primary == place).sum()))
            obs_id = np.full(len(block), _obs_id(number, name))
            blocks.append(EventBlock(obs_id, block.event_id, block.truth, block.images))
        together = np.argsort(np.argsort(primary, kind="stable"), kind="stable")
        yield concatenate(blocks).take(together), _runs(number, streams, observation)


def _obs_id(number: int, primary: str) -> int:
    return len(PRIMARIES) * number + list(PRIMARIES).index(primary) + 1


def _runs(number: int, streams: dict[str, Stream], observation: Observation) -> list[SimulatedRun]:
    return [
        SimulatedRun(
            obs_id=_obs_id(number, primary),
            n_showers=stream.thrown,
            energy_min_tev=observation.energy_min_tev,
            energy_max_tev=observation.energy_max_tev,
            spectral_index=observation.spectral_index,
            core_radius_m=observation.core_radius_m,
            view_cone_deg=0 if primary == "gamma" and observation.gammas == "point" else observation.view_cone_deg,
            pointing=(float(observation.pointing[0]), float(observation.pointing[1])),
            observation_height_m=OBSERVATION_HEIGHT_M,
        )
        for primary, stream in streams.items()
    ]


def _write_file(
    path: Path,
    portions: Iterator[tuple[EventBlock, list[SimulatedRun]]],
    instrument: Instrument,
    progress: Progress | None,
    *,
    done: int,
    total: int,
) -> None:
    with atomic_path(path) as temporary, import_hdf5().File(temporary, "w") as file:
        writer = Dl1Writer(file, subarray=instrument.array.subarray)
        thrown: list[SimulatedRun] = []
        for block, runs in portions:
            writer.write(block)
            thrown = runs
            done += len(block)
            if progress is not None:
                progress(done, total)
        writer.close(thrown)


def _command(out: Path, *, events: int, seed: int, observation: Observation, cameras: str | Path | None) -> str:
    """Return what makes the same events again: the command line, or Python for what it has no options for."""
    words = ["merkhet", "simulate", "cherenkov", str(out), "--events", str(events), "--seed", str(seed)]
    words += ["--cameras", str(cameras)] if cameras else []
    words += ["--gammas", observation.gammas] if observation.gammas != Observation.gammas else []
    if observation == Observation(gammas=observation.gammas):
        return shlex.join(words)
    options = ", ".join(f"{name}={value!r}" for name, value in asdict(observation).items())
    folder = f", cameras={str(cameras)!r}" if cameras else ""
    return (
        f"{__package__}.simulate({str(out)!r}, events={events}, seed={seed}, "
        f"observation={__package__}.Observation({options}){folder})"
    )
