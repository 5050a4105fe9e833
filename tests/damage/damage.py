#!/usr/bin/env python3
"""damage.py PROGRAM TRACE WORK: the program on damaged copies of a trace, in little memory.

Seeded: cut, bytes changed, pieces doubled or taken out; plain, zstd and gzip, from a file and a
pipe. Each run has an address space of LIMIT_KB and a time limit, and has to end with 0 or 1 and a
message, never by a signal. With VALGRIND=1, fewer, under valgrind: no error, no leak.
"""
import gzip
import os
import random
import resource
import subprocess
import sys

LIMIT_KB = 256 << 10
COMMANDS = (
    ["dump"],
    ["dump", "--salvage"],
    ["dump", "--wire"],
    ["stats"],
    ["stats", "--json"],
    ["convert", "-q"],
)
UNDER = "valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite".split()


def damage(rng, trace):
    """A copy that is wrong somewhere."""
    kind = rng.randrange(4)
    at = rng.randrange(16, len(trace))
    to = min(len(trace), at + 1 + rng.randrange(1 + len(trace) // 4))
    if kind == 0:
        return trace[:at]
    if kind == 1:
        return trace[:at] + trace[to:]
    if kind == 2:
        return trace[:to] + trace[at:]
    bad = bytearray(trace)
    for _ in range(1 + rng.randrange(8)):
        bad[rng.randrange(16, len(bad))] = rng.randrange(256)
    return bytes(bad)


def pack(rng, data):
    """As it is, or compressed, or compressed and damaged again."""
    kind = rng.randrange(5)
    if kind < 2:
        return data
    if kind == 2:
        return gzip.compress(data, 1, mtime=0)
    packed = subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True)
    return packed.stdout if kind == 3 else damage(rng, packed.stdout)


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_KB << 10, LIMIT_KB << 10))


def main():
    program, source, work = sys.argv[1:4]
    valgrind = os.environ.get("VALGRIND") == "1"
    rng = random.Random(20261125)
    trace = subprocess.run(["zstd", "-dqc", source], stdout=subprocess.PIPE, check=True).stdout
    path = os.path.join(work, "damaged")
    passed = failed = 0
    for _ in range(int(os.environ.get("ROUNDS", 6 if valgrind else 60))):
        data = pack(rng, damage(rng, trace))
        with open(path, "wb") as out:
            out.write(data)
        for command in COMMANDS:
            pipe = rng.random() < 0.3
            args = (UNDER if valgrind else []) + [program] + command + ["-" if pipe else path]
            run = subprocess.run(args, input=data if pipe else None, timeout=300, check=False,
                                 stdin=None if pipe else subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 preexec_fn=None if valgrind else limit)
            said = run.stderr.decode("utf-8", "replace")
            if run.returncode in (0, 1) and (run.returncode == 0 or "flightspan: error:" in said) \
                    and "out of memory" not in said:
                passed += 1
                continue
            failed += 1
            keep = os.path.join(os.environ.get("KEEP", work), f"damage-{passed + failed}")
            with open(keep, "wb") as out:
                out.write(data)
            print(f"FAIL {' '.join(command)}: status {run.returncode}, input {keep}\n{said[-2000:]}")
    name = "valgrind" if valgrind else f"{LIMIT_KB >> 10} MiB of address space"
    print(f"check-damage, {os.path.basename(source)}, {name}: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
