#!/usr/bin/env python3
"""docs/mapping.md tells the truth: its examples and its table are made from the program.

    page.py check|update FLIGHTSPAN ASM KEYS

An example is tests/mapping/examples/NAME.txt, assembler text (tests/asm/asm.h) in which
    #| LINE     is the drawing on the page
    #= LINE     is configuration for this conversion
    #@ PATTERN  shows attributes whose name matches, without `flightspan.`, below their span;
                `capture` shows the capture's trace too, `parent` whose child a root is
    #: TITLE    begins the next trace: an overlapping capture, converted by the same command
and names.inc is inserted into every generation. NAME.json beside it is what `convert` has to
write, the golden file. The page has each example between `<!-- example NAME -->` and
`<!-- end -->`, and the program's attributes between `<!-- attributes -->` and `<!-- end -->`.
`check` says what differs, `update` writes it anew: read the difference before you commit it.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, 'examples')
PAGE = os.path.join(HERE, '..', '..', 'docs', 'mapping.md')
BLOCK = re.compile(r'(<!-- (?:example )?([a-z0-9-]+) -->\n)(.*?)(<!-- end -->)', re.S)


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


class Example:
    def __init__(self, name):
        self.name = name
        text = read(os.path.join(EXAMPLES, name + '.txt'))
        self.drawing, self.config, self.shown = (
            re.findall(rf'^#{mark} ?(.*)$', text, re.M) for mark in (r'\|', '=', '@'))
        names = read(os.path.join(EXAMPLES, 'names.inc'))
        parts = re.split(r'^#: .*\n', text, flags=re.M)
        self.traces = [re.sub(r'^Generation gen=(\d+)\n',
                              lambda m: m[0] + names.replace('@', m[1]), p, flags=re.M)
                       for p in parts]

    def convert(self, program, asm):
        """What the program writes of all traces, as one list of requests."""
        with tempfile.TemporaryDirectory() as work:
            config = os.path.join(work, 'config.yaml')
            with open(config, 'w', encoding='utf-8') as f:
                f.write('service: { name: shop }\n' + '\n'.join(self.config) + '\n')
            traces = []
            for i, text in enumerate(self.traces, 1):
                source = os.path.join(work, f'{i}.txt')
                number = f'-{i}' if len(self.traces) > 1 else ''
                trace = os.path.join(work, f'{self.name}{number}.trace')
                with open(source, 'w', encoding='utf-8') as f:
                    f.write(text)
                run([asm, source, trace])
                traces.append(trace)
            lines = run([program, 'convert', '-q', '-c', config] + traces).splitlines()
        return [json.loads(line) for line in lines]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        sys.exit(f'page: {" ".join(command)}: {done.stderr.strip()}')
    return done.stdout


def value(attribute):
    kind, v = next(iter(attribute['value'].items()))
    if kind == 'intValue' and attribute['key'].endswith('_ns'):
        return milliseconds(int(v)) + ' ms'
    return str(v).lower() if kind == 'boolValue' else str(v)


def milliseconds(ns):
    return f'{ns / 1e6:.3f}'.rstrip('0').rstrip('.')


def tree(requests, shown):
    """The spans of task traces, each below its parent, with the attributes asked for."""
    spans = {}
    for request in requests:
        for resource in request.get('resourceSpans', []):
            for scope in resource['scopeSpans']:
                for s in scope['spans']:
                    spans[s['traceId'], s['spanId']] = s
    zero = min(int(s['startTimeUnixNano']) for s in spans.values())
    lines = []

    def attributes(items, indent):
        for a in items:
            short = a['key'].removeprefix('flightspan.')
            if not any(re.search(p, a['key']) for p in shown):
                continue
            text = value(a)
            if '\n' in text:  # a stack
                text = ' < '.join(re.findall(r'^(\S.*)$', text, re.M))
            lines.append(f'{indent}    {short} = {text}')

    def put(span, depth):
        indent = '  ' * depth
        begin, end = (milliseconds(int(span[k]) - zero)
                      for k in ('startTimeUnixNano', 'endTimeUnixNano'))
        lines.append(f'{indent}{span["name"]}  {begin} .. {end} ms')
        if 'parent' in shown and not depth and span.get('parentSpanId'):
            lines.append(f'    child of span {span["parentSpanId"]}\n    in trace {span["traceId"]}')
        attributes(span.get('attributes', []), indent)
        for link in span.get('links', []):
            to = spans.get((link['traceId'], link['spanId']))
            lines.append(f'{indent}    link to {to["name"] if to else "a span that is not here"}')
        for e in span.get('events', []):
            at = milliseconds(int(e['timeUnixNano']) - zero)
            lines.append(f'{indent}  * {e["name"]}  at {at} ms')
            attributes(e.get('attributes', []), indent + '  ')
        for s in spans.values():
            if s['traceId'] == span['traceId'] and s.get('parentSpanId') == span['spanId']:
                put(s, depth + 1)

    for s in spans.values():
        top = not s.get('parentSpanId') or (s['traceId'], s['parentSpanId']) not in spans
        kind = {'key': 'flightspan.kind', 'value': {'stringValue': 'capture'}}
        if top and (kind not in s['attributes'] or 'capture' in shown):
            put(s, 0)
    return lines


def metrics(requests):
    """A line for each metric."""
    lines = []
    for request in requests:
        for resource in request.get('resourceMetrics', []):
            for scope in resource['scopeMetrics']:
                lines += [f'{m["name"]}  {point(m)}' for m in scope['metrics']]
    return lines


def point(metric):
    if 'exponentialHistogram' in metric:
        p = metric['exponentialHistogram']['dataPoints'][0]
        most = f', at most {p["max"]:.6g} {metric["unit"]}' if 'max' in p else ''
        return f'{p["count"]} times, {p["sum"]:.6g} {metric["unit"]}{most}'
    p = next(metric[k]['dataPoints'][0] for k in ('gauge', 'sum') if k in metric)
    return f'{p["asInt"]} {metric["unit"]}'


class Files:
    """Compares or writes, and counts."""

    def __init__(self, update):
        self.update, self.good, self.bad = update, 0, 0

    def want(self, path, text):
        have = read(path) if os.path.exists(path) else None
        if have == text:
            self.good += 1
            return
        if self.update:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
            print(f'page: wrote {os.path.relpath(path)}')
            return
        self.fault(f'{os.path.relpath(path)} is not what the program says; `make page` writes it')
        for n, (a, b) in enumerate(zip((have or '').splitlines(), text.splitlines()), 1):
            if a != b:
                print(f'  line {n}: {a!r}\n  instead of: {b!r}')
                break

    def fault(self, text):
        self.bad += 1
        print('FAIL page: ' + text)


def main():
    what, program, asm, keys = sys.argv[1:5]
    files = Files(what == 'update')
    names = sorted(f[:-4] for f in os.listdir(EXAMPLES) if f.endswith('.txt'))
    blocks = {'attributes': run([keys])}
    for name in names:
        example = Example(name)
        requests = example.convert(program, asm)
        files.want(os.path.join(EXAMPLES, name + '.json'),
                   json.dumps(requests, indent=1, ensure_ascii=False) + '\n')
        lines = example.drawing + [''] + tree(requests, example.shown) + metrics(requests)
        blocks[name] = '```text\n' + '\n'.join(line.rstrip() for line in lines).strip('\n') + '\n```\n'
    page, seen = read(PAGE), set()

    def fill(m):
        seen.add(m[2])
        if m[2] not in blocks:
            files.fault(f'docs/mapping.md shows {m[2]}, which is not in tests/mapping/examples')
        return m[1] + blocks.get(m[2], m[3]) + m[4]

    files.want(PAGE, BLOCK.sub(fill, page))
    for name in sorted(set(blocks) - seen):
        files.fault(f'docs/mapping.md does not show {name}')
    print(f'page: {files.good} passed, {files.bad} failed')
    return 1 if files.bad else 0


if __name__ == '__main__':
    sys.exit(main())
