"""Random histories of a fleet of simulated hosts: many clients at once, while hosts, coordinator and database are dealt with.

What each client asks, and what is done to the fleet, depends on the seed alone; what comes of it, and so to which sandbox it is done,
on who is faster."""

import contextlib
import http.client
import json
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from fleet import HTTP_PORT, wait_until

CLIENTS = 10
PATIENCE = 180  # Of one request: more than the coordinator has with any.
MOST_IN_TROUBLE = 4
NOT_ANSWERED = (OSError, http.client.HTTPException)
# Whoever is told one of these under a key asks again. What is not here, nor below, is no answer to what is asked here.
AGAIN = {0, 429, 502, 503}
ANSWERS = {0, 200, 201, 202, 404, 409, 429, 502, 503, 504}

# How often what is asked for.
REQUESTS = {"create": 26, "destroy": 16, "run": 18, "stop": 8, "start": 11, "pause": 8, "resume": 8, "suspend": 9, "snapshot": 6,
            "restore": 5, "drop": 2, "fork": 4}
# And what is done to the fleet.
DEEDS = {"hang": 3, "cut": 3, "die": 4, "return": 9, "cordon": 3, "uncordon": 5, "drain": 4, "taint": 2, "untaint": 3, "rack": 2,
         "kill_coordinator": 1.2, "restart_postgres": 1}


@dataclass
class Asked:
    """One request, as often as it was asked, and all that was answered."""

    what: str
    path: str
    mark: str = ""  # Of what it makes: a label, a name, or a part of a command.
    key: str = ""
    replies: list = field(default_factory=list)  # (status, body, request id)

    def good(self):
        return [(body, request) for status, body, request in self.replies if status in (200, 201)]

    def children(self):
        """Of a fork, those that were made."""
        return [child["sandbox"]["id"] for body, _ in self.good() for child in body["children"] if "sandbox" in child]

    def is_open(self):
        """Nobody has told what came of it."""
        return not self.replies or any(status in (0, 504) for status, *_ in self.replies)


class History:
    """Of so many requests. `deaths`: (from, to, host), when by our clock its power was cut."""

    def __init__(self, fleet, simulator, seed, requests, hosts):
        self.fleet, self.simulator, self.seed, self.requests = fleet, simulator, seed, requests
        self.lock, self.ending = threading.Lock(), threading.Event()
        self.asked, self.boxes, self.reasons, self.deeds = [], [], Counter(), Counter()
        self.deaths, self.answered, self.longest = [], 0, 0.0
        self.hosts, self.trouble = hosts, {}

    def run(self):
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            clients = [pool.submit(self.guarded, Client(self, number).work) for number in range(CLIENTS)]
            fate = pool.submit(self.guarded, self.deal)
            for each in clients:
                each.result()
            self.ending.set()
            fate.result()

    def guarded(self, work):
        try:
            work()
        except BaseException:
            self.ending.set()
            raise

    def note(self, asked):
        with self.lock:
            self.asked.append(asked)

    # ---- what is done to the fleet ----------------------------------------------

    def deal(self):
        chance = random.Random(f"{self.seed} fate")
        while not self.ending.is_set():
            goal, since = self.answered + chance.randint(5, 60), time.monotonic()
            # A fleet that is held up goes on with what comes next: that may be what lets it go on.
            while self.answered < goal and time.monotonic() - since < 2 and not self.ending.is_set():
                self.ending.wait(0.02)
            deed = chance.choices(list(DEEDS), list(DEEDS.values()))[0]
            host = chance.choice(self.hosts)
            # Of chance as much is taken whatever the deed is.
            which = chance.random()
            self.deeds[deed] += 1
            getattr(self, f"deal_{deed}")(host, which)

    def to_host(self, method, path, body):
        with contextlib.suppress(*NOT_ANSWERED):
            status, reply = self.fleet.api(timeout=PATIENCE).call(method, path, body)
            assert status in ANSWERS, (path, body, status, reply)

    def order(self, verb, host):
        if host not in self.trouble and len(self.trouble) < MOST_IN_TROUBLE:
            begun = time.time()
            self.simulator.order(f"{verb} {host}")
            self.trouble[host] = verb
            if verb == "die":
                self.deaths.append((begun, time.time(), host))

    def deal_hang(self, host, _):
        self.order("hang", host)

    def deal_cut(self, host, _):
        self.order("cut", host)

    def deal_die(self, host, _):
        self.order("die", host)

    def deal_return(self, _, which):
        if self.trouble:
            host = sorted(self.trouble)[int(which * len(self.trouble))]
            self.simulator.order(f"return {host}")
            del self.trouble[host]

    def deal_cordon(self, host, _):
        self.to_host("POST", f"/v1/hosts/{host}/cordon", {})

    def deal_uncordon(self, _, which):
        cordoned = self.fleet.postgres.sql("SELECT name FROM hosts WHERE cordoned ORDER BY name") if self.fleet.postgres.process.alive() else []
        if cordoned:
            self.to_host("POST", f"/v1/hosts/{cordoned[int(which * len(cordoned))][0]}/uncordon", {})

    def deal_drain(self, host, _):
        self.to_host("POST", f"/v1/hosts/{host}/drain", {"deadline_sec": 60})

    def deal_taint(self, host, _):
        self.to_host("PATCH", f"/v1/hosts/{host}", {"taints": {"gpu": "a100"}})

    def deal_untaint(self, _, __):
        for host in self.hosts:
            self.to_host("PATCH", f"/v1/hosts/{host}", {"taints": {"gpu": None}})

    def deal_rack(self, host, which):
        self.to_host("PATCH", f"/v1/hosts/{host}", {"labels": {"rack": f"r{int(which * 4)}"}})

    def deal_kill_coordinator(self, _, __):
        self.fleet.coordinator.kill(signal.SIGKILL)
        self.fleet.start_coordinator()
        wait_until("the coordinator to answer", self.answers, 60)

    def deal_restart_postgres(self, _, which):
        """Politely, or as if it had crashed."""
        self.fleet.postgres.stop(signal.SIGINT if which < 0.5 else signal.SIGQUIT)
        self.ending.wait(which)
        self.fleet.postgres.start()

    def answers(self):
        assert self.fleet.coordinator.alive(), "the coordinator ended by itself"
        with contextlib.suppress(*NOT_ANSWERED):
            return self.fleet.api(timeout=10).call("GET", "/v1/sandboxes?limit=1")[0] == 200
        return False


class Client:
    """Asks for one thing after another, of sandboxes that anybody has made."""

    def __init__(self, history, number):
        self.history, self.number = history, number
        self.random = random.Random(f"{history.seed} {number}")
        self.counted, self.makes_room = 0, False

    def work(self):
        history = self.history
        while not history.ending.is_set() and history.answered < history.requests:
            what = self.random.choices(list(REQUESTS), list(REQUESTS.values()))[0]
            which, keyed, manner = self.random.random(), self.random.random() < 0.5, self.random.random()
            with history.lock:
                box = history.boxes[int(which * len(history.boxes))] if history.boxes else None
            if box is None or what == "create" and not self.makes_room:
                what, box = "create", None
            elif what == "create":  # There was no room for the last one.
                what = "destroy"
            asked, method, body = getattr(self, what)(box) if what in ("create", "run", "snapshot", "restore", "drop", "fork") else (
                Asked(what, f"/v1/sandboxes/{box}" + ("" if what == "destroy" else f"/{what}")),
                "DELETE" if what == "destroy" else "POST", None)
            if keyed and method == "POST":
                asked.key = self.mark("key")
            history.note(asked)
            self.have_answered(asked, method, body, manner)
            self.makes_room = any(reply.get("reason") == "no_capacity" for _, reply, _ in asked.replies)
            if asked.is_open() or {status for status, *_ in asked.replies} & AGAIN:
                history.ending.wait(0.05)  # Nobody asks again at once.

    def mark(self, prefix):
        self.counted += 1
        return f"{prefix}-{self.number}-{self.counted}"

    # ---- what is asked for: (what to note, method, body) ------------------------

    def create(self, _):
        mark, chance = self.mark("made"), self.random
        body = {"image": "tiny", "agent_id": "histories", "auto_start": chance.random() < 0.75, "cpu": chance.choice((1, 1, 1, 2, 3)),
                "memory_mb": chance.choice((160, 160, 256, 512, 1500)), "labels": {"mark": mark}}
        if chance.random() < 0.3:
            body["placement"] = {"group": chance.choice(("web", "db", "etc")), "apart": chance.choice(("required", "preferred"))}
            if chance.random() < 0.5:
                body["placement"]["spread_by"] = "rack"
        if chance.random() < 0.2:
            body.setdefault("placement", {})["tolerations"] = ["gpu"]
        if chance.random() < 0.1:
            body.setdefault("placement", {})["labels"] = {"rack": "r1"}
        if chance.random() < 0.1:
            body["host"] = chance.choice(self.history.hosts)
        if chance.random() < 0.3:
            body["pool"] = chance.choice(("skip", "require") if body["auto_start"] else ("skip",))
        return Asked("create", "/v1/sandboxes", mark), "POST", body

    def run(self, box):
        mark = self.mark("ran")
        return Asked("run", f"/v1/sandboxes/{box}/run", mark), "POST", {"command": f"echo {mark}", "timeout_sec": 5}

    def snapshot(self, box):
        mark = self.mark("point")
        return Asked("snapshot", f"/v1/sandboxes/{box}/snapshots", mark), "POST", {"name": mark, "memory": self.random.random() < 0.6}

    def taken(self, box):
        """A snapshot of it that somebody was told of, or one that there is not."""
        with self.history.lock:
            names = [asked.mark for asked in self.history.asked
                     if asked.what == "snapshot" and asked.path == f"/v1/sandboxes/{box}/snapshots" and asked.good()]
        return names[-1] if names else "none"

    def restore(self, box):
        return Asked("restore", f"/v1/sandboxes/{box}/snapshots/{self.taken(box)}/restore"), "POST", None

    def drop(self, box):
        return Asked("drop", f"/v1/sandboxes/{box}/snapshots/{self.taken(box)}"), "DELETE", None

    def fork(self, box):
        mark = self.mark("fork")
        return Asked("fork", f"/v1/sandboxes/{box}/fork", mark), "POST", {"count": self.random.choice((1, 2)), "name_prefix": mark}

    # ---- how --------------------------------------------------------------------

    def have_answered(self, asked, method, body, manner):
        """Once; or it goes away before the answer; or with a key twice at the same time, and again until it is answered."""
        if manner < 0.06:
            self.send(method, asked, body, goes_away=True)
            if not asked.key:
                return
        elif manner < 0.15 and asked.key:
            with contextlib.suppress(*NOT_ANSWERED):
                twin = self.begin(method, asked, body)
                self.send(method, asked, body)
                self.take(asked, twin)
        self.send(method, asked, body)
        for _ in range(6):
            status, reply, _ = asked.replies[-1]
            in_progress = status == 409 and reply["reason"] == "idempotency_in_progress"
            if not asked.key or not (status in AGAIN or in_progress or manner > 0.9) or self.history.ending.is_set():
                break
            manner = 0  # Once more without need is enough.
            self.history.ending.wait(0.1)
            self.send(method, asked, body)

    def begin(self, method, asked, body):
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {self.history.fleet.token}"}
        if asked.key:
            headers["Idempotency-Key"] = f"{self.history.seed} {asked.key}".replace(" ", "-")
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, asked.path, json.dumps(body) if body is not None else None, headers)
        return connection

    def send(self, method, asked, body, goes_away=False):
        begun = time.monotonic()
        try:
            connection = self.begin(method, asked, body)
            if goes_away:
                connection.close()
            else:
                self.take(asked, connection)
        except NOT_ANSWERED:
            self.took(asked, 0, {}, "")
        self.history.longest = max(self.history.longest, time.monotonic() - begun)

    def take(self, asked, connection):
        with contextlib.closing(connection):
            reply = connection.getresponse()
            text = reply.read()
            self.took(asked, reply.status, json.loads(text) if text else {}, reply.headers["X-Request-ID"])

    def took(self, asked, status, body, request):
        history = self.history
        assert status in ANSWERS, f"{asked}: {status} {body}"
        with history.lock:
            asked.replies.append((status, body, request))
            history.answered += 1
            if status not in (200, 201):
                history.reasons[f"{status} {body.get('reason', '')}".strip()] += 1
            elif asked.what == "create":
                history.boxes.append(body["sandbox"]["id"])
            elif asked.what == "fork":
                history.boxes += asked.children()
            box = asked.path.partition("/v1/sandboxes/")[2].partition("/")[0]
            if box in history.boxes and (asked.what == "destroy" and status == 200 or body.get("reason") == "not_found"):
                history.boxes.remove(box)
