"""Images that hosts give each other: the coordinator sends one once, whatever happens to it on its way."""

import contextlib
import os
import random

import pytest

from fleet import Fleet, run, wait_until
from test_uploads import on_all, register, sha256, upload

SIZE = 48 << 20  # Bytes, of noise.
RATE = 16  # MiB/s, so that there is time to meddle.


class GivingFleet(Fleet):
    """Each host gives its images to the others; the last one has a small disk."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        for host in self.hosts:
            host.settings = {"peer_listen": f"10.77.0.{10 + host.number}:7421", "image_mib_per_sec": RATE}
        self.hosts[-1].disk_mb = 800


@pytest.fixture(scope="module")
def fleet(build, image):
    with GivingFleet(build, image, hosts=3) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    raw = tmp_path_factory.mktemp("noise") / "raw"
    raw.write_bytes(random.Random(11).randbytes(SIZE))
    made = raw.with_name("noise.qcow2")
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, made)
    return made


@pytest.fixture(autouse=True)
def nothing_stays(fleet):
    yield
    api = fleet.api()
    api.call("DELETE", "/v1/images/noise")
    wait_until("it to be gone everywhere", lambda: not any((host.state / "images/noise").exists() for host in fleet.hosts), 60)
    for host in fleet.hosts:  # One that was on its way ends when it is seen to be deleted.
        wait_until(f"nothing to be on its way to {host.name}",
                   lambda: not [*(host.state / "fetching").iterdir(), *(host.state / "images").glob(".tmp-*")], 60)


def sent(api):
    """Bytes, by the coordinator, so far."""
    status, text = api.call("GET", "/metrics")
    assert status == 200
    line, = (line for line in text.splitlines() if line.startswith("paddock_image_sent_bytes_total "))
    return int(float(line.split()[1]))


def begun(fleet, api, disk):
    """It is registered; who has it, and the others, which have fetched a part of it."""
    made = register(api, {"name": "noise", "disk": upload(api, disk), "agent": "none"})
    first = next(host for host in fleet.hosts if host.name in made["hosts"])
    others = [host for host in fleet.hosts if host is not first]

    def parts():
        return [sum(path.stat().st_size for path in (host.state / "fetching").iterdir()) for host in others]

    wait_until("the others to fetch", lambda: all(part > SIZE // 8 for part in parts()), 60)
    return first, others


def all_have_it(fleet, api, disk):
    on_all(fleet, api, "noise")
    assert {sha256(host.state / "images/noise/disk.qcow2") for host in fleet.hosts} == {sha256(disk)}


def test_the_coordinator_sends_it_once_and_the_hosts_the_rest(fleet, api, disk):
    before = sent(api)
    first, _ = begun(fleet, api, disk)
    all_have_it(fleet, api, disk)
    size = disk.stat().st_size
    assert size <= sent(api) - before < 1.5 * size
    rows = api.ok("GET", "/v1/audit?tool=image&action=image.fetch&order=newest&limit=20")["rows"]
    assert [row["detail"]["from_host"] for row in rows if row["kind"] == "intent"] == [first.name] * 2


def test_a_host_that_gives_a_flipped_bit_is_found_out(fleet, api, disk):
    before = sent(api)
    first, _ = begun(fleet, api, disk)
    with open(first.state / "images/noise/disk.qcow2", "r+b") as file:
        file.seek(-1000, 2)
        byte = file.read(1)[0]
        file.seek(-1000, 2)
        file.write(bytes([byte ^ 1]))
    size = disk.stat().st_size
    wait_until("the others to have it from the coordinator", lambda: sent(api) - before >= 3 * size, 60)
    with open(first.state / "images/noise/disk.qcow2", "r+b") as file:
        file.seek(-1000, 2)
        file.write(bytes([byte]))
    all_have_it(fleet, api, disk)


def test_where_the_host_that_gives_it_dies_the_coordinator_goes_on(fleet, api, disk):
    before = sent(api)
    first, _ = begun(fleet, api, disk)
    first.restart_hostd()
    fleet.wait_ready(len(fleet.hosts))
    all_have_it(fleet, fleet.api(), disk)
    size = disk.stat().st_size
    assert size < sent(api) - before < 3 * size - SIZE // 4, "what had come was fetched again"


def test_a_host_whose_disk_fills_up_has_it_once_there_is_room(fleet, api, disk):
    _, others = begun(fleet, api, disk)
    small = fleet.hosts[-1]
    assert small in others
    filler = small.state / "filler"
    try:
        with open(filler, "wb", buffering=0) as file:
            for size in (64 << 20, 4 << 20, 1 << 20, 64 << 10, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
        def missing():
            return {one["host_name"]: one.get("error", "") for one in api.ok("GET", "/v1/images/noise")["image"].get("missing_on", [])}

        wait_until("the others to have it, and the host to say why it has not", lambda: list(missing()) == [small.name] and
                   missing()[small.name], 60)
        assert list((small.state / "fetching").iterdir()) == []
    finally:
        filler.unlink(missing_ok=True)
    all_have_it(fleet, api, disk)
