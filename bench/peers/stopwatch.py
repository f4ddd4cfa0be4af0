"""The clock of the Python contestants (in C++: bench/timing.h)."""

import time


def repeat(min_seconds, call):
    """Runs call() once to warm up, then until `min_seconds` have gone by. Returns calls per second."""
    call()
    n = 0
    begin = time.perf_counter()
    seconds = 0.0
    while n == 0 or seconds < min_seconds:
        call()
        n += 1
        seconds = time.perf_counter() - begin
    return n / seconds
