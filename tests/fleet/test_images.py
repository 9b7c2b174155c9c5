"""Images that are made of checkpoints: real guests boot from what another one had on its disk."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import wait_until

SOURCES_MACHINE_ID = "0123456789abcdef0123456789abcdef"
IDENTITY = "/var/lib/paddock/identity"


def snapshot(api, ident, name, **fields):
    return api.ok("POST", f"/v1/sandboxes/{ident}/snapshots", {"name": name, **fields}, expect=(201,))["snapshot"]


def make(api, name, source, ident=None):
    body = {"name": name, "from_snapshot": source, **({"sandbox_id": ident} if ident else {})}
    return api.ok("POST", "/v1/images", body, expect=(201,))["image"]


def refused(api, method, path, body=None):
    status, reply = api.call(method, path, body)
    return status, reply.get("reason")


def folders(host):
    """Of images, those that are not whole included."""
    return {path.name for path in (host.state / "images").iterdir()}


def remove(api, name):
    """Its sandboxes are gone; their layers go with the next sweep."""
    wait_until(f"image {name} to be removed",
               lambda: api.call("DELETE", f"/v1/images/{name}")[0] in (200, 404), 30)


@pytest.fixture(autouse=True)
def no_image_leaks(fleet, api, nothing_leaks):
    """After each test: what it made is removed, and only the operators' images are left, whole."""
    before = [folders(host) for host in fleet.hosts]
    yield
    for sandbox in api.sandboxes():
        api.call("DELETE", f"/v1/sandboxes/{sandbox['id']}")
    for image in api.ok("GET", "/v1/images")["images"]:
        if "from_snapshot" in image:
            remove(api, image["name"])
    assert [folders(host) for host in fleet.hosts] == before


def prepared(api, host="h1"):
    """A sandbox that somebody has set up: files, packages as it were, and a machine id of its own."""
    ident = api.create(host=host, memory_mb=160, cpu=1)["id"]
    api.run(ident, f"echo {SOURCES_MACHINE_ID} > /etc/machine-id; mkdir -p /opt/app /etc/ssh; echo ready > /opt/app/state; "
                   "echo secret > /etc/ssh/ssh_host_test_key; dd if=/dev/urandom of=/opt/app/data bs=1k count=512; "
                   "sha256sum < /opt/app/data > /opt/app/sum; sync", user="root")
    return ident


def test_a_sandbox_is_made_of_what_another_one_had_set_up(fleet, api):
    host = fleet.hosts[0]
    source = prepared(api)
    assert api.run(source, f"cat {IDENTITY}", user="root")["stdout"].strip() == source
    taken = snapshot(api, source, "set-up")
    api.run(source, "echo later > /opt/app/state; sync", user="root")
    image = make(api, "app", "set-up", source)
    assert (image["name"], image["from_snapshot"], image["hosts"]) == ("app", taken["id"], ["h1"])
    assert (image["default_cpu"], image["default_memory_mb"], image["agent"]) == (1, 160, "paddock")
    assert api.ok("GET", "/v1/images/app")["image"]["digest"] == image["digest"]
    # At once, on the host that has it, from the moment that was kept; and each is somebody else.
    seen = {SOURCES_MACHINE_ID}
    for _ in range(2):
        made = api.create(image="app")
        assert made["host_name"] == "h1"
        ident = made["id"]
        assert api.run(ident, "cat /opt/app/state; sha256sum < /opt/app/data | cmp - /opt/app/sum && echo whole")["stdout"] == \
            "ready\nwhole\n"
        assert api.run(ident, f"cat {IDENTITY}", user="root")["stdout"].strip() == ident
        seen.add(api.run(ident, "cat /etc/machine-id")["stdout"].strip())
        assert api.run(ident, "ls /etc/ssh | grep -c ssh_host_test_key || true")["stdout"].strip() == "0"
        # It stays so over a reboot, and nothing is renewed twice.
        api.run(ident, "echo own > /etc/ssh/ssh_host_test_key; sync", user="root")
        api.ok("POST", f"/v1/sandboxes/{ident}/restart", {})
        seen.add(api.run(ident, "cat /etc/machine-id")["stdout"].strip())
        assert api.run(ident, "cat /etc/ssh/ssh_host_test_key")["stdout"] == "own\n"
    assert len(seen) == 3, seen
    # The source, which is no copy, is left as it is, over a reboot too.
    api.ok("POST", f"/v1/sandboxes/{source}/restart", {})
    assert api.run(source, "cat /etc/machine-id /etc/ssh/ssh_host_test_key")["stdout"] == f"{SOURCES_MACHINE_ID}\nsecret\n"
    assert "app" in folders(host) and "app" not in folders(fleet.hosts[1])


def test_it_outlives_its_source_and_is_removed_when_nothing_lies_on_it(fleet, api):
    source = prepared(api)
    taken = snapshot(api, source, "disk", memory=False)
    make(api, "app", taken["id"])
    api.ok("DELETE", f"/v1/sandboxes/{source}")
    ident = api.create(image="app")["id"]
    assert api.run(ident, "cat /opt/app/state")["stdout"] == "ready\n"
    assert refused(api, "DELETE", "/v1/images/app") == (409, "image_in_use")
    assert refused(api, "DELETE", "/v1/images/tiny") == (409, "operator_image")
    # It can be built upon, and then it stays below what was built.
    snapshot(api, ident, "more")
    make(api, "app2", "more", ident)
    api.ok("DELETE", f"/v1/sandboxes/{ident}")
    remove(api, "app")
    assert refused(api, "GET", "/v1/images/app")[0] == 404
    assert refused(api, "DELETE", "/v1/images/app")[0] == 404
    last = api.create(image="app2")["id"]  # It stands alone.
    assert api.run(last, "cat /opt/app/state")["stdout"] == "ready\n"
    assert "app" not in folders(fleet.hosts[0])


def test_of_two_requests_for_one_name_one_is_refused(fleet, api):
    source = prepared(api)
    taken = snapshot(api, source, "set-up")
    gate = threading.Barrier(3)

    def ask(_):
        mine = fleet.api()
        gate.wait(timeout=30)
        return mine.call("POST", "/v1/images", {"name": "app", "from_snapshot": taken["id"]})

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(ask, range(3)))
    assert sorted(status for status, _ in answers) == [201, 409, 409], answers
    assert {reply["reason"] for status, reply in answers if status == 409} == {"image_exists"}
    assert refused(api, "POST", "/v1/images", {"name": "tiny", "from_snapshot": taken["id"]}) == (409, "image_exists")


def test_what_cannot_be_is_refused_by_name(fleet, api):
    host = fleet.hosts[0]
    source = prepared(api)
    taken = snapshot(api, source, "set-up")
    assert refused(api, "POST", "/v1/images", {"name": "app", "from_snapshot": "set-up"}) == (400, "invalid_argument")
    assert refused(api, "POST", "/v1/images", {"name": "../x", "from_snapshot": taken["id"]}) == (400, "invalid_argument")
    for body in ({"from_snapshot": "none", "sandbox_id": source}, {"from_snapshot": "snp-aaaaaaaaaaaaaaaa"}):
        assert refused(api, "POST", "/v1/images", {"name": "app", **body}) == (404, "unknown_snapshot")
    # A layer that is not what it was.
    layer = next((host.state / "layers").glob("*.qcow2"))
    good = layer.read_bytes()
    with open(layer, "r+b") as file:
        file.seek(len(good) - 100)
        file.write(b"!" * 50)
    assert refused(api, "POST", "/v1/images", {"name": "app", "from_snapshot": taken["id"]}) == (409, "checkpoint_damaged")
    with open(layer, "r+b") as file:
        file.write(good)
    make(api, "app", taken["id"])


def test_a_hostd_that_is_killed_meanwhile_makes_it_anew_and_leaves_nothing_half(fleet, api):
    host = fleet.hosts[0]
    source = prepared(api)
    taken = snapshot(api, source, "set-up")
    before = folders(host)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: fleet.api().call("POST", "/v1/images", {"name": "app", "from_snapshot": taken["id"]}))
        wait_until("it to be begun or made", lambda: folders(host) != before or asked.done(), 60)
        host.restart_hostd()
        status, reply = asked.result(timeout=150)
    assert status == 201, reply
    fleet.wait_ready(2)
    assert folders(host) == before | {"app"}
    ident = api.create(image="app")["id"]
    assert api.run(ident, "cat /opt/app/state")["stdout"] == "ready\n"


def test_a_disk_alone_that_is_forked_becomes_somebody_else_too(api):
    source = prepared(api)
    snapshot(api, source, "disk", memory=False)
    children = api.ok("POST", f"/v1/sandboxes/{source}/fork", {"count": 2, "from_snapshot": "disk"}, expect=(201,))["children"]
    seen = set()
    for child in children:
        ident = child["sandbox"]["id"]
        wait_until("it to boot", lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "RUNNING", 60)
        seen.add(api.run(ident, "cat /etc/machine-id")["stdout"].strip())
        assert api.run(ident, f"cat {IDENTITY}", user="root")["stdout"].strip() == ident
    assert len(seen) == 2 and SOURCES_MACHINE_ID not in seen, seen
