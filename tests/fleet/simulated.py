"""Hosts that are not there, for a fleet's real coordinator: paddock-simulator, told what to do on its stdin."""

import json
import subprocess

from fleet import run, tail, wait_until


class Simulator:
    """So many simulated hosts in one process. Use as a context manager, within a Fleet without hosts of its own."""

    def __init__(self, fleet, hosts, *options):
        self.fleet, self.hosts = fleet, hosts
        self.keys = fleet.base / "simulated"
        self.options = [str(option) for option in options]
        self.log = fleet.base / "simulator.log"
        self.process = None

    def __enter__(self):
        program = self.fleet.bin("hostd/paddock-simulator")
        run(program, "keygen", "--out", self.keys, "--hosts", self.hosts)
        run(self.fleet.bin("coordinator/paddock-coordinator"), "--config", self.fleet.etc / "coordinator.yaml", "enrol",
            "--list", self.keys / "hosts.enrol")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [program, "--keys", self.keys, "--coordinator", "tcp://10.77.0.1:7420", "--coordinator-key",
                 self.fleet.etc / "server.pub", "--log-level", "warning", *self.options],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        self.wait_ready(self.hosts)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(f"the simulator did not end:\n{tail(self.log)}") from None

    @property
    def pid(self):
        return self.process.pid

    def order(self, line):
        """What it answers: the last line, decoded; before it those of `list`."""
        assert self.process.poll() is None, f"the simulator ended:\n{tail(self.log)}"
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answers = [json.loads(self.process.stdout.readline())]
        while "host" in answers[-1]:
            answers.append(json.loads(self.process.stdout.readline()))
        assert "error" not in answers[-1], answers[-1]
        return answers

    def status(self):
        return self.order("status")[-1]

    def listing(self):
        """Each host by its name."""
        return {host["host"]: host for host in self.order("list")[:-1]}

    def wait_ready(self, hosts, seconds=120):
        def ready():
            try:
                return self.status()["welcomed"] >= hosts and len(self.health("ready")) >= hosts
            except OSError:
                return False  # The coordinator is only starting.
        wait_until(f"{hosts} simulated hosts to be ready", ready, seconds)

    def health(self, *wanted):
        """The hosts that are one of these, by the coordinator's word."""
        found, cursor = [], ""
        while True:
            page = self.fleet.api(timeout=60).ok("GET", f"/v1/hosts?limit=500{cursor}")
            found += [host["name"] for host in page["hosts"] if host["health"] in wanted]
            if not page.get("next_cursor"):
                return found
            cursor = f"&cursor={page['next_cursor']}"
