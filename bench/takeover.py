"""takeover: how long no write is answered once the leading coordinator is killed, and whether anything is lost or done twice then."""

import json
import math
import subprocess
import time
import uuid
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor

from fleet import Fleet, wait_until
from measuring import machine, ratio_p50, say, spread
from simulated import Simulator
from simulated_hosts import CONNECTIONS, WORDS, durable, fill, shape
from takeovers import BOUND, PROMISED, Follower, Load, ask, epoch_of, events_after, leader_of, start_again

HOSTS, SANDBOXES = 100, 10_000  # Unless told otherwise. Simulated: all that they do is to be loaded by each new leader.
SIMULATED = {"image": "simulated", "agent_id": "bench", "auto_start": True}
REAL = {"image": "tiny", "agent_id": "bench", "memory_mb": 64}  # Not started: a record, an overlay and a defined domain.
WORKERS = 4  # Half of them create and destroy, half run commands.
HELD = 5  # By each that creates, before it destroys its oldest.
UNDISTURBED = 10  # Of each kind, between two kills.
LOOK_EVERY_SECONDS = 0.01
PATIENCE_SECONDS = 3  # With one request, of whoever waits for a new leader.
LOCK = 77  # Of PostgreSQL's advisory ones; in a database that is not ours.


class Use(Load):
    """Workers at both coordinators in turn; each request again until it is answered, under its key."""

    def __init__(self, fleet, box):
        self.box, self.destroyed = box, []  # (id, status) of each DELETE.
        super().__init__(fleet, WORKERS)

    def work(self, number):
        held = deque()
        while not self.stopping.is_set():
            if number % 2:
                self.run(number)
            else:
                self.create(number, held)

    def run(self, number):
        mark = str(uuid.uuid4())
        status, reply = self.until_answered(mark, number, "POST", f"/v1/sandboxes/{self.box}/run", {"command": f"echo {mark} >> /tmp/marks"})
        assert status == 504 or status == 200 and reply["command"]["exit_code"] == 0, (status, reply)

    def create(self, number, held):
        status, reply = self.until_answered("create", number, "POST", "/v1/sandboxes", REAL)
        assert status in (201, 504), (status, reply)
        if status == 201:
            held.append(reply["sandbox"]["id"])
        if len(held) > HELD:
            oldest = held.popleft()
            status, reply = self.until_answered("destroy", number, "DELETE", f"/v1/sandboxes/{oldest}")
            assert status in (200, 404, 504), (status, reply)  # 404: it was done, and who said so was killed.
            self.destroyed.append((oldest, status))

    def made(self):
        return [reply["sandbox"]["id"] for what, _, status, reply in self.answers if what == "create" and status == 201]

    def unknown(self, *whats):
        return sum(status == 504 for what, _, status, _ in self.answers if not whats or what in whats)


class Client:
    """Asks one coordinator for one thing at a time, again and again until it is done."""

    def __init__(self, fleet, number, box):
        self.fleet, self.number, self.box = fleet, number, box
        self.unanswered = 0  # Of requests: no word came, and the connection stood.

    def ask(self, *request):
        begun = time.monotonic()
        status, reply = ask(self.fleet, self.number, *request, timeout=PATIENCE_SECONDS)
        self.unanswered += status == 0 and time.monotonic() - begun >= PATIENCE_SECONDS
        return status, reply

    def ms_until(self, begun, done):
        while True:
            result = done()
            took = time.monotonic() - begun
            if result:
                return took * 1000, result
            assert took < BOUND, f"not done after {took:.0f} s"
            time.sleep(LOOK_EVERY_SECONDS)

    def ask_again(self, begun, good, method, path, body, key=None):
        """(ms, reply), once the status is `good`."""
        def answered():
            status, reply = self.ask(method, path, body, key and {"Idempotency-Key": key})
            in_progress = status == 409 and reply["reason"] == "idempotency_in_progress"
            assert status in (0, good, 502, 503) or in_progress, (path, status, reply)
            return status == good and reply
        return self.ms_until(begun, answered)

    def answer(self, begun, epoch):
        """Of a later leader than that of `epoch`, whether its hosts are back or not."""
        def answers():
            status, reply = self.ask("GET", "/readyz")
            return status in (200, 503) and reply.get("epoch", 0) > epoch
        return self.ms_until(begun, answers)[0]

    def write(self, begun):
        """Of a label: it waits for no host."""
        value = uuid.uuid4().hex
        took, reply = self.ask_again(begun, 200, "PATCH", "/v1/hosts/h1", {"labels": {"written": value}})
        assert reply["host"]["labels"]["written"] == value, reply
        return took

    def create(self, begun):
        """Until the host has made it."""
        took, reply = self.ask_again(begun, 201, "POST", "/v1/sandboxes", REAL, str(uuid.uuid4()))
        self.fleet.api(self.number).destroy(reply["sandbox"]["id"])
        return took

    def run(self, begun):
        took, reply = self.ask_again(begun, 200, "POST", f"/v1/sandboxes/{self.box}/run", {"command": "true"}, str(uuid.uuid4()))
        assert reply["command"]["exit_code"] == 0, reply
        return took


def plain_handover(fleet):
    """ms from the kill of a session that has a lock until the one that waits for it has committed a row."""
    psql = ["psql", "-h", str(fleet.postgres.socket), "-U", "postgres", "-d", "postgres", "-qXAt", "-v", "ON_ERROR_STOP=1"]

    def sessions(granted):
        rows = fleet.postgres.sql(f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND granted = {granted} AND "
                                  "database = (SELECT oid FROM pg_database WHERE datname = 'postgres')", database="postgres")
        return len(rows) == 1

    with subprocess.Popen(psql, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as holder:
        holder.stdin.write(f"SELECT pg_advisory_lock({LOCK});\n")
        holder.stdin.flush()
        wait_until("the lock to be held", lambda: sessions(True), 30)
        with subprocess.Popen([*psql, "-c", f"SELECT pg_advisory_xact_lock({LOCK}); INSERT INTO handed_over DEFAULT VALUES"],
                              cwd="/", stdout=subprocess.DEVNULL) as waiter:
            wait_until("the other one to wait", lambda: sessions(False), 30)
            begun = time.monotonic()
            holder.kill()
            assert waiter.wait(60) == 0
            return (time.monotonic() - begun) * 1000


class Figures:
    """ms, kill by kill; and what is beside it."""

    def __init__(self):
        self.answers, self.killed, self.undisturbed = [], {}, {}  # The latter two by what was asked for.
        self.handovers, self.unanswered = [], 0

    def add_undisturbed(self, client):
        for _ in range(UNDISTURBED):
            for ask_for in (client.write, client.create, client.run):
                self.undisturbed.setdefault(ask_for.__name__, []).append(ask_for(time.monotonic()))

    def add_kill(self, fleet, leader, client):
        epoch, killed = epoch_of(fleet), fleet.coordinators[leader].child
        with ThreadPoolExecutor(4) as pool:
            begun = time.monotonic()
            killed.kill()
            killed.wait(30)  # What is asked from here on is asked of the other one.
            answer = pool.submit(client.answer, begun, epoch)
            asked = {ask_for.__name__: pool.submit(ask_for, begun) for ask_for in (client.write, client.create, client.run)}
        self.unanswered += client.unanswered
        self.answers.append(answer.result())
        for name, one in asked.items():
            self.killed.setdefault(name, []).append(one.result())

    def latest(self):
        told = ", ".join(f"a {name} after {values[-1]:.0f}" for name, values in self.killed.items())
        return f"answered after {self.answers[-1]:.0f} ms, {told}; plain sessions {self.handovers[-1]:.1f}"

    def metrics(self):
        found, within = {}, [ms for values in self.killed.values() for ms in values]
        for name, values in {"answer": self.answers, **self.killed}.items():
            found |= spread(values, f"kill_to_{name}", digits=1) | {f"kill_to_{name}_max_ms": round(max(values), 1)}
        share = sum(ms <= PROMISED * 1000 for ms in within) / len(within)
        return found | {"unanswered": self.unanswered, "promised_ms": PROMISED * 1000, "within_promise": round(share, 4)}

    def baseline(self):
        found = {}
        for name, values in self.undisturbed.items():
            found |= spread(values, name) | {f"ratio_{name}_p50": ratio_p50((self.killed[name], values))}
        return found | spread(self.handovers, "plain_handover") | {"ratio_plain_handover_p50": ratio_p50((self.killed["write"], self.handovers))}


def check(fleet, simulator, use, follower, filled):
    """(lost, doubled, events): of what was answered, by the hosts themselves and by SQL. Fails on anything else that is wrong."""
    wait_until("all operations to end", lambda: not fleet.without_an_end(), 120)
    at_hosts = Counter(ident for host in simulator.listing().values() for ident, phase in host["sandboxes"].items() if phase == "running")
    at_hosts.update(name for name in fleet.hosts[0].domains() if name.startswith("sbx-"))
    recorded = {row[0] for row in fleet.postgres.sql("SELECT id FROM sandboxes WHERE deleted_at IS NULL AND phase <> 'destroyed'")}
    assert recorded == set(at_hosts), f"recorded or there, not both: {list(recorded ^ set(at_hosts))[:5]}"
    told, ended = [use.box, *filled, *use.made()], dict(use.destroyed)
    gone = {ident for ident, status in ended.items() if status != 504}
    lost = set(told) - set(ended) - recorded | gone & recorded
    # Of creates whose end nobody was told there may be one each.
    doubled = [len(told) - len(set(told)), sum(times > 1 for times in at_hosts.values()),
               max(0, len(recorded - set(told)) - use.unknown("create"))]
    marks = Counter(fleet.api().run(use.box, "cat /tmp/marks")["stdout"].split())
    ran = {what for what, _, status, _ in use.answers if status == 200 and what != "destroy"}
    head = int(fleet.postgres.sql("SELECT max(seq) FROM audit")[0][0])
    events = Counter(ident for ident in follower.all(head) if ident <= head)
    wanted = events_after(fleet, follower.start_at, head)
    assert events.keys() <= set(wanted), "an event that there is not"
    assert "ok" in fleet.verify_audit().lower()
    return (len(lost) + len(ran - marks.keys()) + len(set(wanted) - events.keys()),
            sum(doubled) + sum(times > 1 for times in [*marks.values(), *events.values()]), len(events))


def killed_so_often(fleet, simulator, use, n):
    figures = Figures()
    for turn in range(n):
        leader = leader_of(fleet)
        client = Client(fleet, 1 - leader, use.box)  # The one that will be left.
        figures.add_undisturbed(client)
        figures.handovers.append(plain_handover(fleet))
        use.wait_for(4 * WORKERS)
        figures.add_kill(fleet, leader, client)
        say(f"  {turn + 1}/{n}: {figures.latest()}")
        start_again(fleet, leader)
        wait_until("all hosts to be back", lambda: len(simulator.health("ready")) == simulator.hosts + 1, 60)
    return figures


def used(fleet, simulator, n):
    """All that was measured, and who used it meanwhile."""
    box = fleet.api().create()["id"]
    wait_until("one to stand by", lambda: "standing by:" in fleet.coordinators[1].log.read_text(), 30)
    use, follower, began, cpu = Use(fleet, box), Follower(fleet), time.monotonic(), time.process_time()
    try:
        figures = killed_so_often(fleet, simulator, use, n)
        use.wait_for(4 * WORKERS)
    finally:
        use.stop()
    seconds = time.monotonic() - began
    return figures, use, follower, {"requests": len(use.answers), "requests_per_s": round(len(use.answers) / seconds, 1),
                                    "generator_cpu_percent": round((time.process_time() - cpu) / seconds * 100, 1)}


def takeover(build, image, hosts, sandboxes, n):
    hosts, sandboxes = hosts or HOSTS, sandboxes or SANDBOXES
    with Fleet(build, image, hosts=1, coordinators=2, log_level="info", http_threads=CONNECTIONS + CONNECTIONS // 8) as fleet:
        durable(fleet)
        about = machine(fleet)
        fleet.postgres.sql("CREATE TABLE handed_over (number bigserial)", database="postgres")
        endpoints = [word for endpoint in fleet.endpoints()[1:] for word in ("--coordinator", endpoint)]
        with Simulator(fleet, hosts, *endpoints, *shape(math.ceil(sandboxes / hosts * 1.25) + 1, SIMULATED["image"]), *WORDS) as simulator:
            filled = fill(fleet, sandboxes, SIMULATED)
            figures, use, follower, load = used(fleet, simulator, n)
            lost, doubled, events = check(fleet, simulator, use, follower, filled)
            for box in fleet.hosts[0].domains():
                if box.startswith("sbx-"):
                    fleet.api().destroy(box)
            wait_until("nothing to be left on the real host", lambda: not fleet.hosts[0].leftovers() + fleet.without_an_end(), 60)
    metrics = {"hosts": hosts, "sandboxes": sandboxes, "coordinators": 2, "kills": n, **figures.metrics(), **load,
               "asked_again": use.again, "unknown": use.unknown(), "success_rate": round(1 - use.unknown() / len(use.answers), 5),
               "events": events, "lost": lost, "doubled": doubled}
    assert lost == doubled == 0, json.dumps(metrics)
    return about, metrics, figures.baseline()
