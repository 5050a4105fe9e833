#!/usr/bin/env python3
"""picture.py check|update PROGRAM: docs/trace.svg, drawn from what convert makes of the demo snapshot.

Two requests on one axis of time: the one whose card was authorized slowly, and one that waited for its lock.
"""
import html
import json
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "docs/trace.svg"
COLOURS = {"task": "#3b6ea5", "region": "#7fb2a8", "wait": "#d9822b"}
LEFT, WIDTH, ROW, LEAST_NS = 250, 600, 22, 2_000_000


def spans(program):
    out = subprocess.run([program, "convert", "-q", str(TOP / "deploy/example/demo.trace.zst")], check=True, capture_output=True, timeout=60)
    for line in out.stdout.splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for s in scope["spans"]:
                    s["begin"], s["end"] = int(s["startTimeUnixNano"]), int(s["endTimeUnixNano"])
                    s["kind"] = next(a["value"]["stringValue"] for a in s["attributes"] if a["key"] == "flightspan.kind")
                    yield s


def rows(trace, parent="", depth=0):
    """The spans of a trace as a tree, in order of time; short ones and the wait for the next request left out."""
    for s in sorted((s for s in trace if s.get("parentSpanId", "") == parent), key=lambda s: s["begin"]):
        if s["end"] - s["begin"] >= LEAST_NS and s["name"] != "network read":
            yield depth, s
            yield from rows(trace, s["spanId"], depth + 1)


def draw(program):
    everything = list(spans(program))
    by_id = {s["spanId"]: s for s in everything}
    waits = [s for s in everything if s["kind"] == "wait" and s["name"] == "sync mutex" and s.get("links")]
    victim = max(waits, key=lambda s: s["end"] - s["begin"])
    culprit = by_id[victim["links"][0]["spanId"]]
    shown = [list(rows([s for s in everything if s["traceId"] == t])) for t in (culprit["traceId"], victim["traceId"])]
    begin = min(s["begin"] for part in shown for _, s in part)
    end = max(s["end"] for part in shown for _, s in part)
    svg, y, place = [], 34, {}

    def x(t):
        return LEFT + (t - begin) * WIDTH / (end - begin)

    for title, part in zip(("holds the lock while it waits for the card", "waits for that lock"), shown):
        svg.append(f'<text x="12" y="{y}" font-weight="bold">POST /orders {title}</text>')
        y += 8
        for depth, s in part:
            wide = max(x(s["end"]) - x(s["begin"]), 2)
            place[s["spanId"]] = (x(s["end"]), y + ROW / 2)
            svg.append(f'<text x="{12 + 14 * depth}" y="{y + 15}">{html.escape(s["name"])}</text>')
            svg.append(f'<rect x="{x(s["begin"]):.1f}" y="{y + 3}" width="{wide:.1f}" height="{ROW - 6}" rx="2" fill="{COLOURS[s["kind"]]}"/>')
            svg.append(f'<text x="{LEFT + WIDTH + 62}" y="{y + 15}">{(s["end"] - s["begin"]) / 1e6:.1f} ms</text>')
            y += ROW
        y += 28
    (x1, y1), (x2, y2) = place[victim["spanId"]], place[culprit["spanId"]]
    svg.append(f'<path d="M{x1:.1f} {y1:.1f} C{x1 + 60:.1f} {y1:.1f} {x2 + 60:.1f} {y2:.1f} {x2:.1f} {y2:.1f}" fill="none" stroke="#b03a2e" stroke-width="1.5" stroke-dasharray="4 3"/>')
    at = 12
    for kind, what in (("task", "task"), ("region", "region"), ("wait", "wait")):
        svg.append(f'<rect x="{at}" y="{y - 12}" width="14" height="12" rx="2" fill="{COLOURS[kind]}"/><text x="{at + 20}" y="{y - 2}">{what}</text>')
        at += 90
    svg.append(f'<text x="{at}" y="{y - 2}" fill="#b03a2e">- - link: who let the wait end</text>')
    size = f'width="{LEFT + WIDTH + 140}" height="{y + 12}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13" fill="#222">'
    return "\n".join([head, f'<rect {size} fill="#fff"/>', *svg, "</svg>", ""])


if __name__ == "__main__":
    new = draw(sys.argv[2])
    if sys.argv[1] == "update":
        PAGE.write_text(new)
    elif not PAGE.exists() or PAGE.read_text() != new:
        sys.exit("docs/trace.svg is not what the program makes; make picture draws it")
