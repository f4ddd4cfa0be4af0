"""The clock of the Python contestants (in C++: bench/timing.h)."""

import json
import time


def repeat(min_seconds, call):
    """Runs call() once to warm up, then until `min_seconds` have gone by. Returns calls per second, and per second of
    processor time."""
    call()
    n = 0
    begin = time.perf_counter()
    cpu_begin = time.process_time()
    seconds = 0.0
    while n == 0 or seconds < min_seconds:
        call()
        n += 1
        seconds = time.perf_counter() - begin
    return n / seconds, n / (time.process_time() - cpu_begin)


def print_rates(rates, per_call):
    """Prints the JSON line of a contestant that does `per_call` of something in a call."""
    print(json.dumps({"per_s": per_call * rates[0], "per_cpu_s": per_call * rates[1], "per_call": per_call}))
