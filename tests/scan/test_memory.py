"""Memory is kept from array to array, and given back in the end."""

import subprocess
import sys

import pytest

MEASURE = """
import resource
import numpy as np
from pathlib import Path
from merkhet.scan.memory import give_back, keep_freed

def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.full(2**20, 1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

keep_freed()
faults(1)
again = faults(20)
arrays = [np.full(2**20, 1.0) for _ in range(16)]
arrays.clear()
kept = resident_mb()
give_back()
print(again, kept - resident_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
def test_arrays_take_the_pages_of_those_before_until_these_are_given_back():
    done = subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True)
    again, given_back_mb = (float(number) for number in done.stdout.split())
    assert again < 100  # 20 arrays of 2,048 pages
    assert given_back_mb > 100
