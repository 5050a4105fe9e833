"""The results as Markdown tables, between two marks of a page that is otherwise written by hand."""

import os
import platform
import re
import subprocess

from measure import MB, peak, user

BEGIN, END = "<!-- {}: written by make {} -->", "<!-- end of {} -->"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def first_line(command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return out.strip().split("\n")[0]


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    return (f"{first_line(['date', '-u', '+%F'])}, revision "
            f"{first_line(['git', 'rev-parse', '--short', 'HEAD'])}: "
            f"{len(os.sched_getaffinity(0))} cores, {model[1] if model else platform.machine()}, "
            f"Linux {platform.release().split('-')[0]}, {first_line(['cc', '--version'])}, "
            f"{first_line(['go', 'env', 'GOVERSION'])}.\n")


def ratio_rows(rows):
    for r in rows:
        a, b = r.ratios.reference, r.ratios.ours
        kept = "" if r.ratios.median() >= r.promise else " (missed)"
        yield (r.what, r.mode, f"{user(a):.3f} s", f"{user(b):.3f} s",
               f"**{r.ratios.median():.1f}**", r.ratios.spread(), f"{r.promise}{kept}", r.goal,
               f"{peak(a) / MB:.0f} MB", f"{peak(b) / MB:.0f} MB")


RATIO_HEAD = ["", "trace", "reference", "ours", "ratio", "min - max", "promise", "goal",
              "peak, reference", "peak, ours"]


TITLES = {
    "read": "Every event read and ordered, beside golang.org/x/exp/trace",
    "convert": "Spans as OTLP protobuf in a file, beside the Go bridges",
    "dump": "Every event as text, beside `go tool trace -d=parsed`",
    "memory": "Peak memory of `convert`",
    "growth": "Cost of a MB, by the size of the trace",
    "send": "Spans into a socket, beside the Go SDK's OTLP exporter",
}


def memory_table(rows):
    return table(["trace", "size", "largest generation", "peak", "promise", "peak / largest generation"],
                 ((mode, f"{mb} MB", f"{largest / MB:.1f} MB", f"{got / MB:.1f} MB",
                   f"{bound / MB:.1f} MB" + ("" if got <= bound else " (missed)"),
                   f"{got / largest:.2f}") for mode, mb, largest, got, bound in rows))


def growth_table(rows, sizes):
    return table(["", "trace", *(f"{s} MB" for s in sizes), f"{sizes[-1]} against {sizes[1]} MB"],
                 ((what, mode, *(f"{1000 * v:.2f} ms" for v in per_mb),
                   f"{per_mb[-1] / per_mb[1]:.2f}") for what, mode, per_mb in rows))


def send_table(rows):
    return table(["", "trace", "spans a second", "ratio", "CPU a span", "ratio"],
                 ((way.name, mode, f"{way.rate():.0f}", f"**{rate:.1f}**", f"{way.cpu():.2f} us",
                   f"**{cpu:.1f}**") for way, mode, rate, cpu in rows))


def body(part, rows, size, rounds):
    if part == "send":
        return f"Traces of {size} MB, {rounds} rounds, medians.\n\n" + send_table(rows)
    if part == "memory":
        return memory_table(rows)
    if part == "growth":
        return growth_table(rows, size)
    return (f"Traces of {size} MB, {rounds} rounds, user CPU.\n\n"
            + table(RATIO_HEAD, ratio_rows(rows)))


def replace(path, name, target, text):
    """Put `text` between the marks of that name."""
    begin, end = BEGIN.format(name, target), END.format(name)
    with open(path, encoding="utf-8") as f:
        page = f.read()
    head, found, rest = page.partition(begin)
    tail = rest.partition(end)
    if not found or not tail[1]:
        raise SystemExit(f"{path}: expected the marks {begin} and {end}")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{head}{begin}\n\n{text}\n{end}{tail[2]}")


def write(path, results, size, rounds):
    """Each part has marks of its own, so that one can be measured anew."""
    for part, rows in results.items():
        if part in TITLES:
            replace(path, part, "bench", f"### {TITLES[part]}\n\n{machine()}\n"
                    + body(part, rows, size[part], rounds))
