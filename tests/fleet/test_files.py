"""Files in a real guest: up, down, changed and watched, whoever dies on the way."""

import hashlib
import http.client
import os
import threading
import time

import pytest

from files import PIECE, Files, digest_of, noise
from fleet import wait_until
from live import Events


@pytest.fixture(scope="module")
def sandbox(fleet):
    return fleet.api().create(host="h1")["id"]


@pytest.fixture
def files(api, sandbox):
    return Files(api, sandbox)


# The sandbox is shared by this file's tests: leaks are checked where it is made and destroyed.
@pytest.fixture(autouse=True)
def nothing_leaks():
    yield


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_bytes_go_up_and_down_whole_in_constant_memory(fleet, files, api, sandbox):
    size = 96 << 20
    files.put("/tmp/warm-up", b"x" * PIECE)
    pids = [fleet.coordinator.pid, fleet.hosts[0].hostd.pid]
    before, most = [rss_kb(pid) for pid in pids], [0, 0]

    def watched(pieces):
        for piece in pieces:
            most[:] = [max(had, rss_kb(pid)) for had, pid in zip(most, pids)]
            yield piece

    status, reply = files.put("/tmp/large", watched(noise(size)))
    assert status == 201 and reply["created"] and reply["bytes_written"] == size, reply
    expected = digest_of(noise(size))
    assert reply["sha256"] == expected
    assert api.run(sandbox, "sha256sum /tmp/large")["stdout"].split()[0] == expected
    assert files.digest("/tmp/large") == (expected, size)
    most[:] = [max(had, rss_kb(pid)) for had, pid in zip(most, pids)]
    assert all(now - then < 24 << 10 for now, then in zip(most, before)), (before, most)
    api.run(sandbox, "rm /tmp/large")


def test_ranges_modes_and_what_the_kernel_makes_up(files):
    status, reply = files.put("/tmp/ten", b"0123456789", mode="0640")
    assert status in (200, 201), reply
    status, headers, data = files.get("/tmp/ten", headers={"Range": "bytes=2-4"})
    assert (status, data, headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert headers["X-File-Mode"] == "0640"
    assert files.get("/tmp/ten", headers={"Range": "bytes=-3"})[2] == b"789"
    assert files.get("/tmp/ten", headers={"Range": "bytes=20-"})[0] == 416
    status, headers, data = files.get("/proc/version")
    assert status == 200 and data.startswith(b"Linux version") and headers["Content-Length"] is None


def test_a_write_is_whole_or_nothing(files, api, sandbox):
    files.put("/tmp/kept", b"old")
    connection = files.connect()
    connection.putrequest("PUT", f"{files.path}/files?path=/tmp/kept")
    for name, value in (("Authorization", f"Bearer {api.token}"), ("Content-Length", str(64 << 20))):
        connection.putheader(name, value)
    connection.endheaders()
    for piece in noise(16 << 20):
        connection.send(piece)
    assert files.get("/tmp/kept")[2] == b"old"
    connection.close()

    def left():
        return api.run(sandbox, "ls -A /tmp | grep paddock- | wc -l", user="root")["stdout"]

    wait_until("the half of it to go", lambda: left() == "0\n", 20)
    assert files.get("/tmp/kept")[2] == b"old"
    status, reply = files.put("/tmp/kept", b"new", sha256=hashlib.sha256(b"other").hexdigest())
    assert (status, reply["reason"]) == (409, "digest_mismatch")
    status, reply = files.put("/tmp/kept", b"new", overwrite="false")
    assert (status, reply["reason"]) == (409, "already_exists")
    assert files.get("/tmp/kept")[2] == b"old"
    assert files.put("/tmp/kept", b"new")[0] == 200
    assert files.put("/tmp/kept", b"er", append="true")[0] == 200
    assert files.get("/tmp/kept")[2] == b"newer"


def test_each_action(files):
    assert files.do("mkdir", path="/tmp/a/b", parents=True)["created"]
    files.do("write", path="/tmp/a/b/text", content="one\ntwo\nthree\n", mode="0600")
    files.do("write", path="/tmp/a/b/text", content="x", expect=409)
    edited = files.do("edit", path="/tmp/a/b/text", old_text="two", new_text="zwei")
    assert edited["replacements"] == 1 and "-two\n+zwei\n" in edited["diff"]
    assert files.do("edit", path="/tmp/a/b/text", old_text="e", new_text="E", expect=409)["reason"] == "text_ambiguous"
    assert files.do("edit", path="/tmp/a/b/text", old_text="e", new_text="E", all=True)["replacements"] == 4
    shown = files.do("read", path="/tmp/a/b/text", from_line=2)
    assert shown["content"] == "zwEi\nthrEE\n" and shown["total_lines"] == 3 and shown["mode"] == "0600"
    assert files.do("copy", source="/tmp/a", destination="/tmp/c", recursive=True)["bytes_copied"] == shown["size"]
    files.do("move", source="/tmp/c/b/text", destination="/tmp/moved")
    listed = files.do("list", path="/tmp/a", recursive=True)
    assert [one["path"] for one in listed["files"]] == ["/tmp/a/b", "/tmp/a/b/text"]
    assert [one["is_dir"] for one in listed["files"]] == [True, False]
    assert files.do("exists", path="/tmp/moved")["info"]["size"] == shown["size"]
    assert not files.do("exists", path="/tmp/c/b/text")["exists"]
    assert files.do("hash", path="/tmp/moved")["hash"] == hashlib.sha256(b"onE\nzwEi\nthrEE\n").hexdigest()
    assert files.do("delete", path="/tmp/a", expect=409)["reason"] == "folder_not_empty"
    assert files.do("delete", path="/tmp/a", recursive=True)["entries"] == 3
    files.do("delete", path="/tmp/c", recursive=True)
    files.do("delete", path="/tmp/moved")


def test_root_gives_a_file_to_another(files, api, sandbox):
    files.do("write", path="/tmp/given", content="x", user="root", owner="sandbox", mode="0600")
    shown = files.do("read", path="/tmp/given")
    assert (shown["content"], shown["uid"]) == ("x", int(api.run(sandbox, "id -u")["stdout"])) and shown["uid"] != 0
    assert files.put("/tmp/given-too", b"y", user="root", owner="sandbox")[0] == 201
    assert files.do("read", path="/tmp/given-too")["uid"] == shown["uid"]
    assert files.put("/tmp/given", b"z", owner="root")[0] == 403
    assert files.do("write", path="/tmp/given", content="z", overwrite=True, owner="nobody-knows", user="root", expect=422)["reason"] == "unknown_user"
    assert files.do("read", path="/tmp/given")["content"] == "x"
    api.run(sandbox, "rm /tmp/given /tmp/given-too")


def test_a_user_can_do_what_that_user_can(files, api, sandbox):
    assert files.do("write", path="/etc/paddock-test", content="x", expect=403)["reason"] == "permission_denied"
    files.do("write", path="/etc/paddock-test", content="x", user="root", mode="0600")
    assert files.do("read", path="/etc/paddock-test", expect=403)["reason"] == "permission_denied"
    assert files.get("/etc/paddock-test")[0] == 403
    assert files.get("/etc/paddock-test", user="root")[2] == b"x"
    assert files.do("exists", path="/x", user="nobody-knows", expect=422)["reason"] == "unknown_user"
    files.do("delete", path="/etc/paddock-test", user="root")
    api.run(sandbox, "ln -s /proc/1/root/etc /tmp/escape; mkfifo /tmp/fifo")
    assert files.do("read", path="/tmp/escape/passwd", user="root", expect=422)["reason"] in ("symlink_loop", "path_escapes")
    assert files.do("read", path="/tmp/fifo", expect=409)["reason"] == "not_a_file"
    assert files.do("write", path="/proc/x", content="", expect=422)["reason"] == "path_not_allowed"
    assert files.do("read", path="/no/such", expect=404)["reason"] == "no_such_file"
    api.run(sandbox, "rm /tmp/escape /tmp/fifo")


def test_changes_are_audited_and_are_no_commands(fleet, files, api, sandbox):
    commands = api.ok("GET", f"/v1/sandboxes/{sandbox}/commands")["total"]
    files.do("write", path="/tmp/audited", content="x")
    files.do("read", path="/tmp/audited")
    events = Events(api, f"/v1/events?from=0&target={sandbox}&action=file")
    told = [events.until("audit")[-1].data]
    while told[-1].get("detail", {}).get("command") != "file write /tmp/audited":
        told.append(next(events).data)
    told.append(next(events).data)
    events.close()
    assert [(one["action"], one["kind"]) for one in told[-2:]] == [("file.write", "intent"), ("file.write", "outcome")]
    assert told[-1]["result"] == "ok"
    assert api.ok("GET", f"/v1/sandboxes/{sandbox}/commands")["total"] == commands
    assert api.ok("GET", f"/v1/sandboxes/{sandbox}/exec")["execs"] == []
    wait_until("every intent to have its outcome", lambda: not fleet.half_audited(), 60)


def test_a_watch_tells_what_happens_until_it_is_gone(files, api, sandbox):
    api.run(sandbox, "mkdir /tmp/watched")
    watch = Events(api, f"{files.path}/file/watch?path=/tmp/watched&recursive=true")
    assert next(watch).name == "connected"
    told = []

    def until(change, path):
        while (change, path) not in told:
            event = next(watch)
            told.append((event.data["change"], event.data["path"]) if event.name == "change" else None)

    api.run(sandbox, "cd /tmp/watched; mkdir in; echo a > one")
    until("created", "/tmp/watched/one")
    api.run(sandbox, "cd /tmp/watched; echo b >> one; mv one uno; mv uno in/two; rm in/two")
    until("deleted", "/tmp/watched/in/two")
    assert ("modified", "/tmp/watched/one") in told and ("moved", "/tmp/watched/one") in told
    api.run(sandbox, "rm -r /tmp/watched")
    assert watch.until("end")
    assert Events(api, f"{files.path}/file/watch?path=/no/such").refusal["reason"] == "no_such_file"


def test_a_reader_that_goes_leaves_no_process(files, api, sandbox):
    api.run(sandbox, "truncate -s 700M /tmp/sparse")

    def helpers():
        return int(api.run(sandbox, "ps | grep -c '[p]addock-guest\\|[i]nit$'", user="root")["stdout"])

    usual = min(helpers() for _ in range(5))  # Those of the test before may still be about to end.
    connection = files.connect()
    connection.request("GET", f"{files.path}/files?path=/tmp/sparse", headers={"Authorization": f"Bearer {api.token}"})
    reply = connection.getresponse()
    assert len(reply.read(PIECE)) == PIECE
    reply.close()
    connection.close()
    watch = Events(api, f"{files.path}/file/watch?path=/tmp")
    assert next(watch).name == "connected"
    watch.close()
    wait_until("their processes to end", lambda: helpers() <= usual, 60)
    api.run(sandbox, "rm /tmp/sparse")


def test_downloads_that_are_broken_off_leave_their_sandbox_as_usable_as_it_was(files, api, sandbox):
    """More of them than a guest answers calls at once: each has an end in the guest, though nobody reads what it has still to say."""
    assert api.run(sandbox, "truncate -s 64M /tmp/large && echo small > /tmp/small")["exit_code"] == 0
    for number in range(100):
        connection = files.connect()
        connection.request("GET", f"{files.path}/files?path=/tmp/large", headers={"Authorization": f"Bearer {api.token}"})
        reply = connection.getresponse()
        first = reply.read(100)
        assert reply.status == 200 and len(first) == 100, f"download {number}: {reply.status} {first}"
        reply.close()
        connection.close()
    begun = time.monotonic()
    assert api.run(sandbox, "true")["exit_code"] == 0
    assert files.get("/tmp/small")[2] == b"small\n"
    assert time.monotonic() - begun < 10
    assert files.digest("/tmp/large")[1] == 64 << 20
    api.run(sandbox, "rm /tmp/large /tmp/small")


def test_a_sleeping_sandbox_is_woken(api, files):
    api.ok("POST", f"{files.path}/pause")
    files.do("write", path="/tmp/woken", content="x")
    assert api.ok("GET", files.path)["sandbox"]["phase"] == "running"
    api.ok("POST", f"{files.path}/suspend")
    assert files.get("/tmp/woken")[2] == b"x"
    assert api.ok("GET", files.path)["sandbox"]["phase"] == "running"


def test_many_at_once(files):
    def one(number):
        data = os.urandom(300_000) + bytes([number])
        mine = Files(files.api, files.path.rsplit("/", 1)[1])
        status, reply = mine.put(f"/tmp/many-{number}", data)
        assert status == 201, reply
        assert mine.get(f"/tmp/many-{number}")[2] == data
        done.append(number)

    done = []
    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(16))


@pytest.mark.parametrize("victim", ["hostd", "coordinator"])
def test_a_daemon_that_dies_under_an_upload_leaves_the_old_content(fleet, api, sandbox, files, victim):
    files.put("/tmp/survivor", b"old")
    pieces = noise(64 << 20)
    sent, died = threading.Event(), threading.Event()

    def half_of_it():
        for number, piece in enumerate(pieces):
            if number == 8:
                sent.set()
                assert died.wait(600)
            yield piece

    outcome = []

    def upload():
        try:
            outcome.append(files.put("/tmp/survivor", half_of_it()))
        except (OSError, ValueError, http.client.HTTPException) as error:
            outcome.append((0, error))

    thread = threading.Thread(target=upload)
    thread.start()
    assert sent.wait(60)
    if victim == "hostd":
        fleet.hosts[0].restart_hostd()
    else:
        fleet.restart_coordinator()
    died.set()
    thread.join()
    fleet.wait_ready(2)
    again = Files(fleet.api(), sandbox)
    wait_until("the host to be back", lambda: again.api.call("POST", f"{again.path}/file/exists", {"path": "/"})[0] == 200, 60)
    status, _ = outcome[0]
    expected = (digest_of(noise(64 << 20)), 64 << 20) if status in (200, 201) else (hashlib.sha256(b"old").hexdigest(), 3)
    assert again.digest("/tmp/survivor") == expected, outcome
    api = fleet.api()
    wait_until("no half of it", lambda: api.run(sandbox, "ls -A /tmp | grep -c paddock-", user="root")["stdout"] == "0\n", 60)
    wait_until("every intent to have its outcome", lambda: not fleet.half_audited(), 60)



def test_afterwards_nothing_is_left(fleet, api, sandbox):
    api.destroy(sandbox)
    wait_until("no leftovers", lambda: not fleet.leftovers(), 60)


def test_a_sandbox_keeps_the_paths_that_it_was_made_with(fleet, api):
    policy = {"roots": ["/tmp", "/etc"], "never_read": ["/etc/shadow"], "never_written": ["/etc"]}
    box = api.create(host="h1", file_policy=policy)
    assert box["file_policy"] == policy

    def check(ident):
        assert api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["file_policy"] == policy
        files = Files(api, ident)
        assert files.put("/tmp/in", b"in", user="root")[0] in (200, 201)
        assert files.get("/tmp/in", user="root")[2] == b"in" and files.get("/etc/passwd", user="root")[0] == 200
        for refused in (files.get("/home", user="root"), files.get("/etc/shadow", user="root"),
                        files.put("/etc/new", b"x", user="root"), files.put("/home/new", b"x", user="root")):
            assert refused[0] == 422, refused
        assert files.do("move", source="/tmp/in", destination="/etc/in", user="root", expect=422)["reason"] == "path_not_allowed"
        assert files.do("hash", path="/etc/shadow", user="root", expect=422)["reason"] == "path_not_allowed"
        assert api.run(ident, "cat /etc/shadow > /home/mine; echo done", user="root")["stdout"] == "done\n"  # No wall in the guest.

    check(box["id"])
    child = api.ok("POST", f"/v1/sandboxes/{box['id']}/fork", {"count": 1})["children"][0]["sandbox"]["id"]
    check(child)
    fleet.restart_coordinator()
    check(box["id"])
    for ident in (child, box["id"]):
        api.destroy(ident)
    for wrong in ({"roots": ["tmp"]}, {"roots": ["/tmp/../etc"]}, {"root": ["/tmp"]}, ["/tmp"]):
        status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "file_policy": wrong})
        assert status == 400 and reply["errors"][0]["field"].startswith("file_policy"), reply
