"""Bad input: a clear 4xx that names the field, and no trace left."""

import pytest

HOSTILE = ["../x", "a/b", "a'b\"c", "<domain/>", "a\nb", "-x", "x" * 200, "", "ü", "a\u0000b"]


def rows(fleet):
    return fleet.postgres.sql("SELECT count(*) FROM sandboxes")[0][0]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_refused(fleet, api, name):
    before = rows(fleet)
    for field in ("vm_name", "image"):
        status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", field: name})
        if field == "vm_name" and name == "":
            continue  # An empty name means "choose one".
        assert status in (400, 404), reply
        assert reply["code"] == status and reply["request_id"]
    if name:
        assert rows(fleet) == before


@pytest.mark.parametrize("change, field", [
    ({"cpu": -1}, "cpu"), ({"cpu": 100000}, "cpu"), ({"cpu": "2"}, "cpu"), ({"cpu": 1.5}, "cpu"),
    ({"memory_mb": 1}, "memory_mb"), ({"memory_mb": 10**15}, "memory_mb"), ({"memory_mb": None}, "memory_mb"),
    ({"ttl_seconds": -5}, "ttl_seconds"), ({"auto_start": "yes"}, "auto_start"), ({"labels": []}, "labels"),
    ({"labels": {"a": 1}}, "labels"), ({"nonsense": 1}, "nonsense"), ({"network_mode": "warp"}, "network_mode"),
    ({"env": {"A=B": "x"}}, "env"), ({"agent_id": 7}, "agent_id"),
])
def test_a_wrong_field_is_named(api, change, field):
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", **change})
    assert status == 400, reply
    assert any(e["field"].startswith(field) for e in reply["errors"]), reply


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"image":"tiny"', b'{"image":"tiny"} x', b"\xff\xfe{}",
                                  b'{"a":' * 5000 + b"1" + b"}" * 5000, b"null", b'"x"'])
def test_broken_json_is_refused(api, body):
    status, reply = api.call("POST", "/v1/sandboxes", raw=body, headers={"Content-Type": "application/json"})
    assert status == 400 and reply["reason"], reply


def test_a_body_over_the_cap_is_413(api):
    assert api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a" * (10 << 20)})[0] == 413


@pytest.mark.parametrize("change", [{"egress": {}}, {"network_mode": "bridge"}])
def test_a_field_whose_feature_is_not_built_is_501(api, change):
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", **change})
    assert (status, reply["reason"]) == (501, "not_yet")
    assert next(iter(change)) in reply["error"]


def test_unknown_things_are_404(api):
    assert api.call("POST", "/v1/sandboxes", {"image": "no-such", "agent_id": "a"})[0] == 404
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"), ("GET", "/ip"),
                         ("GET", "/commands")):
        for ident in ("sbx-aaaaaaaaaaaaaaaa", "nonsense", "..%2f..%2fetc"):
            assert api.call(method, f"/v1/sandboxes/{ident}{rest}")[0] in (400, 404)
    assert api.call("GET", "/v1/nothing")[0] == 404


def test_a_wrong_token_is_401_everywhere_but_health(fleet):
    api = fleet.api()
    api.token = "wrong"
    for path in ("/v1/sandboxes", "/v1/hosts", "/metrics", "/docs"):
        assert api.call("GET", path)[0] == 401
    for path in ("/v1/health", "/healthz", "/readyz", "/version"):
        assert api.call("GET", path)[0] == 200


def test_a_foreign_host_header_is_refused(api):
    assert api.call("GET", "/v1/sandboxes", headers={"Host": "evil.example"})[0] == 403


def test_a_taken_name_is_409_until_it_is_free(api):
    ident = api.create(vm_name="taken", auto_start=False)["id"]
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "vm_name": "taken"})
    assert (status, reply["reason"]) == (409, "name_taken")
    api.destroy(ident)
    api.create(vm_name="taken", auto_start=False)


def test_no_capacity_is_503_with_a_reason_for_each_host(fleet, api):
    before = rows(fleet)
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "memory_mb": 20000})
    assert (status, reply["reason"]) == (503, "no_capacity")
    assert "h1" in reply["details"] and "h2" in reply["details"] and "memory" in reply["details"]
    assert rows(fleet) == before


def test_states_are_kept_to(api):
    ident = api.create(auto_start=False)["id"]
    assert api.call("POST", f"/v1/sandboxes/{ident}/run", {"command": "true"})[0] == 409
    assert api.call("GET", f"/v1/sandboxes/{ident}/ip")[0] == 409


@pytest.mark.parametrize("body, field", [({}, "command"), ({"command": ""}, "command"), ({"command": 5}, "command"),
                                         ({"command": "x", "timeout_sec": -1}, "timeout_sec"),
                                         ({"command": "x", "cwd": "relative"}, "cwd"),
                                         ({"command": "x", "env": {"": "y"}}, "env")])
def test_a_wrong_run_is_refused(api, body, field):
    status, reply = api.call("POST", "/v1/sandboxes/sbx-aaaaaaaaaaaaaaaa/run", body)
    assert status == 400 and any(e["field"].startswith(field) for e in reply["errors"]), reply
