#!/usr/bin/env python3
"""examples.py PROGRAM ASM: the Go code of docs/instrumentation.md is compiled, vetted and run through flightspan.

The files come from the page; modules are those of deploy/example. Needs Go 1.25, and its module proxy the first time.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "run"))
sys.dont_write_bytecode = True

from harness import TOP, WORK, Receiver, Sidecar, Tests, free_port, need, wait_for  # noqa: E402

PROGRAM = os.path.realpath(sys.argv[1])
VARIANTS = {"annotate", "folder", "pull", "push", "stream", "otel"}
tests = Tests("check-examples")


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
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True).stdout if shutil.which("go") else ""
    if not re.match(r"go1\.(2[5-9]|[3-9]\d)", version):
        need(os.environ.get("CI") != "true", "Go 1.25 or newer is missing")
        return "SKIP check-examples: install Go 1.25 or newer"
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


tests.run()
