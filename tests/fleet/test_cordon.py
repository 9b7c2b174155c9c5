"""What an operator wants of hosts: nothing more placed on one, and why a sandbox would go where."""

from test_pools import SHAPE, now, warm_pool, wait_filled


def cordon(api, host, wanted="cordon"):
    return api.ok("POST", f"/v1/hosts/{host}/{wanted}")["host"]


def explained(api, **fields):
    told = api.ok("POST", "/v1/placement/explain", {"image": "tiny", "agent_id": "tests", **fields})
    return told.get("host"), {one["name"]: one.get("why_not", "") for one in told["hosts"]}


def test_a_cordoned_host_gets_nothing_new_and_keeps_what_it_has(fleet, api, cli):
    old = api.create(host="h1")["id"]
    assert cordon(api, "h1")["cordoned"] and cordon(api, "h1")["cordoned"]
    assert "ready, cordoned" in cli.ok("hosts", "ls")
    assert explained(api) == ("h2", {"h1": "it is cordoned", "h2": ""})
    for _ in range(2):
        assert api.create(memory_mb=160)["host_name"] == "h2"
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "auto_start": True, "host": "h1"})
    assert (status, reply["reason"]) == (503, "no_capacity") and "h1: it is cordoned" in reply["details"]

    # What is there lives on, over its sleep, too; and it is not multiplied.
    assert api.run(old, "echo here")["stdout"] == "here\n"
    api.ok("POST", f"/v1/sandboxes/{old}/suspend")
    assert api.run(old, "echo awake")["stdout"] == "awake\n"
    status, reply = api.call("POST", f"/v1/sandboxes/{old}/fork", {"count": 1})
    assert (status, reply["reason"]) == (409, "host_cordoned")

    fleet.restart_coordinator()
    fleet.hosts[0].restart_hostd()
    fleet.wait_ready(2)
    assert api.ok("GET", "/v1/hosts/h1")["host"]["cordoned"]
    assert explained(api)[0] == "h2"
    cordon(api, "h2")
    assert explained(api) == (None, {"h1": "it is cordoned", "h2": "it is cordoned"})
    assert cli.ok("uncordon", "h1", "h2") == "h1 uncordoned\nh2 uncordoned\n" and not api.ok("GET", "/v1/hosts/h2")["host"]["cordoned"]
    assert api.create(host="h1", memory_mb=160)["host_name"] == "h1"
    done = api.ok("POST", f"/v1/sandboxes/{old}/fork", {"count": 1})["children"][0]
    assert done["sandbox"]["host_name"] == "h1"
    assert api.call("POST", "/v1/hosts/h9/cordon", {})[0] == 404


def test_labels_are_set_and_taken_off_and_outlive_a_restart(fleet, api, cli):
    assert api.ok("PATCH", "/v1/hosts/h1", {"labels": {"rack": "a1", "gpu": ""}})["host"]["labels"] == {"rack": "a1", "gpu": ""}
    cli.ok("hosts", "label", "h1", "rack=b2", "gpu-", "note=a b=c")
    fleet.restart_coordinator()
    assert fleet.api().ok("GET", "/v1/hosts/h1")["host"]["labels"] == {"rack": "b2", "note": "a b=c"}
    assert cli("hosts", "label", "h1", "rack").returncode == 2
    assert cli("hosts", "label", "h9", "rack=a").returncode == 116
    rows = fleet.api().ok("GET", "/v1/audit?action=host.label&kind=intent")["rows"]
    assert [row["detail"]["labels"] for row in rows] == ["gpu- note=a b=c rack=b2", "gpu= rack=a1"]


def test_a_sandbox_is_placed_on_a_host_that_has_the_labels(fleet, api, cli):
    cli.ok("hosts", "label", "h2", "gpu=a100", "zone=eu")
    gpu = {"placement": {"labels": {"gpu": "a100", "zone": "eu"}}}
    assert explained(api, **gpu) == ("h2", {"h1": 'it has no label gpu, "a100" was asked for', "h2": ""})
    for _ in range(2):
        assert api.create(memory_mb=160, **gpu)["host_name"] == "h2"
    assert cli.json("create", "tiny", "--host-label", "gpu=a100", "--no-start")["sandbox"]["host_name"] == "h2"
    body = {"image": "tiny", "agent_id": "a", "auto_start": True, "placement": {"labels": {"gpu": "h100"}}}
    status, reply = api.call("POST", "/v1/sandboxes", body)
    assert (status, reply["reason"]) == (503, "no_capacity")
    assert 'h2: its label gpu is "a100", "h100" was asked for' in reply["details"]
    cli.ok("hosts", "label", "h1", "gpu=h100")
    assert api.create(memory_mb=160, **{"placement": {"labels": {"gpu": "h100"}}})["host_name"] == "h1"


def refused(api, **placement):
    """What each host says to that."""
    status, reply = api.call("POST", "/v1/sandboxes",
                             {"image": "tiny", "agent_id": "a", "auto_start": True, "placement": placement})
    assert (status, reply["reason"]) == (503, "no_capacity"), reply
    return dict(line.split(": ", 1) for line in reply["details"].splitlines())


def test_a_tainted_host_takes_only_what_tolerates_it(fleet, api, cli):
    old = api.create(host="h1", memory_mb=160)["id"]
    assert "ready, tainted" in (cli.ok("hosts", "taint", "h1", "gpu=a100") and cli.ok("hosts", "ls"))
    assert api.create(memory_mb=160)["host_name"] == "h2"
    why = "it is tainted gpu=a100, which was not said to be tolerated"
    assert explained(api, host="h1")[1]["h1"] == why
    assert refused(api, labels={}, host="h1")["h1"] == why
    made = cli.json("create", "tiny", "--host", "h1", "--tolerate", "gpu")["sandbox"]
    assert made["host_name"] == "h1" and made["placement"] == {"tolerations": ["gpu"]}
    fleet.restart_coordinator()
    api = fleet.api()
    fleet.wait_ready(2)
    assert api.ok("GET", "/v1/hosts/h1")["host"]["taints"] == {"gpu": "a100"}
    assert api.run(old, "echo stays")["stdout"] == "stays\n"
    # It is there, and may be started there again, tainted or not.
    api.ok("POST", f"/v1/sandboxes/{old}/stop", {"force": True})
    api.ok("POST", f"/v1/sandboxes/{old}/start")
    cli.ok("hosts", "taint", "h1", "gpu-")
    assert explained(api, host="h1") == ("h1", {"h1": "", "h2": "another host was asked for"})


def test_a_group_is_kept_apart_and_spread_over_racks(fleet, api, cli):
    first, second = (cli.json("create", "tiny", "--group", "web", "--no-start")["sandbox"] for _ in range(2))
    assert {first["host_name"], second["host_name"]} == {"h1", "h2"}
    taken = "one of group web is there"
    assert refused(api, group="web") == {"h1": taken, "h2": taken}
    assert api.create(memory_mb=160, placement={"group": "web", "apart": "preferred"})["placement"]["apart"] == "preferred"
    api.destroy(first["id"])
    cli.ok("hosts", "label", "h1", "rack=a")
    cli.ok("hosts", "label", "h2", "rack=a")
    db = cli.json("create", "tiny", "--group", "db", "--spread-by", "rack", "--no-start")["sandbox"]
    same = 'one of group db is where rack is "a"'
    assert refused(api, group="db", spread_by="rack") == {"h1": same, "h2": same}
    other = {"h1": "h2", "h2": "h1"}[db["host_name"]]
    cli.ok("hosts", "label", other, "rack=b")
    fleet.restart_coordinator()
    fleet.wait_ready(2)
    api = fleet.api()
    assert api.create(memory_mb=160, placement={"group": "db", "spread_by": "rack"})["host_name"] == other
    assert refused(api, accelerator="kvm" if api.ok("GET", "/v1/hosts/h1")["host"]["accel"] == "tcg" else "tcg")


def test_every_host_that_fits_has_a_score_and_the_highest_is_chosen(api):
    told = api.ok("POST", "/v1/placement/explain", {"image": "tiny", "agent_id": "tests"})
    scores = {one["name"]: one["score"] for one in told["hosts"]}
    assert scores[told["host"]] == max(scores.values()) and len(scores) == 2
    assert all(0 <= value <= 1 for one in told["hosts"] for value in one["scores"].values())


def test_what_stands_ready_elsewhere_is_not_claimed_for_a_label(fleet, api, cli):
    cli.ok("hosts", "label", "h1", "rack=1")
    cli.ok("hosts", "label", "h2", "rack=2")
    with warm_pool(fleet, min=1, max=1) as name:
        wait_filled(api, name, 1)
        for host, rack in (("h2", "2"), ("h1", "1")):
            claimed = api.create(**{**SHAPE, "pool": "require", "placement": {"labels": {"rack": rack}}})
            assert claimed["host_name"] == host
        assert now(api, name)["hits"] == 2
        body = {**SHAPE, "agent_id": "a", "auto_start": True, "pool": "require", "placement": {"labels": {"rack": "3"}}}
        assert api.call("POST", "/v1/sandboxes", body)[1]["reason"] == "pool_empty"


def test_a_pool_leaves_a_cordoned_host_and_comes_back(fleet, api):
    with warm_pool(fleet, min=1, max=1) as name:
        wait_filled(api, name, 1)
        cordon(api, "h2")
        try:
            wait_filled(api, name, 1, on=["h1"])
            claimed = api.create(**{**SHAPE, "pool": "require"})
            assert claimed["host_name"] == "h1" and now(api, name)["hits"] == 1
        finally:
            cordon(api, "h2", "uncordon")
        wait_filled(api, name, 1)
