#!/usr/bin/env python3
"""Compare `flightspan stats --json` with the same figures from Go's own trace reader.

usage: check_stats.py FLIGHTSPAN TRACE.zst...

main.go computes the figures from golang.org/x/exp/trace. Counts and durations must be equal,
percentiles within 1.5 % (flightspan promises 1 %, by nearest rank). Needs go and zstd.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

PERCENTILE_ERROR = 0.015


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def same(key, want, got):
    if re.fullmatch(r"p\d+_ns", key) and None not in (want, got):
        return abs(got - want) <= PERCENTILE_ERROR * want
    if key.startswith("share_") and None not in (want, got):
        return abs(got - want) < 1e-6
    return want == got and isinstance(want, bool) == isinstance(got, bool)


def compare(path, want, got, bad):
    """Everything in `want` has to be in `got`; returns how many values were compared."""
    key = path.rsplit(".", 1)[-1]
    if isinstance(want, dict):
        if not isinstance(got, dict):
            bad.append(f"{path}: expected an object")
            return 1
        return sum(compare(f"{path}.{k}", v, got.get(k, "missing"), bad) for k, v in want.items())
    if isinstance(want, list):
        want, got = (sorted(rows, key=lambda r: json.dumps(r, sort_keys=True))
                     for rows in (drop_percentiles(want, want), drop_percentiles(got, want)))
        if len(want) != len(got):
            bad.append(f"{path}: {len(got)} rows, the reference has {len(want)}")
        return sum(compare(f"{path}[{i}]", w, g, bad) for i, (w, g) in enumerate(zip(want, got)))
    if not same(key, want, got):
        bad.append(f"{path}: {got}, the reference says {want}")
    return 1


def drop_percentiles(rows, like):
    """Rows in a form that sorts alike on both sides: exact members only."""
    exact = {k for row in like for k in row if not re.fullmatch(r"p\d+_ns", k)}
    return [{k: v for k, v in row.items() if k in exact} for row in rows]


def compare_rows(path, name, want, got, bad):
    """Percentiles of rows with the same exact figures. Equal names may hide different bytes."""
    def sort_key(row):
        return (row[name], row["count"], row["total_ns"], row["cut"], row["cut_ns"])
    n = 0
    for w, g in zip(sorted(want, key=sort_key), sorted(got, key=sort_key)):
        n += compare(f"{path}[{w[name]!r}]", w, g, bad)
    return n


def compare_stacks(want, got, bad):
    def time(s):
        return s["total_ns"] + s["cut_ns"]

    def identity(s):
        return json.dumps([s["reason"], s["frames"]], sort_keys=True)
    reference = {identity(s): s for s in want}
    times = sorted(map(time, want), reverse=True)[:10]
    if got["distinct"] != len(want):
        bad.append(f"blocking_stacks: {got['distinct']}, the reference has {len(want)}")
    if [time(s) for s in got["top"]] != times:
        bad.append("blocking_stacks: not the ten with most time, most first")
    for s in got["top"]:
        other = reference.get(identity(s), {})
        for k in ("count", "total_ns", "cut", "cut_ns"):
            if s[k] != other.get(k):
                bad.append(f"blocking_stacks: {s['reason']}: {k} {s[k]}, not {other.get(k)}")
        if s["count"] and s["max_ns"] != other.get("max_ns"):
            bad.append(f"blocking_stacks: {s['reason']}: max_ns {s['max_ns']}")
    return 2 + 6 * len(got["top"])


TABLES = [("blocks", "by_reason", "reason"), ("tasks", "by_type", "type"),
          ("regions", "by_type", "type"), ("stop_the_world", "by_kind", "kind")]


def check(flightspan, reference, trace):
    """Returns what differs, and how many values were compared."""
    want = json.loads(subprocess.run([reference, trace], check=True, capture_output=True).stdout)
    done = subprocess.run([flightspan, "stats", "--json", trace], capture_output=True, check=False)
    if done.returncode:
        return [f"exit status {done.returncode}: {done.stderr.decode().strip()}"], 0
    got = json.loads(done.stdout)
    bad = []
    want["events"]["by_kind"] = {snake(k): v for k, v in want["events"]["by_kind"].items()}
    n = compare_stacks(want.pop("blocking_stacks"), got["blocking_stacks"], bad)
    for part, rows, name in TABLES:
        n += compare_rows(f"{part}.{rows}", name, want[part][rows], got[part][rows], bad)
    n += compare("", want, got, bad)
    return bad, n


def main():
    flightspan, files = sys.argv[1], sys.argv[2:]
    here = os.path.dirname(os.path.abspath(__file__))
    for tool in ("go", "zstd"):
        if not shutil.which(tool):
            print(f"SKIP check-stats: {tool} is not installed; nothing was compared")
            return 0
    failed = values = 0
    with tempfile.TemporaryDirectory() as tmp:
        reference = os.path.join(tmp, "reference")
        subprocess.run(["go", "build", "-o", reference, "."], cwd=here, check=True)
        for path in files:
            trace = os.path.join(tmp, "trace")
            with open(trace, "wb") as out:
                subprocess.run(["zstd", "-dcq", path], stdout=out, check=True)
            bad, n = check(flightspan, reference, trace)
            values += n
            failed += bool(bad)
            for line in bad[:20]:
                print(f"{path}: {line}")
    print(f"check-stats: {len(files)} traces, {values} values, {failed} traces differ")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
