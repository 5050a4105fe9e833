#!/usr/bin/env python3
"""examples.py PROGRAM ASM: the Go code of docs/instrumentation.md is compiled, vetted and run through flightspan.

The files come from the page; modules are those of deploy/example, whose own page is typed here too. Needs Go 1.25,
and its module proxy the first time.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "run"))
sys.dont_write_bytecode = True

from blocks import blocks, commands, kind  # noqa: E402
from harness import PATIENCE, TOP, WORK, Receiver, Sidecar, Tests, alive, free_port, need, wait_for  # noqa: E402

PROGRAM = os.path.realpath(sys.argv[1])
VARIANTS = {"annotate", "folder", "pull", "push", "stream", "otel"}
tests = Tests("check-examples")


def no_go():
    """Why there is nothing to test here, or None; where CI runs, Go has to be there."""
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True).stdout if shutil.which("go") else ""
    if re.match(r"go1\.(2[5-9]|[3-9]\d)", version):
        return None
    need(os.environ.get("CI") != "true", "Go 1.25 or newer is missing")
    return "SKIP check-examples: install Go 1.25 or newer"


def module():
    """A module with each file of the page as a package of its own."""
    where = WORK / "module"
    where.mkdir()
    page = (TOP / "docs/instrumentation.md").read_text()
    code = dict(re.findall(r"<!-- code (\w+) -->\n```go\n(.*?)```", page, re.S))
    need(set(code) == VARIANTS, f"the page has {sorted(code)}")
    need(page.count("```go") == len(code), "a block of Go without a mark")
    for name, text in code.items():
        (where / name).mkdir()
        (where / name / (name + ".go")).write_text(text)
    for name in ("go.mod", "go.sum"):
        shutil.copy(TOP / "deploy/example" / name, where)
    shutil.copytree(TOP / "deploy/example/otelflight", where / "otelflight")
    shutil.copy(TOP / "tests/docs/instrument/instrument_test.go", where)
    return where


@tests
def five_variants():
    """Each variant's trace becomes spans; what is pushed is queued and delivered, with its reason."""
    if no_go():
        return no_go()
    where, receiver, port = module(), Receiver(), free_port()
    s = Sidecar(PROGRAM, "pushed", receiver, f'- {{ name: box, push: {{ listen: "127.0.0.1:{port}" }} }}').start()
    env = dict(os.environ, FLIGHTSPAN=PROGRAM, PUSH_URL=f"http://127.0.0.1:{port}", GOFLAGS="-mod=readonly", GOWORK="off")
    done = subprocess.run(
        ["go", "test", "-count=1", "-vet=all", "-timeout=120s", "-v", "."],
        cwd=where, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    need(done.returncode == 0, (done.stdout + done.stderr)[-1500:])
    vet = subprocess.run(["go", "vet", "./..."], cwd=where, env=env, capture_output=True, text=True, timeout=200)
    need(vet.returncode == 0, vet.stderr[-800:])
    gofmt = subprocess.run(["gofmt", "-l", *sorted(VARIANTS)], cwd=where, capture_output=True, text=True, timeout=60)
    need(not gofmt.stdout and gofmt.returncode == 0, f"gofmt: {gofmt.stdout}{gofmt.stderr}")
    wait_for(lambda: any(b"slow: GET /tea" in body for body in receiver.raw), "the pushed capture's reason")
    need(s.stop() == 0, "exit status")
    return f"{done.stdout.count('--- PASS')} passed in Go"


class Typed:
    """A command with its output in a file, ended as by ^C: with all that it has started."""

    def __init__(self, command, where, env):
        self.log = where / "typed.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", command], cwd=where, env=env, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        alive(self.process)

    def wait_for(self, words):
        def said():
            text = self.log.read_text()
            need(words in text or self.process.poll() is None, f"it ended: {text[-400:]}")
            return words in text

        wait_for(said, f"{words!r} of the command")

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


@tests
def example_page():
    """What deploy/example/README.md tells to type, in its order, on a free port: the story that it promises."""
    if no_go():
        return no_go()
    where, port, n = WORK / "example", free_port(), 0
    shutil.copytree(TOP / "deploy/example", where, ignore=shutil.ignore_patterns("snapshots"))
    (where / "bin").mkdir()
    os.symlink(PROGRAM, where / "bin/flightspan")
    env = dict(os.environ, PATH=f"{where}/bin:{os.environ['PATH']}", GOFLAGS="-buildvcs=false", GOWORK="off", BROWSER="true")
    page, service = (where / "README.md").read_text(), None
    try:
        for _, language, text in blocks(page):
            for command in commands(text) if kind(language, text) == "commands" else ():
                n += 1
                if command.startswith("go run"):
                    service = Typed(f"{command} -listen 127.0.0.1:{port}", where, env)
                    service.wait_for("serving on")
                    continue
                if command.startswith("curl"):
                    command = command.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("curl", "curl -fsS", 1)
                elif service:  # it has written what is read now
                    service.wait_for("wrote ")
                    service.stop()
                    service = None
                if command.startswith("go tool trace"):
                    viewer = Typed(command, where, env)
                    viewer.wait_for("listening on")
                    viewer.stop()
                    continue
                done = subprocess.run(["bash", "-c", command], cwd=where, env=env, capture_output=True, text=True, timeout=PATIENCE)
                need(done.returncode == 0, f"{command}: {done.stderr[-300:]}")
                if command.startswith("flightspan"):
                    for name in ("POST /orders", "lock stock", "authorize card"):
                        need(f'"name":"{name}"' in done.stdout, f"no span {name!r}")
    finally:
        if service:
            service.stop()
    need(n >= 5 and "`./record.sh`" in page, f"{n} commands: no test")
    (where / "demo.trace.zst").unlink()
    done = subprocess.run(["./record.sh"], cwd=where, env=env, capture_output=True, text=True, timeout=400)
    need(done.returncode == 0 and (where / "demo.trace.zst").exists(), f"./record.sh: {done.stderr[-300:]}")
    return f"{n + 1} typed"


tests.run()
