"""Work over executors: bounded, complete, with errors that reach the caller."""

import os
import signal
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.errors import ConfigError, InputError, MerkhetError
from merkhet.execute import InlineExecutor, Shard, pool, unordered_map


def square(x: int) -> int:
    return x * x


def fail(x: int) -> int:
    raise InputError(f"file {x}", "is bad")


def die(x: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return x


class Counting(Executor):
    """Counts how many futures are under way at most."""

    def __init__(self) -> None:
        self.inner, self.running, self.most = ThreadPoolExecutor(4), 0, 0

    def submit(self, fn, /, *args, **kwargs) -> Future:  # type: ignore[type-arg]
        self.running += 1
        self.most = max(self.most, self.running)
        future = self.inner.submit(fn, *args, **kwargs)
        future.add_done_callback(lambda _: setattr(self, "running", self.running - 1))
        return future


@given(st.lists(st.integers(-1000, 1000), max_size=30), st.integers(1, 8))
def test_every_item_gives_its_result(items, pending):
    results = list(unordered_map(square, items, executor=InlineExecutor(), pending=pending))
    assert sorted(results) == sorted(x * x for x in items)


def test_no_more_than_pending_items_are_under_way():
    executor = Counting()
    results = list(unordered_map(square, iter(range(200)), executor=executor, pending=5))
    assert len(results) == 200
    assert executor.most <= 5


def test_spawned_processes_work_and_hand_back_errors():
    with pool(2) as executor:
        assert sorted(unordered_map(square, range(5), executor=executor)) == [0, 1, 4, 9, 16]
        with pytest.raises(InputError, match="file 3: is bad"):
            list(unordered_map(fail, [3], executor=executor))


def test_a_killed_worker_is_one_clear_line():
    with pytest.raises(MerkhetError, match="worker process was killed"), pool(2) as executor:
        list(unordered_map(die, [1], executor=executor))


@given(st.integers(1, 12), st.integers(0, 200))
def test_every_piece_belongs_to_exactly_one_shard(count, number):
    assert sum(Shard.parse(f"{i}/{count}").owns(number) for i in range(1, count + 1)) == 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "a/b", "1", "1/0", "-1/2"])
def test_a_wrong_shard_is_refused(text):
    with pytest.raises(ConfigError, match="expected i/n"):
        Shard.parse(text)
