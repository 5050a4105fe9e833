"""What `run` keeps of its rights: nothing outside of the folders of its configuration."""
import os
import signal
import subprocess
import sys

from harness import PATIENCE, TOP, WORK, Receiver, Sidecar, Tests, clocked_traces, expected, need, same, wait_for

PROGRAM = sys.argv[1]
tests = Tests("check-run restrict")
SKIP = "SKIP check-run restrict: this kernel has no Landlock"


def with_landlock(s):
    """Started; False where the kernel has no Landlock."""
    s.start()
    if "no Landlock" in s.logged():
        s.stop()
        return False
    return True


def file_exporter(s, path):
    """Its exporter writes a file instead."""
    text = s.config.read_text()
    begin, end = text.index("exporters:"), text.index("queue:")
    s.config.write_text(f"{text[:begin]}exporters: [ {{ name: out, file: {{ path: {path} }} }} ]\n{text[end:]}")


@tests
def nothing_outside():
    """A link that leads out of a folder is not followed, whoever put it there; nor is anything executed."""
    for restricted in (True, False):
        s = Sidecar(PROGRAM, f"outside-{restricted}", Receiver())
        out, target = s.dir / "out", WORK / f"elsewhere-{restricted}"
        out.mkdir()
        file_exporter(s, out / "spans.jsonl")
        if not restricted:
            s.config.write_text(s.config.read_text() + "restrict: false\n")
        if not with_landlock(s):
            return SKIP
        status = open(f"/proc/{s.process.pid}/status").read()
        need(("NoNewPrivs:\t1" in status) == restricted, f"restrict {restricted}: {status}")
        need(("restricted to the folders of" in s.logged()) == restricted, s.logged())
        os.symlink(target, out / "spans.jsonl")
        s.put(clocked_traces()[0])
        if restricted:
            s.wait_log("Permission denied")
            need(not target.exists(), "it wrote outside")
            # Nothing is lost: what waits goes where it may, once it can.
            (out / "spans.jsonl").unlink()
            wait_for(lambda: (out / "spans.jsonl").exists() and not s.files(), "the spans")
        else:
            wait_for(lambda: target.exists() and not s.files(), "the spans elsewhere")
        need(s.stop() == 0, "exit status")
    return None


@tests
def large_commits():
    """What SQLite cannot keep in memory, for a capture of many spans beside a backlog, lies beside the queue."""
    r, away = Receiver(), Receiver()
    away.down = True
    s = Sidecar(PROGRAM, "large", r)
    one = f'{{ name: sink, otlp: {{ endpoint: "{r.url}" }} }}'
    text = s.config.read_text()
    need(one in text, "the exporter")
    s.config.write_text(text.replace(one, f'{one}, {{ name: away, otlp: {{ endpoint: "{away.url}" }} }}'))
    if not with_landlock(s):
        return SKIP
    traces = [*clocked_traces(), TOP / "deploy/example/demo.trace.zst"]
    for path in traces:
        s.put(path)
        wait_for(lambda: not s.files(), lambda: s.logged()[-500:])
    same(r, expected(PROGRAM, traces), "a large capture")
    need(s.stop() == 0 and "tried again" not in s.logged(), s.logged()[-500:])
    return None


@tests
def links_of_the_configuration():
    """A file that the configuration names may be a link to somewhere else: of both ends it may use the folder."""
    s = Sidecar(PROGRAM, "links", Receiver())
    away = WORK / "links-away"
    away.mkdir()
    s.config.rename(away / "real.yaml")
    s.config.symlink_to(away / "real.yaml")
    (s.dir / "queue.db").symlink_to(away / "queue.db")
    (away / "queue.db").touch()
    if not with_landlock(s):
        return SKIP
    s.put(clocked_traces()[0])
    same(s.receiver, expected(PROGRAM, clocked_traces()[:1]), "the spans")
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("read again")
    need(s.stop() == 0, "exit status")
    return None


@tests
def reload_that_needs_more():
    """A reload with a folder elsewhere is refused with the reason; what is below a known one is fine."""
    r = Receiver()
    s = Sidecar(PROGRAM, "more", r)
    inside, elsewhere = s.dir / "second", WORK / "more-elsewhere"
    inside.mkdir()
    elsewhere.mkdir()
    if not with_landlock(s):
        return SKIP
    old = s.config.read_text()
    s.config.write_text(old.replace(str(s.inbox), str(elsewhere)))
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("going on with the settings as they were")
    need(f"{elsewhere} is not in the folders" in s.logged() and "restart it" in s.logged(), s.logged())
    s.put(clocked_traces()[0])
    same(r, expected(PROGRAM, clocked_traces()[:1]), "the old folder")
    s.config.write_text(old.replace(str(s.inbox), str(inside)))
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("read again")
    (inside / "a.trace.zst").write_bytes(clocked_traces()[0].read_bytes())
    need(s.stop() == 0, "exit status")
    return None


@tests
def system_files():
    """Names are resolved and certificates read as ever: a TLS exporter by name fails for the right reason."""
    s = Sidecar(PROGRAM, "system", Receiver())
    s.config.write_text(s.config.read_text().replace("http://127.0.0.1", "https://localhost"))
    if not with_landlock(s):
        return SKIP
    s.put(clocked_traces()[0])
    wait_for(lambda: "cannot send" in s.logged(), "an attempt")
    need("resolve" not in s.logged() and "CA file" not in s.logged() and "CAfile" not in s.logged(), s.logged())
    s.stop()
    done = subprocess.run(
        [PROGRAM, "queue", "list", "-c", str(s.config)], capture_output=True, text=True, timeout=PATIENCE
    )
    need(" 0 dead-lettered" in done.stdout + done.stderr, done.stdout)
    return None


tests.run()
