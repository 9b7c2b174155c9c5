"""api: how many reads the HTTP API answers in a second, beside nginx that serves the same bytes from files."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

from fleet import HTTP_PORT, ROOT, Fleet, Process, wait_until
from kept_state import check_nothing_is_left, cpu_seconds
from measuring import all_at_once, machine, quantile, ratio_p50, resident_mb, say

SANDBOXES = 100
MEMORY_MB = 64  # Each is defined and never started: it only reserves this.
CONNECTIONS = 32
SECONDS = 2  # Of each load.
WRK = ("wrk", "--threads", "2", "--connections", str(CONNECTIONS), "--duration", f"{SECONDS}s", "--timeout", "30s", "--latency",
       "--script", ROOT / "bench/wrk_report.lua")
LOOK_EVERY_SECONDS = 0.1
NGINX_PORT = HTTP_PORT + 1
NGINX_CONF = """worker_processes auto;
daemon off;
pid nginx.pid;
events { worker_connections 1024; }
http {
    access_log access.log;
    default_type application/json;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    server { listen 127.0.0.1:%d; root www; }
}
""" % NGINX_PORT
SYSTEM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def check_tools():
    """Not installed by itself: nginx would begin to serve this machine's port 80."""
    if not all(shutil.which(tool, path=SYSTEM_PATH) for tool in ("wrk", "nginx")):
        raise SystemExit("bench/run api needs wrk and nginx: sudo tools/install-packages bench")


class Nginx:
    """Serves `one` and `list` from files, with its access log on, as ours is. Only in the fleet's network namespace."""

    def __init__(self, fleet):
        self.folder = fleet.base / "nginx"
        self.www = self.folder / "www"
        self.process = None

    def __enter__(self):
        self.www.mkdir(parents=True, mode=0o755)
        (self.folder / "nginx.conf").write_text(NGINX_CONF)
        self.argv = [shutil.which("nginx", path=SYSTEM_PATH), "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"]
        self.serve({"ready": b"{}"})
        self.process = Process("nginx", self.argv, self.folder / "nginx.log")
        try:
            wait_until("nginx", lambda: self.process.alive() and reached(NGINX_PORT), 10)
        except BaseException:
            self.process.kill(signal.SIGTERM)
            raise
        return self

    def __exit__(self, *_):
        self.process.kill(signal.SIGTERM)  # Its master ends its workers.

    def serve(self, bodies):
        for name, body in bodies.items():
            (self.www / name).write_bytes(body)


def reached(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Target:
    """One URL, on one keep-alive connection beside those of the load."""

    def __init__(self, port, path, token=""):
        self.port, self.path = port, path
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.socket = None

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def ask(self):
        """(bytes of head and body, body) of an answer that must be 200."""
        lines = [f"GET {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *(f"{k}: {v}" for k, v in self.headers.items())]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = []
        while not head or head[-1] != b"\r\n":
            head.append(self.file.readline())
            assert head[-1], f"{self.path}: the connection was closed"
        assert head[0].split()[1] == b"200", head
        length = next(int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:"))
        body = self.file.read(length)
        assert len(body) == length, f"{self.path}: {len(body)} bytes of {length}"
        return sum(map(len, head)) + length, body


class Looker(threading.Thread):
    """Asks now and then, while others ask all the time, and compares."""

    def __init__(self, target, wanted):
        super().__init__(daemon=True)
        self.target, self.wanted = target, wanted
        self.looks, self.error, self.over = 0, None, threading.Event()
        self.start()

    def run(self):
        try:
            while not self.over.wait(LOOK_EVERY_SECONDS):
                assert self.target.ask()[1] == self.wanted, f"another answer from {self.target.path} under load"
                self.looks += 1
        except Exception as error:  # Told by end().
            self.error = error

    def end(self):
        self.over.set()
        self.join(60)
        if self.error:
            raise self.error
        assert self.looks > 0, f"{self.target.path} was not answered once beside the load"


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def load(target, wanted):
    """wrk's own figures; every answer was 200 and as long as the one of before, and those looked at were the same."""
    target.connect()
    size, body = target.ask()
    assert body == wanted, f"{target.path} answers {body[:300]}, not {wanted[:300]}"
    looker = Looker(target, wanted)
    headers = [word for name, value in target.headers.items() for word in ("--header", f"{name}: {value}")]
    cpu = cpu_of_children()
    done = subprocess.run([*WRK, *headers, f"http://127.0.0.1:{target.port}{target.path}"], text=True, capture_output=True,
                          timeout=SECONDS + 60, check=False)
    cpu = cpu_of_children() - cpu
    looker.end()
    assert target.ask()[1] == wanted, f"{target.path}: another answer after the load"
    target.close()
    told = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    assert done.returncode == 0 and told, f"wrk failed: {done.stdout}{done.stderr}"
    report = json.loads(told)
    assert not any(report["errors"].values()), f"{target.path}: not all were answered with 200: {report}"
    # The last answers may have come in part.
    assert 0 <= report["bytes"] - report["requests"] * size <= CONNECTIONS * size, f"answers of another length: {size} {report}"
    seconds = report["us"] / 1e6
    return {"rps": report["requests"] / seconds, "mb_s": report["bytes"] / seconds / 1e6, "p50_ms": report["p50_us"] / 1000,
            "p99_ms": report["p99_us"] / 1000, "requests": report["requests"], "wrk_cpu": cpu / seconds * 100, "looks": looker.looks}


def fill(fleet):
    """So many sandboxes, none of which runs."""
    api = fleet.api()
    for number in range(SANDBOXES):
        api.create(host="h1", auto_start=False, memory_mb=MEMORY_MB, cpu=1, vm_name=f"bench-{number}",
                   labels={"team": "bench"}, ttl_seconds=86400)
    listed = api.sandboxes()
    assert len(listed) == SANDBOXES and {s["state"] for s in listed} == {"CREATED"}, listed[:2]
    return [s["id"] for s in listed]


class Figures:
    """All turns, of both."""

    def __init__(self):
        self.ours = {"get": [], "list": []}
        self.nginx = {"get": [], "list": []}
        self.coordinator_cpu = {"get": [], "list": []}

    def shown(self):
        last = {f"{who} {what}": turns[what][-1]["rps"] for who, turns in (("Paddock", self.ours), ("nginx", self.nginx))
                for what in turns}
        return ", ".join(f"{name} {rps:.0f}/s" for name, rps in last.items())


def turn(fleet, nginx, targets, ident, number, figures):
    """What is answered has changed since the last one: what was said then would be wrong now."""
    fleet.api().ok("POST", f"/v1/sandboxes/{ident}/extend", {"ttl_seconds": 90000 + number})
    bodies = {}
    for what, (ours, _) in targets.items():
        ours.connect()
        bodies[what] = ours.ask()[1]
        ours.close()
        assert f'"ttl_seconds":{90000 + number}'.encode() in bodies[what], f"{what} is not of now: {bodies[what][:300]}"
    nginx.serve(bodies)
    for what, (ours, theirs) in targets.items():
        cpu, began = cpu_seconds(fleet.coordinator.pid), time.monotonic()
        figures.ours[what].append(load(ours, bodies[what]))
        figures.coordinator_cpu[what].append((cpu_seconds(fleet.coordinator.pid) - cpu) / (time.monotonic() - began) * 100)
        figures.nginx[what].append(load(theirs, bodies[what]))
    return bodies


def middle(turns, name, digits=None):
    """p50 of the turns."""
    return round(quantile([one[name] for one in turns], 0.5), digits)


def summed_up(turns, what):
    """p50 of the turns; the p99 of the worst of them, too."""
    figures = {f"{what}_rps": middle(turns, "rps"), f"{what}_p50_ms": middle(turns, "p50_ms", 2), f"{what}_p99_ms": middle(turns, "p99_ms", 2),
               f"{what}_p99_worst_ms": round(max(one["p99_ms"] for one in turns), 2),
               f"{what}_requests": sum(one["requests"] for one in turns)}
    if what == "list":
        figures["list_mb_s"] = middle(turns, "mb_s", 1)
    return figures


def ratio(figures, what, name):
    return ratio_p50([[one[name] for one in turns[what]] for turns in (figures.ours, figures.nginx)])


def api(build, image, n):
    with Fleet(build, image, hosts=1, log_level="info") as fleet:
        about = machine(fleet)
        fleet.hosts[0].reconfigure(capacity_memory_mb=SANDBOXES * 200, capacity_vcpus=SANDBOXES * 2)
        idents = fill(fleet)
        targets = {"get": (Target(HTTP_PORT, f"/v1/sandboxes/{idents[0]}", fleet.token), Target(NGINX_PORT, "/get")),
                   "list": (Target(HTTP_PORT, f"/v1/sandboxes?limit={SANDBOXES}", fleet.token), Target(NGINX_PORT, "/list"))}
        figures = Figures()
        with Nginx(fleet) as nginx:
            turn(fleet, nginx, targets, idents[0], 0, Figures())  # Not counted: the first of each.
            for number in range(1, n + 1):
                bodies = turn(fleet, nginx, targets, idents[0], number, figures)
                say(f"  {number}/{n}: {figures.shown()}")
            nginx_argv = " ".join(nginx.argv)
        resident = resident_mb(fleet.coordinator.pid)
        all_at_once(lambda part: [fleet.api().destroy(ident) for ident in part], [idents[i::4] for i in range(4)])
        check_nothing_is_left(fleet)
    metrics = summed_up(figures.ours["get"], "get") | summed_up(figures.ours["list"], "list")
    metrics |= {"sandboxes": SANDBOXES, "connections": CONNECTIONS, "get_bytes": len(bodies["get"]), "list_bytes": len(bodies["list"])}
    for what in ("get", "list"):
        metrics[f"ratio_{what}_rps"] = ratio(figures, what, "rps")
        metrics[f"ratio_{what}_p99"] = ratio(figures, what, "p99_ms")
        metrics[f"{what}_coordinator_cpu_percent"] = round(quantile(figures.coordinator_cpu[what], 0.5))
        metrics[f"{what}_generator_cpu_percent"] = middle(figures.ours[what], "wrk_cpu")
    metrics["answers_compared"] = sum(one["looks"] for turns in figures.ours.values() for one in turns)
    metrics["coordinator_mb"] = resident
    baseline = {f"nginx_{name}": value for what in ("get", "list") for name, value in summed_up(figures.nginx[what], what).items()}
    for what in ("get", "list"):
        baseline[f"nginx_{what}_generator_cpu_percent"] = middle(figures.nginx[what], "wrk_cpu")
    baseline |= {"argv": nginx_argv, "nginx_conf": NGINX_CONF.replace("\n", " ").strip(),
                 "wrk": " ".join(str(word) for word in WRK)}
    return about, metrics, baseline
