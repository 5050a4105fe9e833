#!/usr/bin/env python3
"""Ours and the reference in turn, on traces recorded here.

usage: bench.py BUILD TOOLS CACHE [ROW...]

BUILD holds flightspan, bench/bench_read and bench/launch, TOOLS the Go programs of tests/bench/go.
"""

import os
import statistics
import subprocess
import sys

MODES = ["http", "net", "cpu", "ann"]
MB = 1000 * 1000


def quantile(values, q):
    return statistics.quantiles(values, n=100, method="inclusive")[int(100 * q) - 1] \
        if len(values) > 1 else values[0]


class Cost:
    """What one run took: seconds of CPU, bytes of memory at the peak."""

    def __init__(self, line):
        status, user, system, peak = map(int, line.split())
        self.status, self.user, self.system = status, user / 1e6, system / 1e6
        self.peak = peak * 1024


class Bench:
    def __init__(self, build, tools, cache):
        self.build, self.tools, self.cache = build, tools, cache
        os.makedirs(cache, exist_ok=True)

    def trace(self, mode, mb):
        """The recording of that load and size; made once."""
        path = f"{self.cache}/{mode}-{mb}m.trace"
        if not os.path.exists(path):
            print(f"recording {path}", file=sys.stderr)
            subprocess.run([f"{self.tools}/record", "-mode", mode, "-size", str(mb * MB),
                            "-o", path + ".part"], check=True, timeout=1800)
            os.rename(path + ".part", path)
        return path

    def run(self, command):
        report = f"{self.cache}/report"
        subprocess.run([f"{self.build}/bench/launch", report, *command], check=True,
                       stdout=subprocess.DEVNULL, timeout=1800)
        with open(report, encoding="ascii") as f:
            return Cost(f.read())

    def paired(self, reference, ours, rounds):
        """Both in turn; each first every other time."""
        a, b = [], []
        for i in range(rounds):
            order = [(a, reference), (b, ours)]
            for costs, command in order if i % 2 else order[::-1]:
                costs.append(self.run(command))
        return a, b


def read_rows(bench, mb, rounds):
    print(f"{'row':12} {'reference':>10} {'ours':>8}  ratio median (min - max)   peak MB: reference, ours")
    for mode in MODES:
        trace = bench.trace(mode, mb)
        for name, ours in (("read", [f"{bench.build}/bench/bench_read", trace]),
                           ("stats", [f"{bench.build}/flightspan", "stats", trace])):
            a, b = bench.paired([f"{bench.tools}/read", trace], ours, rounds)
            ratios = [x.user / y.user for x, y in zip(a, b)]
            print(f"{name + ' ' + mode:12} {statistics.median(x.user for x in a):8.3f} s "
                  f"{statistics.median(y.user for y in b):6.3f} s  {statistics.median(ratios):6.2f} "
                  f"({min(ratios):.2f} - {max(ratios):.2f})   "
                  f"{max(x.peak for x in a) / MB:.0f}, {max(y.peak for y in b) / MB:.0f}", flush=True)


def main():
    bench = Bench(*sys.argv[1:4])
    read_rows(bench, int(os.environ.get("MB", "20")), int(os.environ.get("ROUNDS", "5")))


main()
