"""What the benchmarks share: quantiles, the machine, and turns of several at once."""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def say(text):
    print(text, file=sys.stderr, flush=True)


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def spread(values, name, unit="ms", digits=2):
    quantiles = (0.5, 0.95, 0.99) if len(values) >= 500 else (0.5, 0.95)  # Fewer have no p99 to speak of.
    return {f"{name}_p{int(q * 100)}_{unit}": round(quantile(values, q), digits) for q in quantiles}


def ratio_p50(pair):
    return round(quantile(pair[0], 0.5) / quantile(pair[1], 0.5), 3)


def ms_since(began):
    return (time.monotonic() - began) * 1000


def all_at_once(work, things):
    """work(thing) for each, all at the same time; the first failure is raised."""
    with ThreadPoolExecutor(len(things)) as pool:
        return list(pool.map(work, things))


def fdatasync_p50_us(folder):
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(100):
            file.write(b"x" * 512)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1e6)
    return round(quantile(times, 0.5))


def machine(fleet):
    host = fleet.api().ok("GET", "/v1/hosts/h1")["host"]
    settings = {row[0]: row[1] for row in fleet.postgres.sql(
        "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')")}
    assert settings == {"fsync": "on", "synchronous_commit": "on"}, settings
    return {"cpus": host["cores"], "memory_mb": host["memory_mb"], "accel": host["accel"],
            "kernel": host["kernel"], "qemu": host["qemu_version"], "fdatasync_p50_us": fdatasync_p50_us(fleet.base),
            "load_1min": round(os.getloadavg()[0], 2), "build": fleet.build.name}


def in_mb(pid, name):
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))
    return round(int(line.split()[1]) / 1024, 1)


def resident_mb(pid):
    return in_mb(pid, "VmRSS")


class Memory:
    """The most that a process has held since this was made, MiB."""

    def __init__(self, pid):
        self.pid = pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): its peak is what it has now.
        self.before = self.most()

    def most(self):
        return in_mb(self.pid, "VmHWM")
