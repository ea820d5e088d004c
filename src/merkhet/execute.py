"""Many pieces of work over one or many processes, through the standard Executor interface and nothing else.

Only ``submit`` is used, so any :class:`concurrent.futures.Executor` serves: the process pool made here, or the
client of a cluster. Functions must be importable (top level) and arguments picklable.
"""

import contextlib
import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from merkhet.errors import ConfigError, MerkhetError

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]


class InlineExecutor(Executor):
    """An executor without processes: ``submit`` runs the function at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run ``fn`` and return a finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # handed to whoever asks for the result, as a pool does
            future.set_exception(error)
        return future


@contextlib.contextmanager
def pool(workers: int) -> Iterator[Executor]:
    """Yield an executor: inline for ``workers <= 1``, else that many freshly spawned processes."""
    if workers <= 1:
        yield InlineExecutor()
        return
    executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


def unordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, executor: Executor, pending: int = 4
) -> Iterator[Result]:
    """Yield results as they are ready, with at most ``pending`` items under way: memory stays bounded.

    Raises
    ------
    MerkhetError
        A worker process was killed (out of memory, most often).
    """
    queue = iter(items)
    with _explain_killed_worker():
        running = {executor.submit(function, item) for item in islice(queue, max(pending, 1))}
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            with _explain_killed_worker():
                result = future.result()
                running |= {executor.submit(function, item) for item in islice(queue, 1)}
            yield result


@contextlib.contextmanager
def _explain_killed_worker() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise MerkhetError(
            "a worker process was killed, most often for lack of memory; use fewer --workers and run again: "
            "finished shards are kept"
        ) from error


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Shard:
    """Part ``index`` (from 0) of ``count`` of a job that several machines share."""

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``i/n`` as written on the command line, with i from 1 to n."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise ConfigError(f"--shard: got {text!r}; expected i/n with i from 1 to n, for example 2/8")
        return cls(int(match[1]) - 1, int(match[2]))

    def owns(self, number: int) -> bool:
        """Tell whether piece ``number`` of the job belongs to this part."""
        return number % self.count == self.index
