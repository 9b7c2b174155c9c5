"""A host that hangs keeps nobody from what another one is asked for, however many wait for it: docs/troubleshoot.md, `host_busy`.

hostd of h2 is stopped; a crowd asks for what h2 would have to do, of each kind that can wait for a host, more than the API has threads. Meanwhile
h1 is used as before. Then h2 goes on: each of the crowd has one end, and is told no other."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import crowd as who
from crowd import SMALL, Crowd, check_times, hung, shown, use
from fleet import Fleet, wait_until
from on_hosts import strangers
from steady_use import health

CROWD = 136  # The API has 128 threads, of which 120 wait for hosts, and 90 for one of several.
MANY = 36  # So that, if these were not counted, there would be no thread left beside the 90.
MORE_THAN_RECEIVED = 64  # Of uploads 60 are received at once.


@pytest.fixture(scope="module")
def fleet(build, image):
    fleet = Fleet(build, image)
    fleet.hosts[1].settings = {"capacity_memory_mb": 40000}  # For what only lies there.
    with fleet:
        yield fleet


@pytest.fixture(scope="module")
def boxes(fleet):
    """On h2, by what is done to them; one of h1, that is well."""
    api = fleet.api()
    wait_until("the engine of h2", lambda: api.ok("GET", "/v1/hosts/h2")["host"]["state_engine"] == "fast", 60)
    off, late = (api.create(**SMALL, host="h2", auto_start=False)["id"] for _ in range(2))
    api.ok("POST", f"/v1/sandboxes/{off}/snapshots", {"name": "base", "memory": False})
    made = {"off": off, "late": late, "used": running(fleet, 3), "well": api.create(**SMALL, host="h1")["id"]}
    for box in made["used"]:
        api.run(box, "echo new > text; touch numbers")
    return made


@pytest.fixture(scope="module")
def quiet(fleet, boxes):
    """Seconds that each thing takes on h1 when all is quiet."""
    return use(fleet, "h1", boxes["well"], boots=True)


# The sandboxes are shared by this file's tests: leaks are checked where they are destroyed.
@pytest.fixture(autouse=True)
def nothing_leaks():
    yield


def running(fleet, count):
    with ThreadPoolExecutor(count) as pool:
        return [one["id"] for one in pool.map(lambda _: fleet.api().create(**SMALL, host="h2"), range(count))]


def clear(fleet, keep=()):
    """What the crowd has made, and what a test has for itself, goes."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda box: fleet.api().destroy(box["id"]), [box for box in fleet.api().sandboxes() if box["id"] not in keep]))
    api = fleet.api()
    for name in [image["name"] for image in api.ok("GET", "/v1/images")["images"] if image.get("from_snapshot")]:
        wait_until(f"{name} to be deleted", lambda name=name: api.call("DELETE", f"/v1/images/{name}")[0] == 200, 60)


def kept(boxes):
    return {boxes["off"], boxes["late"], boxes["well"], *boxes["used"]}


def settles(fleet, crowd):
    """All that was asked for has an end, on record and on the host, which is ready again."""
    fleet.wait_ready(2)
    api = fleet.api()

    def unrest():
        lost = [f"{box['id']}, which is lost" for box in api.sandboxes() if box["phase"] == "lost"]
        return fleet.without_an_end() + strangers(fleet, api) + lost

    try:
        wait_until("all to come to rest", lambda: not unrest(), 30)
    except AssertionError:
        raise AssertionError(f"it does not come to rest: {unrest()}") from None
    crowd.check()
    assert "ok" in fleet.verify_audit().lower()
    assert health(fleet.api()) == {"h1": "ready", "h2": "ready"}


# ---- who waits ------------------------------------------------------------------

KINDS = {
    "creates": lambda boxes: who.creates(MANY, host="h2"),
    "uploads": lambda boxes: who.uploads(MORE_THAN_RECEIVED, boxes["used"][0]),
    "files": lambda boxes: (who.downloads(MANY, boxes["used"][0]) + who.edits(MANY // 3, boxes["used"][0]) + who.writes(MANY // 3, boxes["used"][1]) +
                            who.lists(MANY // 3, boxes["used"][2])),
    "execs and snapshots": lambda boxes: who.execs(MANY, boxes["used"][0]) + who.snapshots(31, boxes["off"]),  # It has one, and may have 32.
    "images": lambda boxes: who.images(MANY, boxes["off"], "base"),
    "addresses and logs": lambda boxes: who.moods(1, boxes["late"], "start") + who.addresses(MANY, boxes["late"]) + who.logs(MANY, boxes["used"][0]),
    "listings": lambda boxes: who.listings(MANY),
}


@pytest.mark.parametrize("kind", KINDS)
def test_many_of_one_kind_that_wait_for_a_hung_host_leave_room_for_others(fleet, boxes, quiet, kind, capsys):
    first, *others = KINDS[kind](boxes)
    with Crowd(fleet) as crowd:
        with hung(fleet.hosts[1]):
            crowd.send([first])  # What the others wait for has begun.
            crowd.send(others + who.runs(CROWD - len(others), boxes["used"]))
            waited = len(crowd.waiting())
            took = use(fleet, "h1", boxes["well"], boots=False)
    settles(fleet, crowd)
    with capsys.disabled():
        print(f"\n{crowd}; {waited} waited; h1 meanwhile: {shown(took, quiet)}")
    assert waited > CROWD / 2, "there was no crowd"
    check_times(took, quiet)
    clear(fleet, kept(boxes))


def test_a_host_that_hangs_until_it_is_suspect_keeps_nobody_from_another(fleet, boxes, quiet, capsys):
    """All kinds at once, of sandboxes in each mood."""
    api, (one, two, three) = fleet.api(), boxes["used"]
    mine = dict(zip(("pause", "resume", "suspend", "stop", "restore", "fork", "doomed"), running(fleet, 7)))
    stopped = api.create(**SMALL, host="h2", auto_start=False)["id"]
    api.ok("POST", f"/v1/sandboxes/{mine['resume']}/pause")
    api.ok("POST", f"/v1/sandboxes/{mine['restore']}/snapshots", {"name": "first"}, expect=(201,))

    def all_kinds():
        return [*who.forks(2, mine["fork"]), *who.restores(2, mine["restore"], "first"), *who.snapshots(4, stopped), *who.images(4, boxes["off"], "base"),
                *(request for verb in ("pause", "resume", "suspend", "stop") for request in who.moods(4, mine[verb], verb)), *who.destroys(4, mine["doomed"]),
                *who.creates(12, host="h2"), *who.execs(8, one), *who.uploads(12, two), *who.downloads(8, three), *who.writes(8, one), *who.edits(8, two),
                *who.lists(8, three), *who.logs(8, one), *who.runs(60, boxes["used"])]

    with Crowd(fleet) as crowd:
        with hung(fleet.hosts[1]):
            crowd.send(all_kinds())
            at_first = use(fleet, "h1", boxes["well"], boots=True)
            wait_until("h2 to be suspect", lambda: health(api)["h2"] == "suspect", 15)
            wait_until("the latest to be told", lambda: len(crowd.waiting()) <= 40, 15)
            crowd.send(all_kinds())
            waited = len(crowd.waiting())
            when_suspect = use(fleet, "h1", boxes["well"], boots=True)
            assert health(api) == {"h1": "ready", "h2": "suspect"}
    settles(fleet, crowd)
    with capsys.disabled():
        print(f"\n{crowd}; {waited} waited for a suspect host; h1 meanwhile: {shown(at_first, quiet)}; then: {shown(when_suspect, quiet)}")
    for took in (at_first, when_suspect):
        check_times(took, quiet)
    clear(fleet, kept(boxes))


def test_creates_that_name_no_host_go_to_one_that_answers_or_say_why_not(fleet, boxes, capsys):
    api = fleet.api()
    api.create(**{**SMALL, "memory_mb": 4000}, host="h1", auto_start=False)  # h2 is the emptier one by far.

    def go_to_h1(requests):
        for request in requests:
            request.send(api)
            assert request.is_done and request.reply["sandbox"]["host_name"] == "h1", (request.told, request.reply)
        return requests

    with Crowd(fleet) as crowd:
        with hung(fleet.hosts[1]):  # As many wait for it as may.
            crowd.send(who.runs(CROWD, boxes["used"]))
            assert api.ok("POST", "/v1/placement/explain", SMALL)["host"] == "h2"
            made = go_to_h1(who.creates(4))
        wait_until("h2 to have answered", lambda: not crowd.waiting(), 60)
        with hung(fleet.hosts[1]):  # Nobody knows yet: some are given to it, and wait.
            early = who.creates(4)
            crowd.send(early)
            waited = len(crowd.waiting())
            wait_until("h2 to be suspect", lambda: health(api)["h2"] == "suspect", 15)
            made += go_to_h1(who.creates(4))
    crowd.requests += made
    settles(fleet, crowd)
    ends = [request.reply["sandbox"]["host_name"] if request.is_done else request.told for request in early]
    with capsys.disabled():
        print(f"\n{crowd}; {waited} creates waited: {ends}")
    assert waited >= 1 and set(ends) <= {"h1", "h2"} | who.NOBODY_KNOWS, (waited, ends)
    clear(fleet, kept(boxes))


def test_afterwards_nothing_is_left(fleet, boxes):
    clear(fleet)
    try:
        wait_until("no leftovers", lambda: not fleet.leftovers(), 60)
    except AssertionError:
        raise AssertionError(f"left over: {fleet.leftovers()}") from None
