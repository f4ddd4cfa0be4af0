#!/usr/bin/env python3
"""Writes golden_draws.csv: what each distribution draws at a few places, computed with nothing of Lockstep's.

Philox on Python's integers; exp, ln and the normal quantile (Newton on the error function's series) in 60 digits;
rounded to a double once, at the end.    Usage: python3 golden_draws.py > golden_draws.csv
"""
from decimal import Decimal, getcontext
from statistics import NormalDist

getcontext().prec = 60
M32 = 0xFFFFFFFF
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def philox4x32_10(counter, key):
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & M32, (p0 >> 32) ^ c3 ^ k1, p0 & M32
        k0, k1 = (k0 + 0x9E3779B9) & M32, (k1 + 0xBB67AE85) & M32
    return c0, c1, c2, c3


def random_bits(seed, trial, param):
    words = philox4x32_10((param, 0, trial & M32, trial >> 32), (seed & M32, seed >> 32))
    return (words[0] << 32) | words[1]


def normal_cdf(x):
    """Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...)."""
    term = total = x
    k = 1
    while abs(term) > Decimal(10) ** -70:
        k += 2
        term *= x * x / k
        total += term
    return Decimal("0.5") + (-x * x / 2).exp() / (2 * PI).sqrt() * total


def normal_quantile(p):
    x = Decimal(NormalDist().inv_cdf(float(p)))
    for _ in range(4):
        x -= (normal_cdf(x) - p) / ((-x * x / 2).exp() / (2 * PI).sqrt())
    return x


def half_even(x):
    return x.to_integral_value(rounding="ROUND_HALF_EVEN")


def draw(kind, a, b, q, count, bits):
    a, b = Decimal(a), Decimal(b)
    u = (Decimal(bits >> 12) + Decimal("0.5")) / (1 << 52)
    whole = (bits * count) >> 64
    uniform = lambda low, high: low + (high - low) * u
    normal = lambda: a + b * normal_quantile(u)
    quantised = lambda x: float(half_even(x / Decimal(q))) * q  # the lattice is q's, in doubles
    return {
        "choice": lambda: whole,
        "randint": lambda: whole,
        "uniform": lambda: uniform(a, b),
        "quniform": lambda: quantised(uniform(a, b)),
        "loguniform": lambda: uniform(a, b).exp(),
        "qloguniform": lambda: quantised(uniform(a, b).exp()),
        "normal": normal,
        "qnormal": lambda: quantised(normal()),
        "lognormal": lambda: normal().exp(),
        "qlognormal": lambda: quantised(normal().exp()),
        "int": lambda: float(a) + q * whole,
        "log_int": lambda: half_even(uniform((a - Decimal("0.5")).ln(), (b + Decimal("0.5")).ln()).exp()),
        "log_uniform_values": lambda: uniform(a.ln(), b.ln()).exp(),
    }[kind]()


# kind, a, b, q, count; doubles are given exactly, as their shortest decimals
SPECS = [
    ("choice", 0.0, 0.0, 0.0, 5),
    ("randint", 0.0, 0.0, 0.0, 1000),
    ("uniform", -1.0, 3.0, 0.0, 0),
    ("uniform", 0.1, 0.7, 0.0, 0),
    ("quniform", 1.0, 10.0, 3.0, 0),
    ("loguniform", -11.5, -1.0, 0.0, 0),
    ("qloguniform", 0.0, 6.0, 0.5, 0),
    ("normal", 0.0, 1.0, 0.0, 0),
    ("normal", 10.0, 0.25, 0.0, 0),
    ("qnormal", 0.0, 5.0, 0.1, 0),
    ("lognormal", -4.0, 2.0, 0.0, 0),
    ("qlognormal", 1.0, 1.0, 2.0, 0),
    ("int", -3.0, 12.0, 3.0, 6),
    ("log_int", 1.0, 1024.0, 0.0, 0),
    ("log_uniform_values", 0.00001, 0.5, 0.0, 0),
]
PLACES = [(7, 0), (7, 1), (7, 17), (7, 999999), ((1 << 40) + 12345, 3), ((1 << 64) - 1, (1 << 33) + 5)]  # seed, trial

print("seed,trial,param,kind,a,b,q,count,draw")
for seed, trial in PLACES:
    for param, (kind, a, b, q, count) in enumerate(SPECS):
        value = float(draw(kind, a, b, q, count, random_bits(seed, trial, param)))
        print(f"{seed},{trial},{param},{kind},{a!r},{b!r},{q!r},{count},{value!r}")
