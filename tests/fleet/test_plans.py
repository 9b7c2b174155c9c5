"""Plans: a coordinator without hosts, and PostgreSQL. Each answer is held against the published description of the tools."""

import json
import signal
import threading
import uuid

import pytest

from dying import done_until_it_died
from fleet import Fleet
from live import Events
from published import TOOLS, PublishedClient

ALL = "/v1/plan/"
ONE = ALL + "{planID}"
CREATE = "/v1/plan/create"
UPDATE = "/v1/plan/update"
NO_SUCH = "pln-aaaaaaaaaaaaaaaa"
# What every client may count on (the description itself requires nothing).
ALWAYS = {"Plan": {"id", "name", "description", "status", "current_step", "steps", "created_at", "updated_at", "created_by", "updated_by",
                   "revision"},
          "PlanStep": {"index", "description", "status"},
          "ListPlansResponse": {"plans", "total"}, "GetPlanResponse": {"plan"}, "CreatePlanResponse": {"plan_id", "plan"},
          "UpdatePlanResponse": {"plan_id", "updated", "plan"}}


@pytest.fixture(scope="module")
def alone(build, image):
    with Fleet(build, image, hosts=0, max_plans=12) as fleet:
        yield fleet


class Client(PublishedClient):
    def __init__(self, fleet):
        super().__init__(fleet, TOOLS, ALWAYS)

    def make(self, *steps, name="deploy", **fields):
        """Its id."""
        made = self.call("POST", CREATE, 200, {"name": name, "steps": steps or ["a", "b", "c"], **fields})
        assert made["plan_id"] == made["plan"]["id"]
        return made["plan_id"]

    def get(self, plan):
        return self.call("GET", ONE, 200, planID=plan)["plan"]

    def advance(self, plan, status=200, body=None, key=None):
        reply = self.call("POST", ONE + "/advance", status, {} if body is None else body, planID=plan,
                          headers={"Idempotency-Key": key} if key else None)
        return reply["plan"] if status == 200 else reply["reason"]

    def update(self, plan, index, http_status=200, **fields):
        reply = self.call("POST", UPDATE, http_status, {"plan_id": plan, "step_index": index, **fields})
        return reply if http_status == 200 else reply["reason"]

    def abort(self, plan, status=200, **fields):
        reply = self.call("POST", ONE + "/abort", status, fields, planID=plan)
        return reply["plan"] if status == 200 else reply["reason"]

    def remove(self, plan):
        assert self.call("DELETE", ONE, 200, planID=plan) == {"plan_id": plan, "deleted": True}


@pytest.fixture
def client(alone):
    client = Client(alone)
    yield client
    for plan in client.call("GET", ALL, 200)["plans"]:
        client.remove(plan["id"])
    assert alone.half_audited() == []
    assert "ok" in alone.verify_audit().lower()


def shape(plan):
    """Its status, where it is, and its steps by their first letters."""
    return f"{plan['status']} {plan['current_step']} {''.join(step['status'][0] for step in plan['steps'])}"


def exact(value):
    return json.dumps(value, sort_keys=True)


def audited(fleet, plan):
    return [tuple(row) for row in fleet.postgres.sql(
        f"SELECT action, kind, result, detail FROM audit WHERE target = '{plan}' ORDER BY seq")]


def test_a_plan_lives_as_the_description_says(client):
    plan = client.make("Install", "Copy", "Look", name="Serve ü", description="on\nMonday")
    made = client.get(plan)
    assert (made["name"], made["description"], shape(made), made["revision"]) == ("Serve ü", "on\nMonday", "pending -1 ppp", 1)
    assert [(step["index"], step["description"]) for step in made["steps"]] == [(0, "Install"), (1, "Copy"), (2, "Look")]
    assert made["created_by"] == made["updated_by"] != ""
    assert shape(client.advance(plan)) == "in_progress 0 app"
    second = client.advance(plan, body={"result": "nginx 1.22"})
    assert shape(second) == "in_progress 1 cap" and second["steps"][0]["result"] == "nginx 1.22"
    assert made["created_at"] < second["steps"][0]["started_at"] < second["steps"][0]["completed_at"] == second["updated_at"]
    noted = client.update(plan, 1, result="half of it")
    assert noted["updated"] and noted["plan"]["steps"][1]["result"] == "half of it"
    again = client.update(plan, 1, result="half of it")
    assert not again["updated"] and again["plan"]["revision"] == noted["plan"]["revision"] == 4
    assert shape(client.update(plan, 1, status="completed")["plan"]) == "in_progress 1 ccp"
    assert shape(client.advance(plan)) == "in_progress 2 cca"
    done = client.advance(plan)
    assert shape(done) == "completed 2 ccc" and done["completed_at"] == done["updated_at"]
    listed = client.call("GET", ALL, 200)
    assert exact(listed) == exact({"plans": [done], "total": 1})
    client.remove(plan)
    client.call("GET", ONE, 404, planID=plan)


def test_a_plan_ends_with_a_step_that_fails_or_by_an_abort(client):
    failing, aborted = client.make(), client.make()
    client.advance(failing)
    failed = client.update(failing, 0, status="failed", error="no space")["plan"]
    assert shape(failed) == "failed 0 fss" and failed["steps"][0]["error"] == "no space"
    client.advance(aborted)
    client.advance(aborted)
    stopped = client.abort(aborted, reason="not today")
    assert shape(stopped) == "aborted 1 cfs" and stopped["abort_reason"] == "not today"
    for plan in (failing, aborted):
        before = exact(client.get(plan))
        assert client.advance(plan, 409) == "plan_ended"
        assert client.abort(plan, 409) == "plan_ended"
        assert client.update(plan, 2, 409, status="active") == "plan_ended"
        assert exact(client.get(plan)) == before
    assert not client.update(failing, 0, status="failed", error="no space")["updated"]


def test_bad_requests_are_refused_and_change_nothing(client, alone):
    plan = client.make()
    client.advance(plan)
    before, rows = exact(client.get(plan)), alone.postgres.sql("SELECT count(*) FROM audit")
    good = {"name": "n", "steps": ["a"]}
    for field, wrong in (("name", ""), ("name", "a\nb"), ("name", 7), ("name", "x" * 256), ("steps", []), ("steps", "a"), ("steps", [1]),
                         ("steps", [""]), ("steps", ["x" * 4097]), ("steps", ["s"] * 201), ("description", None),
                         ("description", "x" * 16385), ("status", "pending"), ("nonsense", 1)):
        reply = client.call("POST", CREATE, 400, {**good, field: wrong})
        assert reply["errors"][0]["field"].split(".")[0] == field, field
    for raw in ('{"name":"n","steps":["a"]} {}', "[]", '{"name":"n"', '{"name":"n","name":"m","steps":["a"]}', ""):
        client.call("POST", CREATE, 400, raw=raw)
    for field, wrong in (("plan_id", "x"), ("step_index", -1), ("step_index", "0"), ("step_index", 200), ("status", "done"), ("result", 1),
                         ("error", "x" * 65537), ("nonsense", 1)):
        reply = client.call("POST", UPDATE, 400, {"plan_id": plan, "step_index": 0, "status": "completed", field: wrong})
        assert reply["errors"][0]["field"] == field
    client.call("POST", UPDATE, 400, {"plan_id": plan, "step_index": 0})
    client.call("POST", ONE + "/advance", 400, {"result": 1}, planID=plan)
    client.call("POST", ONE + "/abort", 400, {"reason": "x" * 1025}, planID=plan)
    client.call("GET", ALL, 400, query="?limit=0")
    client.call("GET", ALL, 400, query="?status=pending")
    for fields, reason in (({"index": 0, "status": "pending"}, "step_active"), ({"index": 1, "status": "completed"}, "step_not_active"),
                           ({"index": 2, "status": "active"}, "step_out_of_order")):
        assert client.update(plan, fields.pop("index"), 409, **fields) == reason
    assert client.update(plan, 3, 404, status="active") == "unknown_step"
    for unknown in (NO_SUCH, "nope", "..%2Fx", "tsk-aaaaaaaaaaaaaaaa"):
        assert client.call("GET", ONE, 404, planID=unknown)["reason"] == "unknown_plan"
        client.call("DELETE", ONE, 404, planID=unknown)
        assert client.advance(unknown, 404) == client.abort(unknown, 404) == "unknown_plan"
    assert client.update(NO_SUCH, 0, 404, status="active") == "unknown_plan"
    assert exact(client.get(plan)) == before
    assert alone.postgres.sql("SELECT count(*) FROM audit") == rows


def test_limits_of_plans_are_answered_with_their_reason(client):
    plans = [client.make("s" * 4096, name=f"p{number}") for number in range(12)]
    assert client.call("POST", CREATE, 409, {"name": "more", "steps": ["a"]})["reason"] == "too_many_plans"
    listed = client.call("GET", ALL, 200)
    assert listed["total"] == 12 and [plan["id"] for plan in listed["plans"]] == plans[::-1]
    page = client.call("GET", ALL, 200, query="?limit=2&offset=9")
    assert page["total"] == 12 and [plan["name"] for plan in page["plans"]] == ["p2", "p1"]
    client.remove(plans[0])
    assert client.call("POST", CREATE, 409, {"name": "large", "steps": ["x" * 4096] * 129})["reason"] == "plan_too_large"
    large = client.make(*["x" * 4096] * 127)
    client.advance(large)
    assert client.advance(large, 409, {"result": "r" * 5000}) == "plan_too_large"
    assert client.update(large, 0, 409, status="failed", error="e" * 5000) == "plan_too_large"
    assert shape(client.abort(large, reason="r" * 1024)) == "aborted 0 f" + "s" * 126


def test_what_is_written_comes_back(client):
    texts = ["\u0000", "\u2028'\"\\", "NULL", "{a,\"b\"}", "\U0001f40e\ufffe", " \t\r\n ", "'; DROP TABLE plans; --", "\\x00"]
    plan = client.make(*texts, description="".join(texts))
    for text in texts:
        client.advance(plan)
        client.update(plan, texts.index(text), status="skipped", result=text, error=text[::-1])
    done = client.get(plan)
    assert [step["description"] for step in done["steps"]] == [step["result"] for step in done["steps"]] == texts
    assert [step["error"] for step in done["steps"]] == [text[::-1] for text in texts] and done["description"] == "".join(texts)
    assert shape(done) == "completed 7 ssssssss"


def at_once(number, work):
    """Of each thread what its work gave."""
    results, start = [], threading.Barrier(number)

    def one(which):
        start.wait()
        results.append(work(which))

    threads = [threading.Thread(target=one, args=(which,)) for which in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == number, "a thread failed"
    return results


def test_ten_that_advance_at_once_lose_no_step(client, alone):
    plan = client.make(*(f"step {n}" for n in range(30)))
    plans = at_once(10, lambda which: [Client(alone).advance(plan, key=f"{plan}-{which}-{n}") for n in range(3)])
    seen = sorted(each["current_step"] for one in plans for each in one)
    assert seen == list(range(30))
    assert shape(client.get(plan)) == "in_progress 29 " + "c" * 29 + "a"
    assert client.get(plan)["revision"] == 31
    steps = client.get(plan)["steps"]
    assert all(one["completed_at"] == following["started_at"] for one, following in zip(steps, steps[1:]))


def test_ten_that_advance_under_one_key_advance_once(client, alone):
    plan = client.make()
    key = str(uuid.uuid4())

    def advance(_):
        mine = Client(alone)
        while True:
            status, reply = mine.api.call("POST", f"/v1/plan/{plan}/advance", {}, headers={"Idempotency-Key": key})
            if status == 200:
                return exact(reply)
            assert (status, reply["reason"]) == (409, "idempotency_in_progress"), reply

    assert len(set(at_once(10, advance))) == 1
    assert shape(client.get(plan)) == "in_progress 0 app"
    assert client.call("POST", ONE + "/advance", 409, {"result": "x"}, planID=plan,
                       headers={"Idempotency-Key": key})["reason"] == "idempotency_key_reused"


def test_of_an_abort_and_what_comes_at_once_with_it_nothing_is_half(client, alone):
    plan = client.make(*"abcdefgh")

    def work(which):
        mine = Client(alone)
        path, body = (f"/v1/plan/{plan}/abort", {"reason": str(which)}) if which % 2 else (f"/v1/plan/{plan}/advance", {})
        return which % 2, mine.api.call("POST", path, body)[0]

    results = at_once(8, work)
    assert results.count((1, 200)) == 1 and results.count((1, 409)) == 3
    ended = client.get(plan)
    advanced = results.count((0, 200))
    assert ended["revision"] == 2 + advanced and ended["current_step"] == advanced - 1
    assert shape(ended) == f"aborted {advanced - 1} " + ("c" * (advanced - 1) + "f" if advanced else "") + "s" * (8 - advanced)


def test_the_audit_explains_a_plan_and_can_be_followed(client, alone):
    events = Events(client.api, "/v1/events?action=plan")
    assert next(events).name == "connected"
    plan = client.make(name="watched")
    client.advance(plan)
    client.advance(plan, body={"result": "a secret"})
    client.update(plan, 1, status="completed", error="a secret")
    client.abort(plan, reason="enough")
    client.remove(plan)
    rows = audited(alone, plan)
    actions = ["create", "advance", "advance", "update", "abort", "delete"]
    assert [row[:3] for row in rows] == [(f"plan.{action}", kind, result) for action in actions
                                         for kind, result in (("intent", ""), ("outcome", "ok"))]
    assert "secret" not in str(rows)
    details = [json.loads(row[3]) for row in rows[1::2]]
    assert [(one["name"], one["status"], one["current_step"]) for one in details] == [
        ("watched", "pending", "-1"), ("watched", "in_progress", "0"), ("watched", "in_progress", "1"), ("watched", "in_progress", "1"),
        ("watched", "aborted", "1"), ("watched", "aborted", "1")]
    assert (details[3]["step"], details[3]["step_status"], details[4]["reason"]) == ("1", "completed", "enough")
    followed = []
    while len(followed) < len(rows):
        event = next(events)
        if event.name == "audit":
            followed.append((event.data["action"], event.data["kind"], event.data["target"]))
    events.close()
    assert followed == [(*row[:2], plan) for row in rows]


def test_a_restart_loses_no_plan(client, alone):
    plan = client.make("one", "two", "\u0000\u2028'\"\\")
    client.advance(plan, key="before-the-end")
    client.update(plan, 0, result="half", error="\u0000")
    before = exact(client.get(plan))
    alone.restart_coordinator(signal.SIGKILL)
    assert exact(client.get(plan)) == before
    assert client.advance(plan, key="before-the-end")["current_step"] == 0
    assert exact(client.get(plan)) == before
    assert client.advance(plan)["current_step"] == 1


def test_what_was_confirmed_is_there_whenever_the_coordinator_dies(client, alone):
    plan = client.make(*["s"] * 200)
    confirmed = []
    for died in range(1, 4):
        mine = Client(alone)
        confirmed += done_until_it_died(alone, lambda: mine.advance(plan)["current_step"])
        now = client.get(plan)
        assert confirmed == sorted(set(confirmed))
        assert confirmed[-1] <= now["current_step"] <= confirmed[-1] + 1
        assert len(confirmed) <= now["current_step"] + 1 <= len(confirmed) + died
        assert now["revision"] == now["current_step"] + 2
