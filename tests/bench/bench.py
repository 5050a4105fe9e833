#!/usr/bin/env python3
"""flightspan beside Go's own tools: user CPU in turn, peak memory, growth.

usage: bench.py [options] BUILD TOOLS CACHE

BUILD holds flightspan, bench/bench_read and bench/launch, TOOLS the programs of tests/bench/go;
traces are recorded into CACHE once. Without --gate the whole measurement, ten minutes and more,
written into --page; with it small traces, and exit status 1 if a promise is not kept.
"""

import argparse
import os
import subprocess
import sys

import page
import send
from measure import MB, MIB, Bench, generation_sizes, peak, user

MODES = ["http", "net", "cpu", "ann"]
PARTS = ["same", "read", "convert", "dump", "memory", "growth", "send"]

# How many times the reference's speed is promised, and aimed at.
READ = {"http": (6, 10), "net": (6, 10), "cpu": (6, 10), "ann": (10, 10)}
# Without a task there is nothing to convert: cpu is reading again, and so promised.
CONVERT = {"http": (12, 25), "net": (12, 25), "cpu": (6, 10), "ann": (12, 25)}
DUMP = (20, 50)
# convert beside a bridge that does less: it makes the spans and events, and explains none.
PLAIN = "`convert`, plain bridge"

# The promise is for the same work: beside the plain bridge the gate holds a tenth and more below the
# worst that was reached. The neighbours' work moves a ratio both ways: a Go program has its garbage
# collector on the other core.
REACHED = {PLAIN: {"http": 5.5, "net": 6, "ann": 9.5}}
# Cost of a MB in the largest trace, at most this many times that of a middle one.
LINEAR = 1.3


class Row:
    """One comparison."""

    def __init__(self, what, mode, mb, promise, ratios):
        self.what, self.mode, self.mb, self.ratios = what, mode, mb, ratios
        self.promise, self.goal = promise
        self.held = REACHED.get(what, {}).get(mode, self.promise)

    def name(self):
        return f"{self.what} {self.mode} {self.mb} MB"

    def text(self):
        r = self.ratios
        return (f"{self.name():30} {user(r.reference):8.3f} s {user(r.ours):8.3f} s  "
                f"{r.median():6.2f} x ({r.spread()}, promised {self.promise}, held {self.held:g})  "
                f"peak {peak(r.reference) / MB:.0f} MB, {peak(r.ours) / MB:.0f} MB")


class Runner:
    def __init__(self, args):
        self.args = args
        self.bench = Bench(args.build, args.tools, args.cache)
        self.passed = self.failed = 0

    def verdict(self, good, text):
        self.passed += good
        self.failed += not good
        print(text if good else f"FAIL {text}", flush=True)

    def compare(self, reference, ours, mode, mb, promise):
        """Rows of one reference. Under the gate, what is too slow gets a second chance: twice as
        many rounds more, and fails if three quarters of all rounds are under the promise."""
        b, n = self.bench, self.args.rounds
        ratios = b.in_turn(reference, ours, n)
        rows = [Row(name, mode, mb, promise, r) for name, r in ratios.items()]
        if self.args.gate and any(row.ratios.median() < row.held for row in rows):
            b.in_turn(reference, ours, 2 * n, ratios)
        for row in rows:
            if self.args.gate:
                best = max(row.ratios.median(), row.ratios.upper_quartile())
                self.verdict(best >= row.held, row.text())
            else:
                print(row.text(), flush=True)
        return rows

    def read(self, mb):
        rows = []
        for mode in self.args.modes:
            t = self.bench.trace(mode, mb)
            rows += self.compare(self.bench.read_reference(t), self.bench.read_ours(t), mode, mb,
                                 READ[mode])
        return rows

    def convert(self, mb):
        rows = []
        for mode in self.args.modes:
            t = self.bench.trace(mode, mb)
            ours = self.bench.convert_ours(t)
            for name, explain in (("`convert`", True), (PLAIN, False)):
                rows += self.compare(self.bench.convert_reference(t, explain), {name: ours}, mode,
                                     mb, CONVERT[mode])
        return rows

    def dump(self, mb):
        rows = []
        for mode in self.args.modes:
            t = self.bench.trace(mode, mb)
            rows += self.compare(self.bench.dump_reference(t), {"`dump`": self.bench.dump_ours(t)},
                                 mode, mb, DUMP)
        return rows

    def same(self, mb):
        """Both make the same spans: else their speed says nothing."""
        self.same_spans("edges", self.bench.assemble(f"{os.path.dirname(__file__)}/edges.txt"))
        for mode in self.args.modes:
            self.same_spans(f"{mode} {mb} MB", self.bench.trace(mode, mb),
                            # In net, a span has more events than it may.
                            ["-without-wait-events"] if mode == "net" else [])

    def same_spans(self, name, trace, options=()):
        self.bench.run(self.bench.convert_ours(trace))
        for explain in (False, True):
            self.bench.run(self.bench.convert_reference(trace, explain))
            p = subprocess.run([f"{self.args.tools}/same", *options,
                                *(["-explained"] if explain else []),
                                f"{self.args.cache}/spans.bin", f"{self.args.cache}/bridge.bin"],
                               text=True, check=False, stdout=subprocess.PIPE, timeout=600)
            self.verdict(p.returncode == 0, f"same spans{' and attributes' if explain else ''} "
                         f"{name}: {p.stdout.strip()}")

    def memory(self, mb):
        """Peaks of `convert` as users run it, limits and all, beside the largest generation."""
        rows = []
        for mode in self.args.modes:
            t = self.bench.trace(mode, mb)
            largest = max(generation_sizes(t))
            got = self.bench.run([f"{self.args.build}/flightspan", "convert", "-q", "--format",
                                  "otlp-proto", "-o", f"{self.args.cache}/spans.bin", t]).peak
            bound = 2 * largest + 16 * MIB
            rows.append((mode, mb, largest, got, bound))
            self.verdict(got <= bound, f"memory {mode} {mb} MB: {got / MB:.1f} MB, largest generation "
                         f"{largest / MB:.1f} MB, promised {bound / MB:.1f} MB")
        return rows

    def growth(self, sizes):
        """CPU of a MB by the size of the trace; the last against the second."""
        rows = []
        for mode in [m for m in ("http", "ann") if m in self.args.modes]:
            for what in ("reader", "`stats`", "`convert`"):
                per_mb = []
                for mb in sizes:
                    t = self.bench.trace(mode, mb)
                    ours = {**self.bench.read_ours(t), "`convert`": self.bench.convert_away(t)}
                    runs = [self.bench.steady(ours[what]) for _ in range(self.args.rounds)]
                    per_mb.append(user(runs) / (os.path.getsize(t) / MB))
                rows.append((what, mode, per_mb))
                self.verdict(per_mb[-1] <= LINEAR * per_mb[1], f"growth {what} {mode}: " + ", ".join(
                    f"{s} MB {1000 * v:.2f} ms a MB" for s, v in zip(sizes, per_mb)))
        return rows

    def send(self, mb):
        """Spans through queue and socket, beside the Go SDK's exporter; nothing is promised."""
        rows = []
        for mode in [m for m in ("http", "ann") if m in self.args.modes]:
            ways = send.measure(self.args.build, f"{self.args.cache}/export",
                                self.bench.trace(mode, mb), self.args.rounds)
            for way in ways:
                print(f"send {mode} {mb} MB, {way.name}: {way.rate():.0f} spans/s, "
                      f"{way.cpu():.2f} us of CPU a span, {way.rate() / ways[0].rate():.1f} x, "
                      f"{ways[0].cpu() / way.cpu():.1f} x", flush=True)
                rows.append((way, mode, way.rate() / ways[0].rate(), ways[0].cpu() / way.cpu()))
        return rows


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("build")
    p.add_argument("tools")
    p.add_argument("cache")
    p.add_argument("--gate", action="store_true", help="fail under the promise")
    p.add_argument("--parts", type=str.split, default=PARTS, help=f"of {PARTS}")
    p.add_argument("--modes", type=str.split, default=MODES, help=f"of {MODES}")
    p.add_argument("--mb", type=int, help="size of the traces of read and convert")
    p.add_argument("--rounds", type=int, help="how often each is run")
    p.add_argument("--page", help="the Markdown page whose marked block to rewrite")
    args = p.parse_args()
    args.mb = args.mb or (20 if args.gate else 100)
    args.rounds = args.rounds or 5
    return args


def main():
    args = arguments()
    r = Runner(args)
    small = args.gate
    size = {"same": 4 if small else 20, "read": args.mb, "convert": args.mb,
            "dump": 4 if small else 10, "memory": args.mb if small else 500,
            "growth": [1, 4, args.mb] if small else [1, 10, 100, 500],
            "send": 4 if small else 20}
    for part in PARTS:
        if part not in args.parts:
            continue
        results = getattr(r, part)(size[part])
        if args.page:
            page.write(args.page, {part: results}, size, args.rounds)
    if r.passed + r.failed:
        print(f"{r.passed} passed, {r.failed} failed")
    return 1 if r.failed and args.gate else 0


if __name__ == "__main__":
    sys.exit(main())
