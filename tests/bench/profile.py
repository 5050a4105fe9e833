#!/usr/bin/env python3
"""Where the time of `stats` and `convert` goes: tables for docs/benchmarks.md, by perf.

usage: profile.py BUILD CACHE PAGE

Samples the CPU clock of the 20 MB traces in CACHE (`make bench` or `make check-bench` records
them). A function belongs to the folder whose object defines it.
"""

import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import page

MODES = ["http", "net", "cpu", "ann"]
SHOWN = 12
FOLDERS = {"collector/trace": "reading: generations, order, events", "collector/source": "the file",
           "mapping": "statistics, or events into spans", "exporter": "OTLP and output",
           "base": "maps, buffers, numbers", "cli": "the command", "several": "names that two folders have",
           "libraries": "the C library, xxhash"}


def owners(build):
    """{function: folder} by the symbol tables of the objects."""
    objects = [o for top in ("base", "config", "collector", "mapping", "exporter", "cli")
               for o in glob.glob(f"{build}/{top}/**/*.o", recursive=True)]
    out = subprocess.run(["nm", "-A", "--defined-only", *objects], check=True, text=True,
                         capture_output=True, timeout=60).stdout
    found = {}
    for line in out.splitlines():
        path, _, name = line.partition(":")
        folder = os.path.dirname(os.path.relpath(path, build))
        name = name.split()[-1]
        # Static functions of two folders may have one name.
        found[name] = folder if found.get(name, folder) == folder else "several"
    return found


def samples(command, work):
    """{function: share in percent} of one run; names the compiler made are cut to the source's."""
    data = f"{work}/perf.data"
    subprocess.run(["perf", "record", "-q", "-F", "5000", "-e", "cpu-clock:u", "-o", data, *command],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
    out = subprocess.run(["perf", "report", "-i", data, "--stdio", "--no-children", "--sort", "symbol"],
                         check=True, text=True, capture_output=True, timeout=600).stdout
    shares = collections.Counter()
    for share, name in re.findall(r"^\s*([\d.]+)%\s+\[\.\]\s+(\S+)", out, re.M):
        shares[re.sub(r"\.(isra|part|constprop|cold).*|@.*", "", name)] += float(share)
    return shares


def main():
    build, cache, where = sys.argv[1:4]
    if not shutil.which("perf"):
        print("SKIP bench-profile: perf is missing, Debian has it in linux-perf")
        return 0
    owner = owners(build)
    text = []
    with tempfile.TemporaryDirectory() as work:
        for name, command in (("stats", ["stats"]),
                              ("convert", ["convert", "-q", "--format", "otlp-proto", "-o",
                                           f"{work}/spans.bin"])):
            by_mode = [samples([f"{build}/flightspan", *command, f"{cache}/{mode}-20m.trace"], work)
                       for mode in MODES]
            folders = [collections.Counter() for _ in MODES]
            for into, shares in zip(folders, by_mode):
                for function, share in shares.items():
                    into[owner.get(function, "libraries")] += share
            text.append(f"### `{name}`\n")
            text.append(page.table(["", "", *MODES], (
                (f, what, *(f"{c[f]:.0f} %" for c in folders)) for f, what in FOLDERS.items())))
            text.append(page.table(["function", "in", *MODES], (
                (f"`{f}`", owner.get(f, "libraries"), *(f"{c[f]:.1f} %" for c in by_mode))
                for f, _ in sum(by_mode, collections.Counter()).most_common(SHOWN))))
    page.replace(where, "profile", "bench-profile", "\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
