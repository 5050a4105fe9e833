#!/usr/bin/env python3
"""check.py PROGRAM ASM: the documentation says what is so.

Every command of a page (Markdown or man) is typed, in the page's order, in a folder with a snapshot and a configuration, or
stands in elsewhere.txt; every configuration shown passes `config check`; every relative link leads somewhere;
docs/operations.md has each metric of /metrics, and no others, and quotes messages that the program has.
"""
import functools
import http.client
import http.server
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "run"))
sys.dont_write_bytecode = True

from blocks import anchors, blocks, commands, kind, links, man_blocks  # noqa: E402
from harness import PATIENCE, TOP, WORK, Failure, Receiver, Sidecar, Tests, free_port, need  # noqa: E402

PROGRAM = os.path.realpath(sys.argv[1])
tests = Tests("check-docs")


def tracked(pattern):
    out = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard", "--", pattern], cwd=TOP, check=True, capture_output=True)
    return [TOP / name for name in dict.fromkeys(out.stdout.decode().split("\0")) if name and (TOP / name).exists()]


def pages():
    return [p for p in tracked("*.md") if "tests" not in p.relative_to(TOP).parts[:1]]


def man_pages():
    return [p for p in tracked("docs/*.[1-9]")]


def all_blocks():
    """(page, its blocks) of each Markdown page and each man page."""
    for page in pages():
        yield page, list(blocks(page.read_text()))
    for page in man_pages():
        yield page, list(man_blocks(page.read_text()))


def elsewhere():
    rows, makefile = {}, (TOP / "Makefile").read_text()
    for line in (pathlib.Path(__file__).parent / "elsewhere.txt").read_text().split("\n"):
        if line and not line.startswith("#"):
            command, why, where = (part.strip() for part in line.split(" | "))
            need(why and where, f"elsewhere.txt: {command}: no reason, or nothing that runs it")
            for target in re.findall(r"check-[a-z0-9-]+", where):
                need(re.search(rf"^(?:[a-z0-9-]+ )*{target}[ :]", makefile, re.M), f"elsewhere.txt: {command}: no target {target}")
            rows[command] = why
    return rows


@functools.cache
def traced_program():
    """The port of something that answers as net/http/pprof does: /debug/pprof/trace is a trace."""
    trace = subprocess.run(["zstd", "-dcq", str(TOP / "deploy/example/demo.trace.zst")], check=True, capture_output=True).stdout

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            there = self.path.startswith("/debug/pprof/trace")
            self.send_response(200 if there else 404)
            self.send_header("Content-Length", str(len(trace) if there else 0))
            self.end_headers()
            self.wfile.write(trace if there else b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class Desk:
    """Where one page's commands are typed: files of the names that pages use, ports that are free."""

    def __init__(self, name):
        self.dir = WORK / ("desk-" + name)
        self.receiver = Receiver()
        self.ports = {"4318": self.receiver.port, "4317": self.receiver.port}
        self.ports["6060"] = traced_program()
        for port in ("9464", "4320"):
            self.ports[port] = free_port()
        (self.dir / "bin").mkdir(parents=True)
        os.symlink(PROGRAM, self.dir / "bin/flightspan")
        for folder in ("snapshots", "queue", "out"):
            (self.dir / folder).mkdir()
        demo = TOP / "deploy/example/demo.trace.zst"
        shutil.copy2(demo, self.dir / "snapshot.trace")
        (self.dir / "deploy/example").mkdir(parents=True)
        shutil.copy2(demo, self.dir / "deploy/example")
        shutil.copytree(TOP / "deploy/kubernetes", self.dir / "deploy/kubernetes")
        (self.dir / "flightspan.yaml").write_text(self.local(DEFAULT))
        self.env = dict(os.environ, PATH=f"{self.dir}/bin:{os.environ['PATH']}", HOME=str(self.dir))
        self.running = None
        self.log = self.dir / "run.log"

    def local(self, text):
        """The same text with this desk's folders and ports, so that tests beside this one do no harm."""
        for old, new in self.ports.items():
            text = re.sub(rf"(localhost|127\.0\.0\.1|tempo|collector|jaeger):{old}\b", rf"127.0.0.1:{new}", text)
        for old, new in (("/var/run/flightspan", "snapshots"), ("/var/lib/flightspan", "queue"), ("/var/log/flightspan", "out")):
            text = text.replace(old, str(self.dir / new))
        return text

    def type(self, command):
        """Type it; what is wrong with the outcome, or None."""
        command = self.local(command)
        first, then, last = command.rpartition(" && ")
        if then and last.startswith("flightspan run"):
            return self.type(first) or self.type(last)
        if command.startswith("export "):
            name, value = command[7:].split("=", 1)
            self.env[name] = value
            return None
        if command.startswith("flightspan run"):
            return self.start(command)
        try:
            done = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", command],
                cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"not done after {PATIENCE:g} s"
        return None if done.returncode == 0 else f"exit status {done.returncode}: {(done.stderr or done.stdout)[-300:]}"

    def start(self, command):
        self.finish()
        with open(self.log, "w") as log:
            self.running = subprocess.Popen(
                ["bash", "-c", "exec " + command.rstrip("& ")], cwd=self.dir, env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.env["RUN_PID"] = str(self.running.pid)
        self.env["PID"] = str(self.running.pid)
        end = time.monotonic() + PATIENCE
        while "started with" not in self.log.read_text():
            if self.running.poll() is not None or time.monotonic() > end:
                return "it did not start: " + self.log.read_text()[-300:]
            time.sleep(0.01)
        return None

    def finish(self):
        if self.running and self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
            try:
                self.running.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.running.kill()
                self.running.wait()
        self.running = None


DEFAULT = """service: { name: orders }
sources:
  - { name: snapshots, directory: { path: /var/run/flightspan } }
  - { name: inbox, push: { listen: "127.0.0.1:4320" } }
triggers:
  - { name: by-hand, signal: USR1 }
exporters:
  - { name: collector, otlp: { endpoint: "http://127.0.0.1:4318" } }
queue: { path: /var/lib/flightspan/queue.db, min_free: 0 }
admin: { listen: "127.0.0.1:9464" }
"""


@tests
def links_lead_somewhere():
    """Each relative link of each page is a file of the repository, and its anchor a heading there."""
    n, wrong = 0, []
    for page in pages():
        for number, target in links(page.read_text()):
            if re.match(r"[a-z]+:", target):
                continue
            n += 1
            name, _, anchor = target.partition("#")
            there = (page.parent / name).resolve() if name else page
            if not there.exists():
                wrong.append(f"{page.relative_to(TOP)}:{number}: {target}: no such file")
            elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text()):
                wrong.append(f"{page.relative_to(TOP)}:{number}: {target}: no such heading")
    need(n > 20, f"only {n} links were found: no test")
    need(not wrong, "; ".join(wrong))
    return f"{n} links"


@tests
def commands_work():
    """Each command of each page, typed in the page's order."""
    skip, seen, wrong, n = elsewhere(), set(), [], 0
    need(len(man_pages()) > 0, "no man page was found: no test")
    for page, found in all_blocks():
        if page.name == "CHANGELOG.md" or "decisions" in page.parts:
            continue
        desk = Desk(str(page.relative_to(TOP)).replace("/", "-"))
        try:
            for number, language, text in found:
                if kind(language, text) != "commands":
                    need(not page.suffix[1:].isdigit() or kind(language, text) == "yaml", f"{page.name}:{number}: what is this?")
                    continue
                desk.finish()  # a process that a block starts ends with it
                for command in commands(text):
                    if command in skip:
                        seen.add(command)
                        continue
                    n += 1
                    fault = desk.type(command)
                    if fault:
                        wrong.append(f"{page.relative_to(TOP)}:{number}: {command}: {fault.strip()}")
        finally:
            desk.finish()
    wrong += [f"elsewhere.txt: {c}: no page says so" for c in sorted(set(skip) - seen)]
    need(n > 10, f"only {n} commands were found: no test")
    need(not wrong, "\n      ".join(wrong))
    return f"{n} typed, {len(seen)} run elsewhere"


@tests
def configurations_are_valid():
    """Each configuration that a page shows passes `config check`."""
    n = 0
    for page, found in all_blocks():
        for number, language, text in found:
            if kind(language, text) != "yaml":
                continue
            path = WORK / "shown.yaml"
            if "exporters:" not in text:
                text += '\nexporters: [ { name: sink, otlp: { endpoint: "http://127.0.0.1:4318" } } ]'
            path.write_text(text + "\n")
            done = subprocess.run([PROGRAM, "config", "check", str(path)], capture_output=True, text=True, timeout=PATIENCE)
            need(done.returncode == 0, f"{page.relative_to(TOP)}:{number}: {done.stderr}")
            n += 1
    need(n >= 2, f"only {n} configurations were found")
    return f"{n} configurations"


@tests
def targets_exist():
    """Each `make TARGET` and `flightspan COMMAND` in the text is one."""
    makefile = (TOP / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z0-9 -]*):(?!=)", makefile, re.M))
    targets = {t for group in targets for t in group.split()}
    known = set(re.findall(r"^  ([a-z]+) ", subprocess.run([PROGRAM, "help"], capture_output=True, text=True).stdout, re.M))
    wrong = []
    for page in pages():
        text = page.read_text()
        for target in re.findall(r"`make (?:[A-Z_]+=\S+ )*([a-z][a-z0-9-]*)`", text):
            if target not in targets:
                wrong.append(f"{page.relative_to(TOP)}: make {target}")
        for command in re.findall(r"`flightspan ([a-z]+)\b", text):
            if command not in known:
                wrong.append(f"{page.relative_to(TOP)}: flightspan {command}")
    need(len(known) > 5 and len(targets) > 20, "nothing is known: no test")
    need(not wrong, "; ".join(wrong))


@tests
def text_says_what_is_typed():
    """A command of flightspan within a sentence has options that exist, and a block somewhere types the same command."""
    lines = [c for _, found in all_blocks() for _, language, text in found if kind(language, text) == "commands" for c in commands(text)]
    typed = {words for line in lines for words in re.findall(r"\bflightspan ([a-z]+(?: [a-z]+\b)?)", line)}
    typed |= {words.split()[0] for words in typed}
    wrong, n = [], 0
    for page in pages():
        if page.name == "CHANGELOG.md" or "decisions" in page.parts:
            continue
        for code in re.findall(r"`flightspan ([a-z][^`]*)`|`((?:convert|queue|config|health|stats|dump) [^`]*)`", page.read_text()):
            words = (code[0] or code[1]).split()
            action = words[:2] if words[0] in ("queue", "config") else words[:1]
            told = subprocess.run([PROGRAM, "help", words[0]], capture_output=True, text=True).stdout
            for word in words[1:]:
                if word.startswith("-") and not re.search(rf"(^|\s|\[){re.escape(word.split('=')[0])}\b", told):
                    wrong.append(f"{page.relative_to(TOP)}: {' '.join(words)}: no option {word}")
            if " ".join(action) not in typed:
                wrong.append(f"{page.relative_to(TOP)}: {' '.join(words)}: no block types {' '.join(action)}")
            n += 1
    need(n > 15, f"only {n} were found: no test")
    need(not wrong, "\n      ".join(wrong))
    return f"{n} in sentences"


@tests
def picture_is_real():
    """docs/trace.svg is what the program makes of the demo snapshot."""
    done = subprocess.run(
        [sys.executable, str(TOP / "tests/docs/picture.py"), "check", PROGRAM], capture_output=True, text=True, timeout=PATIENCE
    )
    need(done.returncode == 0, done.stderr.strip())


@tests
def evidence_exists():
    """Each file of the repository that docs/security.md names is there, and each test function it names too."""
    text = (TOP / "docs/security.md").read_text()
    n, wrong = 0, []
    for name, function in re.findall(r"`((?:tests|deploy|docs|base|cli)/[\w./-]+)(?: ([a-z_0-9]+))?`", text):
        n += 1
        path = TOP / name
        if not path.exists():
            wrong.append(f"no {name}")
        elif function and not re.search(rf"\b{function}\b", path.read_text()):
            wrong.append(f"{name} has no {function}")
    need(n > 8, f"only {n} names were found: no test")
    need(not wrong, "; ".join(wrong))
    return f"{n} names"


@tests
def metrics_are_those_of_a_process():
    """The table of docs/operations.md has each metric that a process with all sources tells, and no others."""
    receiver = Receiver()
    s = Sidecar(PROGRAM, "metrics", receiver)
    port, push = free_port(), free_port()
    s.configure(
        s.directory() + f'\n- {{ name: box, push: {{ listen: "127.0.0.1:{push}" }} }}'
        + f'\n- {{ name: live, stream: {{ url: "http://127.0.0.1:{free_port()}/trace" }} }}',
        f'admin: {{ listen: "127.0.0.1:{port}" }}\ntriggers: [ {{ name: by-hand, signal: USR1 }} ]\n'
        "mapping: { metrics: true }",
    )  # fmt: skip
    s.start()
    try:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        c.request("GET", "/metrics")
        told = set(re.findall(r"^# TYPE (\S+)", c.getresponse().read().decode(), re.M))
    finally:
        s.stop()
    said = set(re.findall(r"^\| `([a-z_]+)`", (TOP / "docs/operations.md").read_text(), re.M))
    need(len(told) > 20, f"{len(told)} metrics: no test")
    need(not told - said, f"docs/operations.md lacks {sorted(told - said)}")
    need(not said - told, f"the program has no {sorted(said - told)}")
    return f"{len(told)} metrics"


@tests
def messages_are_those_of_the_program():
    """What the tables of operations and troubleshooting quote in "..." stands in the program's sources."""
    source = " ".join(p.read_text(errors="replace") for p in tracked("*.c") if "tests" not in p.relative_to(TOP).parts)
    source = re.sub(r'"\s*\n\s*"', "", source)
    n = 0
    for name in ("docs/operations.md", "docs/troubleshooting.md"):
        for quote in re.findall(r'`"([^"`]+)"`', (TOP / name).read_text()):
            for piece in re.split(r"\b(?:[A-Z]{2,}|N)\b", quote):
                piece = piece.strip(" :;,/")
                need(len(piece) < 4 or piece in source, f"{name}: the program never says {piece!r}")
            n += 1
    need(n > 10, f"only {n} quotes were found: no test")
    return f"{n} quotes"


if __name__ == "__main__":
    try:
        tests.run()
    except Failure as e:
        sys.exit(f"check-docs: {e}")
