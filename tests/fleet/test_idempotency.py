"""One key, one deed: Idempotency-Key, also when the coordinator dies at the worst moment."""

import json
import os
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from fleet import Process, wait_until
from live import Events, written

CREATE = {"image": "tiny", "agent_id": "once", "auto_start": True, "memory_mb": 160}


def post(api, key, path="/v1/sandboxes", body=None):
    return api.call("POST", path, CREATE if body is None else body, headers={"Idempotency-Key": key})


@pytest.fixture
def key():
    return str(uuid.uuid4())


def is_replay(api):
    return api.last_headers["Idempotency-Replayed"] == "true"


@contextmanager
def begun(fleet, key, path="/v1/sandboxes", body=None):
    """A request under way, as its future; None for a reply that never came."""
    def call():
        try:
            return post(fleet.api(), key, path, body)
        except OSError:
            return None
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(call)


@contextmanager
def standing_still(hosts):
    """Whoever is asked to do something does it only after."""
    pids = [host.hostd.pid for host in hosts]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def held_up(fleet, table):
    """Whoever writes to the table waits."""
    sql = fleet.postgres.sql
    locker = Process("a lock", ["psql", "-h", fleet.postgres.socket, "-U", "postgres", "-d", "paddock", "-qX", "-c",
                                f"LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT pg_sleep(120)"],
                     fleet.base / "lock.log", cwd="/", env={**os.environ, "PGAPPNAME": "locker"})
    try:
        wait_until("the lock", lambda: sql(
            f"SELECT 1 FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'ExclusiveLock' AND granted"), 20)
        yield lambda: sql(f"SELECT 1 FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted")
    finally:
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'locker'")
        locker.child.wait(20)


def creates_of(fleet, key):
    """Intents to create, of the request that holds the key."""
    return fleet.postgres.sql("SELECT a.target FROM audit a JOIN request_keys k ON k.request_id = a.request_id "
                              f"WHERE k.key = '{key}' AND a.kind = 'intent' AND a.action = 'sandbox.create'")


def test_the_same_key_and_body_make_one_sandbox_and_get_the_first_answer(api, key):
    status, first = post(api, key)
    assert status == 201, first
    location, request = api.last_headers["Location"], api.last_headers["X-Request-ID"]
    assert post(api, key) == (201, first)
    assert is_replay(api) and api.last_headers["Location"] == location
    assert api.last_headers["X-Request-ID"] != request
    for path, body in (("/v1/sandboxes", {**CREATE, "cpu": 2}), (f"{location}/run", CREATE)):
        status, reply = post(api, key, path, body)
        assert (status, reply["reason"]) == (409, "idempotency_key_reused"), reply
    assert [s["id"] for s in api.sandboxes()] == [first["sandbox"]["id"]]


def test_of_twenty_at_once_one_is_done_and_all_get_its_answer(fleet, api, key):
    def one(_):
        mine = fleet.api()

        def answered():
            status, reply = post(mine, key)
            if status != 409:
                return status, reply, is_replay(mine)
            assert reply["reason"] == "idempotency_in_progress" and mine.last_headers["Retry-After"] == "1", reply
            return None
        return wait_until("an answer", answered, 90)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(one, range(20)))
    assert {status for status, _, _ in answers} == {201}
    assert len({json.dumps(reply) for _, reply, _ in answers}) == 1
    assert sum(not replayed for _, _, replayed in answers) == 1
    assert len(api.sandboxes()) == 1


def test_what_is_typed_to_a_live_command_reaches_it_once(fleet, api, key):
    ident = post(api, key)[1]["sandbox"]["id"]
    path = f"/v1/sandboxes/{ident}/exec"
    events = Events(api, path, {"cmd": ["cat"], "stdin": True})
    one = f"{path}/{next(events).data['exec']['id']}"
    for times in range(3):
        assert post(api, f"{key}-a", f"{one}/stdin", {"data": "typed "})[0] == 204
        assert is_replay(api) == (times > 0)
    assert post(api, f"{key}-a", f"{one}/stdin", {"data": "else"})[1]["reason"] == "idempotency_key_reused"

    # While it does not arrive its coordinator dies: nobody knows, and nothing is typed twice.
    with standing_still(fleet.hosts), begun(fleet, f"{key}-b", f"{one}/stdin", {"data": "once "}) as call:
        wait_until("its claim", lambda: fleet.postgres.sql(f"SELECT 1 FROM request_keys WHERE key = '{key}-b'"), 60)
        fleet.coordinator.kill()
        assert call.result() is None
    fleet.start_coordinator()
    fleet.wait_ready(len(fleet.hosts))
    api = fleet.api()
    for _ in range(2):
        status, reply = post(api, f"{key}-b", f"{one}/stdin", {"data": "once "})
        assert (status, reply["reason"]) == (504, "outcome_unknown")
    assert post(api, f"{key}-a", f"{one}/stdin", {"data": "typed "})[0] == 204 and is_replay(api)
    assert post(api, f"{key}-c", f"{one}/stdin", {"data": "end", "eof": True})[0] == 204
    said = written(Events(api, f"{one}?from=0").until("exit"))
    assert said in (b"typed end", b"typed once end")


def test_the_first_answer_is_given_again_after_a_crash(fleet, api, key):
    made = post(api, key)
    assert made[0] == 201
    path = f"/v1/sandboxes/{made[1]['sandbox']['id']}/run"
    body = {"command": "echo ran | tee -a /tmp/once"}
    ran = post(api, f"{key}-run", path, body)
    refused = post(api, f"{key}-404", "/v1/sandboxes/sbx-aaaaaaaaaaaaaaaa/run", body)
    assert (ran[0], refused[0]) == (200, 404)
    fleet.restart_coordinator()
    api = fleet.api()
    assert post(api, key) == made and is_replay(api)
    assert post(api, f"{key}-run", path, body) == ran and is_replay(api)
    assert post(api, f"{key}-404", "/v1/sandboxes/sbx-aaaaaaaaaaaaaaaa/run", body) == refused and is_replay(api)
    assert api.run(made[1]["sandbox"]["id"], "cat /tmp/once")["stdout"] == "ran\n"


def test_a_coordinator_that_dies_between_the_claim_and_the_intent_has_done_nothing(fleet, api, key):
    with held_up(fleet, "sandboxes") as waits:
        with begun(fleet, key) as first:
            wait_until("the claim", lambda: fleet.postgres.sql(f"SELECT 1 FROM request_keys WHERE key = '{key}'"), 20)
            wait_until("the intent to be on its way", waits, 20)
            fleet.coordinator.kill()
            assert first.result() is None
    fleet.start_coordinator()
    fleet.wait_ready(2)
    api = fleet.api()
    assert not api.sandboxes() and not creates_of(fleet, key)
    made = post(api, key)
    assert made[0] == 201 and not is_replay(api), made
    assert post(api, key) == made and is_replay(api)
    assert [s["id"] for s in api.sandboxes()] == [made[1]["sandbox"]["id"]]
    assert len(creates_of(fleet, key)) == 1


def test_a_coordinator_that_dies_between_the_intent_and_the_answer_never_makes_a_second_one(fleet, api, key):
    with standing_still(fleet.hosts), begun(fleet, key) as first:
        wait_until("the intent", lambda: creates_of(fleet, key), 20)
        fleet.coordinator.kill()
        assert first.result() is None, "it was answered before the crash"
    fleet.start_coordinator()
    fleet.wait_ready(2)
    (made,), = creates_of(fleet, key)
    for _ in range(3):
        api = fleet.api()
        status, reply = post(api, key)
        assert (status, reply["reason"]) == (504, "outcome_unknown"), reply
        assert made in reply["details"], "whoever asks is told where to look"
        wait_until("it to settle", lambda: all(s["phase"] in ("running", "error") for s in api.sandboxes()), 90)
    assert {s["id"] for s in api.sandboxes()} <= {made}
    assert creates_of(fleet, key) == [[made]]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_under_way_when_the_coordinator_ends_runs_once(fleet, api, key, number):
    ident = api.create()["id"]
    path = f"/v1/sandboxes/{ident}/run"
    body = {"command": "echo x >> /tmp/once; until [ -e /tmp/go ]; do sleep 0.1; done; echo went", "timeout_sec": 90}
    with begun(fleet, key, path, body) as first:
        wait_until("the command", lambda: api.run(ident, "cat /tmp/once 2>/dev/null")["stdout"], 20)
        status, reply = post(api, key, path, body)
        assert (status, reply["reason"]) == (409, "idempotency_in_progress"), reply
        fleet.restart_coordinator(number)
        answer = first.result()
        assert answer is None if number == signal.SIGKILL else answer[0] == 503, answer
    api = fleet.api()
    status, reply = post(api, key, path, body)
    assert (status, reply["reason"]) == (504, "outcome_unknown"), reply
    assert f"command.run of {ident}" in reply["details"]
    api.run(ident, "touch /tmp/go")
    wait_until("its outcome", lambda: any(c["stdout"] == "went\n" for c in
                                          api.ok("GET", f"/v1/sandboxes/{ident}/commands")["commands"]), 60)
    assert post(api, key, path, body)[0] == 504
    assert api.run(ident, "cat /tmp/once")["stdout"] == "x\n"


def test_a_live_command_is_started_once_and_read_again(fleet, api, key):
    box = api.create()["id"]
    path = f"/v1/sandboxes/{box}/exec"
    body = {"cmd": ["/bin/sh", "-c", "echo x >> /tmp/once; echo begun; read last; echo $last"], "stdin": True}
    first = Events(api, path, body, {"Idempotency-Key": key})
    ident = first.until_written(b"begun\n")[0].data["exec"]["id"]
    first.close()
    detached = post(api, f"{key}-detached", path, {**body, "detach": True})
    assert detached[0] == 201, detached
    for _ in range(2):
        again = Events(api, path, body, {"Idempotency-Key": key})
        assert again.reply.headers["Idempotency-Replayed"] == "true"
        assert again.until_written(b"begun\n")[0].data["exec"]["id"] == ident
        assert post(api, f"{key}-detached", path, {**body, "detach": True}) == detached and is_replay(api)
        again.close()
        fleet.restart_coordinator()
        api = fleet.api()
    assert api.run(box, "cat /tmp/once")["stdout"] == "x\nx\n"
    last = Events(api, path, body, {"Idempotency-Key": key})
    api.ok("POST", f"{path}/{ident}/stdin", {"data": "end\n", "eof": True})
    assert written(last.until("exit")) == b"begun\nend\n"
    # Of one that has ended, too.
    assert Events(api, path, body, {"Idempotency-Key": key}).until("exit")[-1].data["exit_code"] == 0


def test_without_the_database_nothing_is_begun_and_the_key_is_good_after(fleet, api, key):
    fleet.postgres.stop()
    try:
        status, reply = post(fleet.api(), key)
        assert (status, reply["reason"]) == (503, "database_unavailable"), reply
    finally:
        fleet.postgres.start()
    wait_until("readyz", lambda: fleet.api().call("GET", "/readyz")[0] == 200, 60)
    made = post(api, key)
    assert made[0] == 201 and not is_replay(api), made
    assert post(api, key) == made


def test_keys_of_yesterday_are_swept(fleet, api, key):
    post(api, key, body={**CREATE, "auto_start": False})
    fleet.postgres.sql(f"UPDATE request_keys SET used_at = used_at - interval '25 hours' WHERE key = '{key}'")
    fleet.restart_coordinator()  # It looks once a minute, and when it begins.
    wait_until("the sweep", lambda: not fleet.postgres.sql(f"SELECT 1 FROM request_keys WHERE key = '{key}'"), 20)
    assert post(fleet.api(), key, body={**CREATE, "auto_start": False, "cpu": 2})[0] == 201
