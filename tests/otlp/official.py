"""Official packages from PyPI, in a venv under build/: those of OTLP, or others.

A check calls enter() first and imports the packages afterwards. Without them
the check says SKIP in one line, or fails when CI=true.
"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, "build", "venv")
PACKAGES = ["opentelemetry-proto", "googleapis-common-protos"]
NAME = os.path.basename(sys.argv[0])


def skip(why):
    if os.environ.get("CI") == "true":
        sys.exit(f"FAIL {NAME}: {why}, and CI must not skip this")
    print(f"SKIP {NAME}: {why}")
    sys.exit(0)


def install(python, packages):
    commands = [
        [sys.executable, "-m", "venv", VENV],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            skip("the official packages cannot be installed from PyPI")


def enter(packages=tuple(PACKAGES), name="otlp"):
    """Install once, and go on as the same program inside the venv."""
    python = os.path.join(VENV, "bin", "python")
    mark = os.path.join(VENV, name + "-ready")
    if sys.prefix == VENV:
        return
    if not os.path.exists(mark):
        install(python, packages)
        with open(mark, "w", encoding="ascii"):
            pass
    os.execv(python, [python, *sys.argv])
