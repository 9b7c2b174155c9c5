"""The audit over HTTP: found by each filter, whole in pages, verified from its export alone, and by the coordinator."""

import base64
import hashlib
import json
import struct
import subprocess
import threading
from datetime import datetime, timedelta

import pytest

from fleet import PGBIN, Api, Process, run, wait_until

TEXTS = ("action", "actor", "tenant", "request_id", "operation_id", "host", "target", "result")
SCRATCH_PORT = 18099


def rows_of(api, query=""):
    """All pages."""
    rows, cursor = [], ""
    while True:
        page = api.ok("GET", f"/v1/audit?{query}{cursor}")
        rows += page["rows"]
        assert page["has_more"] == ("next_cursor" in page)
        if not page["has_more"]:
            return rows
        cursor = f"&cursor={page['next_cursor']}"


def exported(api, query=""):
    status, text = api.call("GET", f"/v1/audit/export{query}")
    assert status == 200 and api.last_headers["Content-Type"] == "application/x-ndjson", text
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def unpacked(payload):
    """A payload's fields, as docs/decisions/0003-audit-chain.md has them."""
    version, seq, at, kind = struct.unpack(">BQqB", payload[:18])
    assert version == 1
    fields, rest = {"seq": seq, "at": at, "kind": ("intent", "outcome")[kind]}, payload[18:]
    for name in (*TEXTS, "detail"):
        (size,) = struct.unpack(">I", rest[:4])
        fields[name], rest = rest[4:4 + size], rest[4 + size:]
    assert len(rest) == 32
    return fields, rest


def microseconds(text):
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(microseconds=1)


def verify_offline(rows, head=bytes(32)):
    """With SHA-256 and that page alone: the hash of the last one."""
    for row in rows:
        payload = base64.b64decode(row["payload"])
        fields, prev_hash = unpacked(payload)
        assert hashlib.sha256(payload).hexdigest() == row["hash"], row["seq"]
        assert prev_hash == head and prev_hash.hex() == row["prev_hash"], row["seq"]
        assert (fields["seq"], fields["at"], fields["kind"]) == (row["seq"], microseconds(row["at"]), row["kind"])
        assert [fields[name].decode() for name in TEXTS] == [row.get(name, "") for name in TEXTS]
        assert json.loads(fields["detail"]) == row["detail"]
        head = bytes.fromhex(row["hash"])
    return head.hex()


def test_what_was_done_to_a_sandbox_is_found_by_each_filter(api):
    api.ok("POST", "/v1/hosts/h1/uncordon", {})
    before = rows_of(api)[0]
    box = api.create(host="h1", vm_name="audited")["id"]
    created = api.last_headers["X-Request-ID"]
    api.run(box, "exit 3")
    ran = api.last_headers["X-Request-ID"]
    assert api.call("POST", f"/v1/sandboxes/{box}/run", {"command": "true", "user": "nobody-knows"})[0] == 422
    api.destroy(box)

    rows = rows_of(api, f"target={box}")
    whole = [(row["action"], row["kind"], row.get("result")) for row in reversed(rows)]
    assert whole == [("sandbox.create", "intent", None), ("sandbox.create", "outcome", "ok"),
                     ("command.run", "intent", None), ("command.run", "outcome", "ok"),
                     ("command.run", "intent", None), ("command.run", "outcome", "unknown_user"),
                     ("sandbox.destroy", "intent", None), ("sandbox.destroy", "outcome", "ok")]
    assert {(row["actor"], row["tenant"], row["host"]) for row in rows} == {("token:tests", "default", "h1")}
    assert rows_of(api, f"target={box}&order=oldest") == rows[::-1]
    by = {row["seq"]: row for row in rows}

    def found(query):
        return [row["seq"] for row in rows_of(api, f"target={box}&{query}")]

    def those(condition):
        return [seq for seq, row in by.items() if condition(row)]

    for query, condition in (
            ("action=command.run", lambda row: row["action"] == "command.run"),
            ("action=sandbox", lambda row: row["action"].startswith("sandbox.")),
            ("tool=command", lambda row: row["action"] == "command.run"),
            ("kind=intent", lambda row: row["kind"] == "intent"),
            ("result=ok", lambda row: row.get("result") == "ok"),
            ("result=unknown_user", lambda row: row.get("result") == "unknown_user"),
            (f"request_id={created}", lambda row: row["action"] == "sandbox.create"),
            (f"operation_id={rows[-3]['operation_id']}", lambda row: row["operation_id"] == rows[-3]["operation_id"]),
            ("actor=token%3Atests", lambda row: True),
            ("host=h1", lambda row: True),
            (f"since={rows[3]['at']}", lambda row: row["at"] >= rows[3]["at"]),
            (f"until={rows[3]['at']}", lambda row: row["at"] < rows[3]["at"]),
            (f"after={rows[3]['seq']}", lambda row: row["seq"] > rows[3]["seq"]),
            (f"before={rows[3]['seq']}&kind=outcome", lambda row: row["seq"] < rows[3]["seq"] and row["kind"] == "outcome")):
        assert found(query) == those(condition) != [], query
    for query in ("host=h2", "actor=tests", "action=sand", "tool=sandbox.create", f"request_id={box}", f"since={rows[0]['at'][:-8]}.9999999Z",
                  f"until={before['at']}", "action=command.run&result=no_capacity"):
        assert found(query) == [], query
    # The request of a run alone finds what it did, whatever it was about.
    assert {row["target"] for row in rows_of(api, f"request_id={ran}")} == {box}

    entries = api.ok("POST", "/v1/audit/query", {"tool": "command", "target": box, "limit": 3})
    assert (len(entries["entries"]), entries["has_more"], entries["total_count"]) == (3, True, 4)
    failed = entries["entries"][0]
    assert failed["error"]["code"] == "unknown_user" and failed["row"] == by[failed["row"]["seq"]]
    last = api.ok("POST", "/v1/audit/query", {"tool": "command", "target": box, "limit": 3, "cursor": entries["next_cursor"]})
    assert [entry["row"]["seq"] for entry in last["entries"]] == those(lambda row: row["action"] == "command.run")[-1:]

    counts = api.ok("GET", f"/v1/audit/stats?since={rows[-1]['at']}")
    assert counts["complete"] and counts["first_seq"] == rows[-1]["seq"] and counts["actions"]["command.run"] == {"intents": 2, "outcomes": 2}
    assert counts["results"]["unknown_user"] == 1 and counts["actors"]["token:tests"] >= len(rows)


def test_pages_are_whole_while_rows_are_added(fleet, api):
    ending = threading.Event()
    added = []

    def add():
        mine = fleet.api()
        while not ending.is_set():
            mine.ok("POST", "/v1/ansible/playbooks", {"name": "audited"})
            mine.ok("DELETE", "/v1/ansible/playbooks/audited")
            added.append(1)

    adding = threading.Thread(target=add)
    adding.start()
    try:
        wait_until("rows", lambda: len(added) > 20, 60)

        def walked():
            newest = [row["seq"] for row in rows_of(api, "limit=7")]
            assert newest == list(range(newest[0], 0, -1)) and len(newest) > 40
            return newest if api.ok("GET", "/v1/audit?limit=1")["rows"][0]["seq"] > newest[0] else None

        newest = wait_until("rows that are added during a walk", walked, 60)
        filtered = [row["seq"] for row in rows_of(api, f"limit=2&action=playbook.delete&before={newest[0] + 1}")]
    finally:
        ending.set()
        adding.join()
    assert filtered == [row["seq"] for row in rows_of(api, f"limit=500&action=playbook.delete&before={newest[0] + 1}")] != []
    oldest = [row["seq"] for row in rows_of(api, "limit=50&order=oldest")]
    assert oldest == list(range(1, oldest[-1] + 1)) and oldest[-1] > newest[0]


def test_an_export_is_verified_by_sha_256_alone(fleet, api):
    api.ok("POST", "/v1/ansible/playbooks", {"name": "müßig", "hosts": "a\\b"}, expect=(201, 400))
    rows = exported(api)
    head = verify_offline(rows)
    verdict = api.ok("GET", "/v1/audit/verify")
    assert verdict == {"ok": True, "rows": len(rows), "head_hash": head}
    assert head in fleet.verify_audit()
    assert {key: value for key, value in rows[-1].items() if key != "payload"} == api.ok("GET", "/v1/audit?limit=1")["rows"][0]

    # It goes on where it ended, and nothing is missing between.
    middle = rows[len(rows) // 2]
    later = exported(api, f"?after={middle['seq']}")
    assert later == rows[len(rows) // 2 + 1:]
    assert verify_offline(later, bytes.fromhex(middle["hash"])) == head
    assert exported(api, f"?after={rows[-1]['seq']}") == []

    # What was changed is noticed.
    for change in ({"actor": "token:somebody"}, {"payload": middle["payload"][:-4] + "AAA="}, {"hash": rows[0]["hash"]}):
        with pytest.raises(AssertionError):
            verify_offline([row if row is not middle else {**row, **change} for row in rows])
    with pytest.raises(AssertionError):
        verify_offline([row for row in rows if row is not middle])


def test_what_is_secret_is_not_in_it(api):
    box = api.create(host="h2", env={"KEY": "s3cret-of-create"})["id"]
    api.run(box, "cat; echo s3cret-of-output | rev", stdin="s3cret-of-stdin", env={"KEY": "s3cret-of-run"})
    api.ok("POST", f"/v1/sandboxes/{box}/file/write", {"path": "/tmp/key", "content": "s3cret-of-file"})
    path = f"/v1/sandboxes/{box}/tmux"
    api.ok("POST", f"{path}/sessions/create", {"name": "one", "command": "cat"})
    pane = api.ok("GET", f"{path}/panes?session=one")["panes"][0]["pane_id"]
    api.ok("POST", f"{path}/panes/send-keys", {"pane_id": pane, "text": "s3cret-of-keys", "key": "Enter"})
    api.destroy(box)
    for _, text in (api.call("GET", "/v1/audit/export"), (0, json.dumps(rows_of(api, f"target={box}")))):
        # The command itself is there, as far as its outcome in the events has it.
        assert text.count("s3cret-of-output") >= 1
        for secret in ("create", "stdin", "run", "file", "keys"):
            assert f"s3cret-of-{secret}" not in text, secret
    assert "tuptuo-fo-terc3s" not in json.dumps(rows_of(api))


def restored(fleet):
    """A coordinator on a copy of the database, and its API."""
    fleet.postgres.sql("CREATE DATABASE scratch OWNER paddock_owner", database="postgres")
    reach = ("-h", fleet.postgres.socket, "-U", "postgres")
    dump = run(PGBIN / "pg_dump", *reach, "paddock", cwd="/").stdout
    subprocess.run(["psql", *reach, "-qX", "-v", "ON_ERROR_STOP=1", "-d", "scratch"], input=dump, text=True, check=True, cwd="/",
                   stdout=subprocess.DEVNULL)
    config = (fleet.etc / "coordinator.yaml").read_text().replace("dbname=paddock ", "dbname=scratch ")
    lines = [line for line in config.splitlines() if not line.startswith(("http_address:", "link_address:"))]
    lines += [f"http_address: 127.0.0.1:{SCRATCH_PORT}", "link_address: tcp://127.0.0.1:17421"]
    (fleet.etc / "scratch.yaml").write_text("\n".join(lines) + "\n")
    process = Process("scratch coordinator", [fleet.bin("coordinator/paddock-coordinator"), "--config", fleet.etc / "scratch.yaml"],
                      fleet.base / "scratch.log")
    api = Api(SCRATCH_PORT, fleet.token)

    def answers():
        assert process.alive()
        try:
            return api.call("GET", "/healthz")[0] == 200
        except OSError:
            return False

    wait_until("the scratch coordinator", answers, 60)
    return process, api


def test_a_row_that_was_tampered_with_is_named(fleet, cli):
    process, api = restored(fleet)
    here = {"PADDOCK_URL": f"http://127.0.0.1:{SCRATCH_PORT}"}
    try:
        verdict = api.ok("GET", "/v1/audit/verify")
        assert verdict["ok"]
        done = cli("audit", "verify", env=here)
        assert (done.returncode, done.stdout) == (0, f"ok: {verdict['rows']} rows, each fits the one before; head {verdict['head_hash']}\n")
        assert verify_offline(exported(api)) == verdict["head_hash"]

        fits = api.ok("GET", "/v1/audit?order=oldest&limit=4")["rows"][-1]
        fleet.postgres.sql("ALTER TABLE audit DISABLE TRIGGER ALL; UPDATE audit SET actor = 'token:nobody' WHERE seq = 5", database="scratch")
        assert api.ok("GET", "/v1/audit/verify") == {"ok": False, "rows": 4, "head_hash": fits["hash"], "broken_seq": 5,
                                                     "why": "its columns are not what its payload says"}
        done = cli("audit", "verify", env=here)
        assert done.returncode == 1 and done.stdout.startswith("broken: row 5 does not fit: its columns are not"), done
        assert json.loads(cli("audit", "verify", "-o", "json", env=here).stdout)["broken_seq"] == 5
        with pytest.raises(AssertionError):
            verify_offline(exported(api))

        fleet.postgres.sql("DELETE FROM audit WHERE seq = 3", database="scratch")
        assert api.ok("GET", "/v1/audit/verify")["why"] == "it is missing, the next one is 4"
    finally:
        process.kill()
        fleet.postgres.sql("DROP DATABASE scratch WITH (FORCE)", database="postgres")
    assert cli("audit", "verify", env=here).returncode == 120  # Who cannot be asked has not said that it is broken.


def test_the_command_line_shows_exports_and_verifies(fleet, api, cli, tmp_path):
    box = cli.ok("create", "tiny", "--name", "shown", "--host", "h1").strip()
    cli.ok("run", "shown", "true")
    for name in ("shown", box):
        headings, *lines = cli.ok("audit", name, "--since", "1h").splitlines()
        assert headings.split() == ["SEQ", "AT", "ACTION", "RESULT", "TARGET", "HOST", "ACTOR", "DETAIL"]
        assert [line.split()[2:4] for line in lines] == [["command.run", "ok"], ["command.run", "begins"],
                                                         ["sandbox.create", "ok"], ["sandbox.create", "begins"]]
    cli.ok("rm", "shown")
    assert len(cli.ok("audit", box, "--action", "sandbox", "--result", "ok", "--actor", "token:tests").splitlines()) == 3
    assert len(cli.ok("audit", "-n", "3").splitlines()) == 4
    assert len(cli.json("audit", "-n", "3")["rows"]) == 3
    everything = rows_of(api, "limit=500")
    assert cli.json("audit", "-n", "100000")["rows"][-len(everything):] == everything
    moment = everything[5]["at"]
    assert cli.json("audit", "--until", moment, "-n", "1")["rows"][0]["at"] < moment
    assert cli("audit", "--since", "yesterday").returncode == 2
    assert cli("audit", "--kind", "both").returncode == 2
    assert "--since" in cli.ok("audit", "--help") and "export" in cli.ok("audit", "--help")

    rows = exported(api)
    file = tmp_path / "audit.ndjson"
    done = cli("audit", "export", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{len(rows)} rows, the last is {rows[-1]['seq']}\n")
    assert [json.loads(line) for line in file.read_text().splitlines()] == rows
    assert file.stat().st_mode & 0o777 == 0o600
    more = cli.ok("audit", "export", "--from", str(rows[-2]["seq"]))
    assert [json.loads(line) for line in more.splitlines()] == rows[-2:]
    told = cli.json("audit", "export", str(file), "--from", str(rows[-1]["seq"]))
    assert (told["rows"], told["last_seq"]) == (1, rows[-1]["seq"])

    # All of it or nothing.
    nowhere = tmp_path / "none.ndjson"
    done = cli("audit", "export", str(nowhere), env={"PADDOCK_TOKEN": "x" * 32})
    assert done.returncode == 115 and list(tmp_path.iterdir()) == [file]
    assert cli.ok("audit", "verify").startswith(f"ok: {len(rows)} rows")
    assert cli.ok("__complete", "--", "audit", "ver").split() == ["verify"]
