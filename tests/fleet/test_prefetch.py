"""Images that not every host has: fetched by label, or when something of them is to run there."""

import pytest

from fleet import wait_until
from test_uploads import register, tiny


@pytest.fixture
def made(api, image):
    """Registered, with where it is and where it is not."""
    names = []

    def make(prefetch):
        names.append("far")
        one = register(api, tiny(api, image, "far", prefetch=prefetch))
        assert one["prefetch"] == prefetch
        here, = one["hosts"]
        return here, {"h1": "h2", "h2": "h1"}[here]

    yield make
    for one in api.ok("GET", "/v1/sandboxes")["sandboxes"]:
        api.ok("DELETE", f"/v1/sandboxes/{one['id']}")
    for name in names:
        api.ok("DELETE", f"/v1/images/{name}")


def about(api):
    return api.ok("GET", "/v1/images/far")["image"]


def create(api, **fields):
    return api.call("POST", "/v1/sandboxes", {"image": "far", "agent_id": "a", "auto_start": True, **fields})


def created(api, **fields):
    """As a client would: again, as long as the image is on its way."""
    def answered():
        status, reply = create(api, **fields)
        assert status == 201 or reply["reason"] == "image_fetching", reply
        return reply["sandbox"] if status == 201 else None
    return wait_until("the image, and the sandbox", answered, 60)


def test_it_is_fetched_when_something_of_it_is_to_run_there(fleet, api, made):
    here, there = made("none")
    scores = {one["name"]: one["scores"]["image"] for one in api.ok("POST", "/v1/placement/explain", {"image": "far", "agent_id": "a"})["hosts"]}
    assert scores == {here: 1, there: 0}
    for _ in range(2):  # Where it is there is room: nothing is fetched.
        assert created(api)["host_name"] == here
    assert about(api)["hosts"] == [here] and "missing_on" not in about(api)
    status, reply = create(api, host=there)
    assert (status, reply["reason"]) == (503, "image_fetching") and there in reply["error"], reply
    one = created(api, host=there)
    assert one["host_name"] == there
    assert api.run(one["id"], "echo hello")["stdout"] == "hello\n"
    assert about(api)["hosts"] == ["h1", "h2"]
    rows = api.ok("GET", "/v1/audit?tool=image&action=image.fetch&order=newest&limit=20")["rows"]
    assert [row["target"] for row in rows if row["kind"] == "intent"] == ["far"]


def test_hosts_with_a_label_fetch_it(fleet, api, made, cli):
    here, there = made("disk=nvme")
    assert about(api)["hosts"] == [here]
    cli.ok("hosts", "label", there, "disk=nvme")
    try:
        wait_until("that host to have it", lambda: about(api)["hosts"] == ["h1", "h2"], 60)
    finally:
        cli.ok("hosts", "label", there, "disk-")


def test_the_command_line_waits_for_it(fleet, api, made, cli):
    _, there = made("none")
    at_once = cli("create", "far", "--host", there, "--no-wait")
    assert at_once.returncode != 0 and f"host {there} is to fetch it" in at_once.stderr, at_once.stderr
    cli.ok("create", "far", "--name", "far-1", "--host", there)
    assert api.ok("GET", "/v1/sandboxes?vm_name=far-1")["sandboxes"][0]["host_name"] == there


def test_a_drain_moves_what_is_of_it_with_its_memory(fleet, api, made, cli):
    here, there = made("none")
    one = created(api)
    assert one["host_name"] == here
    api.run(one["id"], "echo kept > /dev/shm/kept")
    cli.ok("drain", here, "--no-wait")
    try:
        wait_until("it to be moved", lambda: api.ok("GET", f"/v1/sandboxes/{one['id']}")["sandbox"]["host_name"] == there, 120)
        wait_until("it to run", lambda: api.ok("GET", f"/v1/sandboxes/{one['id']}")["sandbox"]["phase"] == "running", 60)
        assert api.run(one["id"], "cat /dev/shm/kept")["stdout"] == "kept\n"
        assert about(api)["hosts"] == ["h1", "h2"]
    finally:
        cli.ok("uncordon", here)


def test_what_is_no_policy_is_refused_and_nothing_is_made(fleet, api, image):
    body = tiny(api, image, "far", prefetch="some")
    status, reply = api.call("POST", "/v1/images", body)
    assert status == 400 and "prefetch" in str(reply), reply
    assert "far" not in {one["name"] for one in api.ok("GET", "/v1/images")["images"]}
