"""Images of files that are uploaded: every host fetches them, and real guests boot from them."""

import hashlib
import json
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from command_line import refused as cli_refused
from fleet import run, wait_until

BIG = 400 << 20  # Bytes: fetching them takes long enough to break it off.


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(file.read()).hexdigest()


def put(api, path, digest=None):
    """(status, reply) of an upload."""
    return api.call("PUT", f"/v1/images/blobs/{digest or sha256(path)}", raw=path.read_bytes(),
                    headers={"Content-Type": "application/octet-stream"})


def upload(api, path):
    status, reply = put(api, path)
    assert status in (200, 201), reply
    assert reply["blob"] == {"digest": sha256(path), "size_bytes": path.stat().st_size}
    return reply["blob"]["digest"]


def tiny(api, image, name="up", **fields):
    """The fields of a registration of the tiny image, whose files are uploaded."""
    about = json.loads((image / "image.json").read_text())
    return {"name": name, "agent": "paddock", "cmdline": about["cmdline"], "cpu": about["vcpus"], "memory_mb": about["memory_mb"],
            **{one: upload(api, image / file) for one, file in (("disk", "disk.qcow2"), ("kernel", "kernel"), ("initrd", "initrd"))},
            **fields}


def register(api, body):
    return api.ok("POST", "/v1/images", body, expect=(201,))["image"]


def refused(api, body):
    status, reply = api.call("POST", "/v1/images", body)
    return status, reply.get("reason")


def folders(host):
    """Of images, those that are not whole included."""
    return {path.name for path in (host.state / "images").iterdir()}


def on_all(fleet, api, name):
    names = {host.name for host in fleet.hosts}
    wait_until(f"every host to have {name}", lambda: set(api.ok("GET", f"/v1/images/{name}")["image"]["hosts"]) == names, 60)


def drafts(fleet):
    """Uploads that are not whole."""
    return list((fleet.base / "blobs").glob("*/.tmp-*"))


@pytest.fixture(autouse=True)
def no_image_leaks(fleet, nothing_leaks):
    """After each test: only the operators' images are left, on every host, and nothing that was on its way."""
    before = [folders(host) for host in fleet.hosts]
    yield
    api = fleet.api()
    for sandbox in api.sandboxes():
        api.call("DELETE", f"/v1/sandboxes/{sandbox['id']}")
    for image in api.ok("GET", "/v1/images")["images"]:
        if "id" in image:
            wait_until(f"{image['name']} to be deleted", lambda: api.call("DELETE", f"/v1/images/{image['name']}")[0] in (200, 404), 30)
    wait_until("hosts to remove what is deleted", lambda: [folders(host) for host in fleet.hosts] == before, 60)
    assert drafts(fleet) == []
    assert [path for host in fleet.hosts for path in (host.state / "fetching").iterdir()] == []


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A disk of noise, which nothing makes smaller."""
    raw = tmp_path_factory.mktemp("big") / "raw"
    with open(raw, "wb") as file:
        noise = random.Random(7)
        for _ in range(BIG >> 20):
            file.write(noise.randbytes(1 << 20))
    disk = raw.with_name("big.qcow2")
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk)
    raw.unlink()
    return disk


def test_what_is_uploaded_boots_on_every_host(fleet, api, image):
    made = register(api, tiny(api, image))
    assert len(made["hosts"]) == 1 and made["missing_on"] == [{"host_name": {"h1": "h2", "h2": "h1"}[made["hosts"][0]]}]
    assert (made["boot"], made["agent"], made["digest"]) == ("kernel", "paddock", sha256(image / "disk.qcow2"))
    # At once, where it is; elsewhere as soon as that host has fetched it.
    first = api.create(image="up")
    assert first["host_name"] == made["hosts"][0]
    on_all(fleet, api, "up")
    assert "missing_on" not in api.ok("GET", "/v1/images/up")["image"]
    for host in fleet.hosts:
        ident = api.create(image="up", host=host.name)["id"]
        assert api.run(ident, "echo hello")["stdout"] == "hello\n"
    # Not while anything lies on it; and nobody else takes its name.
    assert api.call("DELETE", "/v1/images/up")[1]["reason"] == "image_in_use"
    assert refused(api, tiny(api, image)) == (409, "image_exists")
    for sandbox in api.sandboxes():
        api.ok("DELETE", f"/v1/sandboxes/{sandbox['id']}")
    api.ok("DELETE", "/v1/images/up")
    assert refused_create(api, "up") == (404, "unknown_image")
    # Its name is free at once, for something else.
    again = register(api, tiny(api, image, memory_mb=192))
    on_all(fleet, api, "up")
    assert again["id"] != made["id"] and api.create(image="up", host="h2")["memory_mb"] == 192
    told = [(row["action"], row["kind"], row.get("result", ""), row["actor"].split(":")[0])
            for row in api.ok("GET", "/v1/audit?tool=image&order=oldest&limit=100")["rows"]]
    for action, actor in (("image.register", "token"), ("image.fetch", "system"), ("image.delete", "token"), ("image.drop", "system")):
        assert (action, "intent", "", actor) in told and (action, "outcome", "ok", actor) in told, told


def refused_create(api, name):
    status, reply = api.call("POST", "/v1/sandboxes", {"image": name, "agent_id": "tests"})
    return status, reply.get("reason")


def test_what_is_not_what_it_was_said_to_be_is_not_kept(fleet, api, image, tmp_path):
    file = tmp_path / "some"
    file.write_bytes(os.urandom(3 << 20))
    wrong = "0" * 64
    status, reply = put(api, file, wrong)
    assert (status, reply["reason"]) == (400, "digest_mismatch")
    assert api.call("GET", f"/v1/images/blobs/{wrong}")[0] == 404
    assert put(api, file)[0] == 201 and put(api, file, f"sha256:{sha256(file)}")[0] == 200
    assert api.ok("GET", f"/v1/images/blobs/{sha256(file)}")["blob"]["size_bytes"] == 3 << 20
    # One who goes away in the middle of it leaves nothing.
    with open(tmp_path / "half", "wb") as half:
        half.truncate(1 << 30)
    child = subprocess.Popen(["curl", "-s", "--limit-rate", "20M", "-T", tmp_path / "half", "-H", f"Authorization: Bearer {fleet.token}",
                              f"http://127.0.0.1:{api.port}/v1/images/blobs/{wrong}"], stdout=subprocess.DEVNULL)
    wait_until("the upload to begin", lambda: drafts(fleet), 20)
    child.kill()
    child.wait()
    wait_until("its file to be gone", lambda: not drafts(fleet), 20)
    # Files that are no disks, or that refer to others: none is opened for what it says.
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 65536)
    evil = {"raw": file}
    for name, options in (("backed", ["-b", secret, "-F", "raw"]), ("outside", ["-o", f"data_file={tmp_path / 'outside.data'}", ])):
        evil[name] = tmp_path / f"{name}.qcow2"
        run("qemu-img", "create", "-q", "-f", "qcow2", *options, evil[name], "1M")
    evil["garbage"] = tmp_path / "garbage.qcow2"
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", file, evil["garbage"])
    with open(evil["garbage"], "r+b") as disk:
        disk.seek(65536)
        disk.write(random.Random(3).randbytes(192 << 10))
    for name, path in evil.items():
        assert refused(api, {"name": "evil", "disk": upload(api, path), "agent": "none"}) == (400, "image_unusable"), name
    assert api.call("GET", "/v1/images/evil")[0] == 404
    assert refused(api, {"name": "evil", "disk": "1" * 64, "agent": "none"}) == (404, "unknown_blob")


@pytest.mark.parametrize("victim", ["hostd", "coordinator"])
def test_a_fetch_outlives_whoever_is_killed(fleet, api, big, victim):
    """The disk of noise boots nothing; it is only moved."""
    made = register(api, {"name": "big", "disk": upload(api, big), "agent": "none"})
    other = next(host for host in fleet.hosts if host.name not in made["hosts"])

    def begun():
        return any(path.stat().st_size > 1 << 20 for path in (other.state / "fetching").iterdir())

    wait_until("the other host to fetch", begun, 60)
    if victim == "hostd":
        other.restart_hostd()
    else:
        fleet.restart_coordinator()
        fleet.wait_ready(2)
    on_all(fleet, fleet.api(), "big")
    assert sha256(other.state / "images" / "big" / "disk.qcow2") == sha256(big)
    assert [name for name in folders(other) if name.startswith(".tmp-")] == []


def test_while_it_is_fetched_the_host_does_everything_else(fleet, api, image, big):
    """Beside 400 MiB commands are answered, and the host is not taken for lost."""
    ident = api.create(host="h1")["id"]
    ident2 = api.create(host="h2")["id"]
    register(api, {"name": "big", "disk": upload(api, big), "agent": "none"})
    with ThreadPoolExecutor(1) as pool:
        moved = pool.submit(lambda: on_all(fleet, fleet.api(), "big"))
        turns = 0
        while turns == 0 or not moved.done():
            turns += 1
            for one in (ident, ident2):
                assert api.run(one, "echo hello")["stdout"] == "hello\n"
        moved.result()
    health = {host["name"]: host["health"] for host in api.ok("GET", "/v1/hosts")["hosts"]}
    assert health == {"h1": "ready", "h2": "ready"}


def test_a_host_that_was_away_catches_up(fleet, api, image):
    away = fleet.hosts[1]
    made = register(api, tiny(api, image, "gone"))
    on_all(fleet, api, "gone")
    away.hostd.kill()
    wait_until("the coordinator to know", lambda: api.ok("GET", f"/v1/hosts/{away.name}")["host"]["health"] in ("suspect", "lost"), 60)
    api.ok("DELETE", "/v1/images/gone")
    kept = register(api, tiny(api, image, "kept"))
    assert kept["hosts"] == ["h1"] and "gone" in folders(away)
    assert made["id"] not in [one.get("id") for one in api.ok("GET", "/v1/images")["images"]]
    away.start_hostd()
    fleet.wait_ready(2)
    on_all(fleet, fleet.api(), "kept")
    wait_until("what was deleted to be gone from there", lambda: "gone" not in folders(away), 60)


def test_the_command_line_pushes_and_deletes(fleet, api, cli, image, tmp_path):
    about = json.loads((image / "image.json").read_text())
    argv = ["images", "push", "pushed", image / "disk.qcow2", "--agent", "paddock", "--kernel", image / "kernel",
            "--initrd", image / "initrd", "--cmdline", about["cmdline"], "--memory", "192M"]
    assert "pushed" in cli.ok(*argv)
    on_all(fleet, api, "pushed")
    made = cli.json("create", "pushed", "--name", "of-pushed", "--host", "h2")["sandbox"]
    assert (made["memory_mb"], made["host_name"]) == (192, "h2")
    assert cli.ok("run", "of-pushed", "echo hello") == "hello\n"
    cli_refused(cli(*argv), 117, "image_exists")
    cli.ok("rm", "of-pushed")
    assert cli.ok("images", "rm", "pushed") == "pushed deleted\n"
    raw = tmp_path / "raw.img"
    raw.write_bytes(b"\0" * 4096)
    bad = cli("images", "push", "raw", raw, "--agent", "none")
    assert bad.returncode == 2 and "qemu-img convert" in bad.stderr, bad.stderr
    assert cli("images", "push", "none", "/no/such/file", "--agent", "none").returncode != 0
