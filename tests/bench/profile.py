#!/usr/bin/env python3
"""Where the time of `stats` and `convert` goes: tables for docs/benchmarks.md, by perf.

usage: profile.py BUILD CACHE PAGE

Samples the CPU clock of the 20 MB traces in CACHE (`make bench` or `make check-bench` records
them). A sample counts for the innermost function at its address, inlined or not.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

import page

MODES = ["http", "net", "cpu", "ann"]
SHOWN = 16
FOLDERS = {"collector/trace": "reading: generations, order, events", "collector/source": "the file",
           "mapping": "statistics, or events into spans", "exporter": "OTLP and output",
           "base": "maps, buffers, numbers", "cli": "the command"}
OTHERS = "libraries"


def places(program, addresses):
    """{address: (function, folder)} of the innermost function, inlined or not, by the debug information."""
    out = subprocess.run(["addr2line", "-f", "-e", program], check=True, text=True, timeout=600,
                         input="".join(f"{a:#x}\n" for a in addresses), capture_output=True).stdout.split("\n")
    found = {}
    for address, name, source in zip(addresses, out[::2], out[1::2]):
        folder = re.search(f"/({'|'.join(FOLDERS)})/[^/]*$", source)
        found[address] = (name.split(".")[0], folder[1] if folder else OTHERS)
    return found


def samples(program, args, work):
    """{(function, folder): share in percent} of one run."""
    data = f"{work}/perf.data"
    subprocess.run(["perf", "record", "-q", "-F", "5000", "-e", "cpu-clock:u", "-o", data, program, *args],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
    out = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym,dso", "--show-mmap-events"],
                         check=True, text=True, capture_output=True, timeout=600).stdout
    code = re.search(rf"\[(0x[0-9a-f]+)\(0x[0-9a-f]+\) @ (0x[0-9a-f]+|0) .*\]: r-xp {re.escape(program)}$", out, re.M)
    base = int(code[1], 16) - int(code[2], 16)
    hits = re.findall(r"^\s*([0-9a-f]+) (\S+) \((.*)\)$", out, re.M)
    known = places(program, sorted({int(ip, 16) - base for ip, _, dso in hits if dso == program}))
    shares = collections.Counter()
    for ip, name, dso in hits:
        place = known[int(ip, 16) - base] if dso == program else (name.split("+")[0], OTHERS)
        shares[place] += 100 / len(hits)
    return shares


def main():
    build, cache, where = sys.argv[1:4]
    if not shutil.which("perf"):
        print("SKIP bench-profile: perf is missing, Debian has it in linux-perf")
        return 0
    program = os.path.realpath(f"{build}/flightspan")
    text = []
    with tempfile.TemporaryDirectory() as work:
        for name, command in (("stats", ["stats"]),
                              ("convert", ["convert", "-q", "--format", "otlp-proto", "-o",
                                           f"{work}/spans.bin"])):
            by_mode = [samples(program, [*command, f"{cache}/{mode}-20m.trace"], work) for mode in MODES]
            folders = [collections.Counter() for _ in MODES]
            for into, shares in zip(folders, by_mode):
                for (_, folder), share in shares.items():
                    into[folder] += share
            text.append(f"### `{name}`\n")
            text.append(page.table(["", "", *MODES], (
                (f, what, *(f"{c[f]:.0f} %" for c in folders))
                for f, what in {**FOLDERS, OTHERS: "the C library, xxhash"}.items())))
            text.append(page.table(["function", "in", *MODES], (
                (f"`{p[0]}`", p[1], *(f"{c[p]:.1f} %" for c in by_mode))
                for p, _ in sum(by_mode, collections.Counter()).most_common(SHOWN))))
    page.replace(where, "profile", "bench-profile", "\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
