"""What programs cost: user CPU and peak memory of children, ours and a reference's in turn."""

import os
import statistics
import subprocess
import sys

MB = 1000 * 1000
MIB = 1 << 20

# A run shorter than this is repeated: the kernel divides user from system time by its clock's
# ticks, a few ms each.
SHORT_S = 0.25
MOST_TIMES = 60
TIMEOUT_S = 1800


class Cost:
    """Of one run: seconds of CPU, bytes of memory at the peak."""

    def __init__(self, line, times):
        user, system, peak = map(int, line.split())
        self.user, self.system = user / 1e6 / times, system / 1e6 / times
        self.peak = peak * 1024


class Ratios:
    """How many times the reference's user CPU ours is, round by round."""

    def __init__(self):
        self.reference, self.ours = [], []

    def each(self):
        return [a.user / max(b.user, 1e-6) for a, b in zip(self.reference, self.ours)]

    def median(self):
        return statistics.median(self.each())

    def upper_quartile(self):
        each = self.each()
        return statistics.quantiles(each, n=4, method="inclusive")[2] if len(each) > 1 else each[0]

    def spread(self):
        return f"{min(self.each()):.1f} - {max(self.each()):.1f}"


def user(costs):
    return statistics.median(c.user for c in costs)


def peak(costs):
    return max(c.peak for c in costs)


class Bench:
    """The programs under test and the traces they are tested with."""

    def __init__(self, build, tools, cache):
        self.build, self.tools, self.cache = build, tools, cache
        self.times = {}
        os.makedirs(cache, exist_ok=True)
        self.config = f"{cache}/unlimited.yaml"
        with open(self.config, "w", encoding="ascii") as f:
            f.write("mapping: { limits: { spans_per_trace: 1000000 } }\n")
        self.go_trace = None

    def trace(self, mode, mb):
        """The recording of that load and size; made once."""
        path = f"{self.cache}/{mode}-{mb}m.trace"
        if not os.path.exists(path):
            print(f"recording {path}", file=sys.stderr)
            subprocess.run([f"{self.tools}/record", "-mode", mode, "-size", str(mb * MB),
                            "-o", path + ".part"], check=True, timeout=TIMEOUT_S)
            os.rename(path + ".part", path)
        return path

    def assemble(self, source):
        """A trace of the assembler's text."""
        path = f"{self.cache}/assembled.trace"
        subprocess.run([f"{self.build}/asm", source, path], check=True, timeout=60)
        return path

    def run(self, command, times=1):
        report = f"{self.cache}/report.{os.getpid()}"
        subprocess.run([f"{self.build}/bench/launch", report, str(times), *command], check=True,
                       stdout=subprocess.DEVNULL, timeout=TIMEOUT_S)
        with open(report, encoding="ascii") as f:
            line = f.read()
        os.remove(report)
        return Cost(line, times)

    def steady(self, command):
        """As run(), often enough that it takes a while."""
        key = tuple(command)
        if key not in self.times:
            once = self.run(command).user
            self.times[key] = min(MOST_TIMES, int(SHORT_S / max(once, 1e-3)) + 1)
        return self.run(command, self.times[key])

    def in_turn(self, reference, ours, rounds, into=None):
        """{name: Ratios} of {name: command}: every round runs all, from either end."""
        into = into or {name: Ratios() for name in ours}
        for i in range(rounds):
            order = [None, *ours]
            costs = {name: self.steady(ours[name] if name else reference)
                     for name in (order if i % 2 else order[::-1])}
            for name, ratios in into.items():
                ratios.reference.append(costs[None])
                ratios.ours.append(costs[name])
        return into

    # The commands that are compared.

    def read_reference(self, trace):
        return [f"{self.tools}/read", trace]

    def read_ours(self, trace):
        return {"reader": [f"{self.build}/bench/bench_read", trace],
                "`stats`": [f"{self.build}/flightspan", "stats", trace]}

    def convert_reference(self, trace, explain):
        return [f"{self.tools}/bridge", *(["-explain"] if explain else []), "-o",
                f"{self.cache}/bridge.bin", trace]

    def convert_ours(self, trace):
        """Without the limit on a trace's spans, which the bridge has not."""
        return [*self.convert_away(trace), "-o", f"{self.cache}/spans.bin"]

    def convert_away(self, trace):
        """The same, and nobody keeps what it writes: the disk has no part in it."""
        return [f"{self.build}/flightspan", "convert", "-q", "-c", self.config,
                "--format", "otlp-proto", trace]

    def dump_reference(self, trace):
        if not self.go_trace:
            self.go_trace = subprocess.run(["go", "tool", "-n", "trace"], check=True, text=True,
                                           capture_output=True, timeout=300).stdout.strip()
        return [self.go_trace, "-d=parsed", trace]

    def dump_ours(self, trace):
        return [f"{self.build}/flightspan", "dump", trace]


def generation_sizes(path):
    """Bytes of each generation: batch headers only, by the format; no reader of ours."""
    def uvarint(f):
        value = shift = 0
        while True:
            byte = f.read(1)[0]
            value |= (byte & 0x7f) << shift
            if byte < 0x80:
                return value
            shift += 7

    sizes = {}
    with open(path, "rb") as f:
        f.seek(16)
        generation = None
        while True:
            start = f.tell()
            kind = f.read(1)
            if not kind:
                return list(sizes.values())
            if kind != b"\x34":  # the byte that ends a generation
                if kind == b"\x31":  # an experiment's batch: its number first
                    f.read(1)
                generation = uvarint(f)
                uvarint(f)  # thread
                uvarint(f)  # time
                f.seek(uvarint(f), 1)
            sizes[generation] = sizes.get(generation, 0) + f.tell() - start
