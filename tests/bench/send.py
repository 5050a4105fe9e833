"""Spans into a socket beside OpenTelemetry's Go exporter: the part `send` of bench.py."""

import os
import shutil
import statistics
import subprocess
import tempfile


class Way:
    """One way to send, and what its runs cost."""

    def __init__(self, name, command):
        self.name, self.command = name, command
        self.rates, self.cpu_us = [], []

    def run(self):
        text = subprocess.run(self.command(), check=True, text=True, stdout=subprocess.PIPE,
                              timeout=300).stdout
        spans, seconds, cpu = map(float, text.split())
        self.rates.append(spans / seconds)
        self.cpu_us.append(1e6 * cpu / spans)

    def rate(self):
        return statistics.median(self.rates)

    def cpu(self):
        return statistics.median(self.cpu_us)


class Sink:
    """A receiver on the loopback that unpacks nothing."""

    def __init__(self, export):
        self.process = subprocess.Popen([export, "sink"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.communicate(timeout=60)


def measure(build, export, trace, rounds):
    """The ways in turn; the first is the reference: the SDK in its best form."""
    with tempfile.TemporaryDirectory() as folder, Sink(export) as sink:
        spans = f"{folder}/spans.pb"
        subprocess.run([f"{build}/flightspan", "convert", "-q", "--format", "otlp-proto", "-o",
                        spans, trace], check=True, timeout=600)

        def queue():
            shutil.rmtree(f"{folder}/queue", ignore_errors=True)
            os.mkdir(f"{folder}/queue")
            return [f"{build}/bench/bench_send", spans, sink.port, f"{folder}/queue/queue.db"]

        ways = [
            Way("Go SDK, batches of 8192", lambda: [export, "sdk", spans, sink.port, "8192"]),
            Way("Go SDK, batches of 512", lambda: [export, "sdk", spans, sink.port, "512"]),
            Way("flightspan, queue on disk", queue),
            Way("flightspan, no queue", lambda: [f"{build}/bench/bench_send", spans, sink.port]),
        ]
        for i in range(rounds):
            for way in ways if i % 2 else ways[::-1]:
                way.run()
        return ways
