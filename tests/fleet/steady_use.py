"""Steady use of a fleet of two hosts while something is done to it, and what must be true of it after."""

import contextlib
import http.client
import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from fleet import wait_until
from on_hosts import absentees, qemus, strangers

HOSTS = ("h1", "h2")
NOT_ANSWERED = (OSError, http.client.HTTPException)
NOTHING_DONE = (429, 503)


@dataclass
class Keeper:
    """A sandbox that is given one command after the other, each with a number of its own."""

    ident: str
    pid: int  # Of its QEMU.
    done: set = field(default_factory=set)
    unknown: set = field(default_factory=set)
    refused: set = field(default_factory=set)
    reasons: Counter = field(default_factory=Counter)  # Of what was not done, or not answered.
    answered: list = field(default_factory=list)  # When.
    longest: float = 0.0

    def add(self, number, begun, status, reply):
        if status == 200 and reply["command"]["exit_code"] == 0 and reply["command"]["status"] == "finished":
            self.done.add(number)
            self.answered.append(time.monotonic())
            self.longest = max(self.longest, time.monotonic() - begun)
            return True
        (self.refused if status in NOTHING_DONE else self.unknown).add(number)
        self.reasons[reply.get("reason", "no answer" if status == 0 else f"status {status}")] += 1
        return False

    def check(self, host, ran, recorded):
        """All that was answered has happened once and is on record, what was refused never, all else once or never."""
        times = Counter(ran)
        assert max(times.values()) == 1, f"{host}: done twice: {[n for n, count in times.items() if count > 1]}"
        assert self.done <= set(times), f"{host}: lost: {self.done - set(times)}"
        assert self.done <= recorded, f"{host}: answered, and not on record: {self.done - recorded}"
        assert not self.refused & set(times), f"{host}: refused, and done: {self.refused & set(times)}"
        assert set(times) <= self.done | self.unknown


class Load:
    """Commands to one sandbox on each host, and sandboxes that are made and destroyed; what came of each request."""

    def __init__(self, fleet):
        self.fleet, api = fleet, fleet.api()
        idents = {host: api.create(host=host, memory_mb=160)["id"] for host in HOSTS}
        self.keepers = {host.name: Keeper(idents[host.name], qemus(host)[idents[host.name]]) for host in fleet.hosts}
        self.made, self.gone, self.churned = {}, set(), Counter()
        self.since = int(fleet.postgres.sql("SELECT max(seq) FROM audit")[0][0])
        self.ending, self.workers = threading.Event(), []
        self.pool = ThreadPoolExecutor(len(HOSTS) + 1)

    def __enter__(self):
        self.workers = [self.pool.submit(self._command, keeper) for keeper in self.keepers.values()]
        self.workers.append(self.pool.submit(self._churn))
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.pool.shutdown()

    def _command(self, keeper):
        api = self.fleet.api(timeout=120)
        for number in itertools.count():
            if self.ending.is_set():
                return
            begun = time.monotonic()
            try:
                status, reply = api.call("POST", f"/v1/sandboxes/{keeper.ident}/run",
                                         {"command": f"echo {number} >> /home/sandbox/numbers", "timeout_sec": 20})
            except NOT_ANSWERED:
                status, reply = 0, {}
            assert status != 503 or api.last_headers["Retry-After"], reply
            if not keeper.add(number, begun, status, reply):
                self.ending.wait(0.2)

    def _churn(self):
        api = self.fleet.api(timeout=120)
        for number in itertools.count():
            if self.ending.is_set():
                return
            name = f"churn-{number}"
            try:
                status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "matrix", "vm_name": name})
                if status == 201:
                    self.made[name] = reply["sandbox"]["id"]
                    status, reply = api.call("DELETE", f"/v1/sandboxes/{self.made[name]}")
                    if status == 200:
                        self.gone.add(name)
                if status not in (200, 201):
                    assert status in (429, 502, 503, 504), (status, reply)
                    assert status != 503 or api.last_headers["Retry-After"], reply
                    self.churned[reply["reason"]] += 1
                    self.ending.wait(0.2)
            except NOT_ANSWERED:
                self.churned["no answer"] += 1
                self.ending.wait(0.2)

    def await_answers(self, what, hosts=HOSTS):
        """One more on each of them. Seconds until it came."""
        begun = time.monotonic()

        def came():
            for worker in self.workers:
                if worker.done():
                    worker.result()  # Why.
            return all(keeper.answered and keeper.answered[-1] > begun
                       for keeper in map(self.keepers.get, hosts))
        wait_until(f"commands to be answered {what}", came, 90)
        return time.monotonic() - begun

    def reasons(self, host):
        return self.keepers[host].reasons

    def check(self):
        """Once it has ended: all that was answered is so, nothing is under way, doubled or left over, and the audit is whole."""
        for worker in self.workers:
            worker.result()
        come_to_rest(self.fleet)
        api = self.fleet.api()
        for host in self.fleet.hosts:
            keeper = self.keepers[host.name]
            ran = [int(line) for line in api.run(keeper.ident, "cat /home/sandbox/numbers")["stdout"].split()]
            recorded = {int(command.split()[1]) for command, in self.fleet.postgres.sql(
                f"SELECT command FROM commands WHERE sandbox_id = '{keeper.ident}' AND status = 'finished' AND command LIKE 'echo %'")}
            keeper.check(host.name, ran, recorded)
            assert qemus(host)[keeper.ident] == keeper.pid, f"{host.name}: its VM has not gone on"
        self.check_churned(api.sandboxes())
        assert "ok" in self.fleet.verify_audit().lower()
        assert not goes_back(self.fleet), goes_back(self.fleet)
        fenced = self.fleet.postgres.sql(f"SELECT action, target FROM audit WHERE seq > {self.since} AND action LIKE '%fence'")
        assert not fenced, f"a host held that it had heard no leader for a minute: {fenced}"

    def check_churned(self, listed):
        names = Counter(sandbox["sandbox_name"] for sandbox in listed)
        assert all(times == 1 for times in names.values()), names
        lost = {sandbox["id"] for sandbox in listed if sandbox["phase"] == "lost"}
        for name, ident in self.made.items():
            assert name not in self.gone or name not in names, f"{name} was destroyed and is there"
            assert name in self.gone or name in names or self.fleet.api().call("GET", f"/v1/sandboxes/{ident}")[0] == 200, f"{name} is lost"
            assert ident not in lost, f"{name} was answered and is listed as lost"

    def __str__(self):
        refused = sum((keeper.reasons for keeper in self.keepers.values()), self.churned)
        longest = ", ".join(f"{keeper.longest:.1f} s on {host}" for host, keeper in self.keepers.items())
        return (f"{sum(len(keeper.done) for keeper in self.keepers.values())} commands and {len(self.made)} creates answered; "
                f"not answered, or refused: {dict(refused) or 'none'}; longest {longest}")


# ---- what is so of the fleet ----------------------------------------------------

def come_to_rest(fleet):
    """All that was begun has an end, and the hosts have what is listed, no more and no less."""
    api = fleet.api()

    def unrest():
        silent = [f"libvirtd of {host.name}, which does not answer" for host in fleet.hosts if not host.libvirt_answers()]
        return silent or fleet.without_an_end() + strangers(fleet, api) + absentees(fleet, api)
    try:
        wait_until("all to come to rest", lambda: not unrest(), 30)
    except AssertionError:
        raise AssertionError(f"it does not come to rest: {unrest()}") from None


def goes_back(fleet):
    """Rows of the audit that are older than the one before."""
    return fleet.postgres.sql("SELECT seq, before, at FROM (SELECT seq, at, lag(at) OVER (ORDER BY seq) AS before FROM audit) AS rows "
                              "WHERE at < before")


def health(api):
    return {host["name"]: host["health"] for host in api.ok("GET", "/v1/hosts")["hosts"]}


@contextlib.contextmanager
def both_stay_ready(fleet):
    """Whenever one looks, and for a while after."""
    looks, ending = [], threading.Event()

    def look():
        api = fleet.api(timeout=60)
        while not ending.wait(0.05):
            looks.append(health(api))

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            yield
            before = len(looks)
            wait_until("some more looks", lambda: looking.done() or len(looks) >= before + 30, 30)
        finally:
            ending.set()
    looking.result()
    seen = Counter(f"{name} {how}" for found in looks for name, how in found.items())
    assert seen.keys() == {f"{name} ready" for name in HOSTS}, seen
