"""The agent is put into a stock disk that has none: Debian with cloud-init's folder, in a partition, as its publishers have it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet import ROOT, Fleet, run
from test_uploads import sha256

CLOUD = "/etc/cloud/cloud.cfg.d"


@pytest.fixture(scope="module")
def debian():
    folder = Path(os.environ.get("PADDOCK_DEBIAN", ROOT / "build/debian"))
    assert (folder / "disk.qcow2").exists(), f"no image in {folder}: tools/build-debian-image"
    assert shutil.which("guestfish"), "this test needs guestfish: tools/install-packages test"
    return folder


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=1, boot_timeout_sec=400) as fleet:
        yield fleet


@pytest.fixture
def cli(cli_in_scratch):
    return cli_in_scratch


def guestfish(*words):
    # A KVM that opens is not one that works; the product finds that out by itself, and is what is tried here.
    emulated = {"LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
    run("guestfish", *words, timeout=800, env={**os.environ, **emulated})


@pytest.fixture(scope="module")
def stock(debian, tmp_path_factory):
    """That Debian without our agent and our user, and what a cloud's image has beside: a partition, cloud-init's folder."""
    folder = tmp_path_factory.mktemp("stock")
    system, disk = folder / "system.raw", folder / "disk.raw"
    run("qemu-img", "convert", "-O", "raw", debian / "disk.qcow2", system, timeout=300)
    guestfish("--rw", "--format=raw", "-a", system, "-i", "--", "rm", "/usr/sbin/paddock-guest", ":",
              "rm", "/etc/systemd/system/paddock-guest.service", ":",
              "rm", "/etc/systemd/system/multi-user.target.wants/paddock-guest.service", ":",
              "command", "userdel --remove sandbox", ":",
              "write", "/etc/fstab", "LABEL=root / ext4 errors=remount-ro 0 1\n", ":", "mkdir-p", CLOUD)
    mib = 1 << 20
    with open(disk, "wb") as file:
        file.truncate(system.stat().st_size + 2 * mib)
    subprocess.run(["sfdisk", "-q", disk], input=f"label: gpt\nstart=1MiB, size={system.stat().st_size // 512}\n", text=True, check=True)
    run("dd", f"if={system}", f"of={disk}", "bs=1M", "seek=1", "conv=sparse,notrunc", "status=none", timeout=300)
    system.unlink()
    stock = folder / "stock.qcow2"
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, stock, timeout=300)
    disk.unlink()
    return stock


def booted_directly(debian):
    return ["--kernel", debian / "kernel", "--initrd", debian / "initrd", "--cmdline", "root=/dev/vda1 rw console=ttyS0 quiet panic=-1",
            "--memory", "1024M"]


def test_a_stock_disk_has_the_agent_afterwards_and_is_as_it_was(api, cli, debian, stock):
    before = sha256(stock)
    cli.ok("images", "import", "stock", stock, "--agent", "inject", *booted_directly(debian))
    assert sha256(stock) == before
    assert api.ok("GET", "/v1/images/stock")["image"]["agent"] == "paddock"
    cli.ok("create", "stock", "--name", "injected")
    told = cli.ok("run", "injected", f"id -un; systemctl is-enabled paddock-guest; cat {CLOUD}/99_paddock.cfg; stat -c '%a %U' /usr/sbin/paddock-guest")
    assert told.split("\n")[:2] == ["sandbox", "enabled"]
    assert "datasource_list: [ None ]" in told and "755 root" in told
    cli.ok("rm", "injected")
    cli.ok("images", "rm", "stock")


def test_what_cannot_take_it_is_told_so_and_nothing_is_made(api, cli, debian, image, stock, tmp_path):
    def refused(disk, *words, **more):
        bad = cli("images", "import", "none", disk, "--agent", "inject", *words, **more)
        assert bad.returncode != 0
        return bad.stderr

    # A disk of a stranger's that names a file of this machine.
    secret, points = tmp_path / "secret.raw", tmp_path / "points.qcow2"
    secret.write_bytes(b"\0" * 65536)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", secret, points)
    assert "stands on another file" in refused(points)
    empty = tmp_path / "empty.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", empty, "64M")
    assert "no system was found on it" in refused(empty)
    # The tiny image is busybox alone; our agent is its first process.
    assert "it has no systemd" in refused(image / "disk.qcow2")
    bad = cli("images", "import", "none", "gold", "--host", "h1", "--agent", "inject")
    assert bad.returncode == 2 and "a VM on a host keeps what it has" in bad.stderr, bad.stderr
    missing = refused(stock, env={"PADDOCK_AGENT": str(tmp_path / "nowhere")})
    assert "nowhere" in missing
    assert "none" not in {one["name"] for one in api.ok("GET", "/v1/images")["images"]}


def test_a_template_says_it_likewise(api, cli, debian, stock, tmp_path):
    file = tmp_path / "web.yaml"
    file.write_text(f"name: web\ndisk: {stock}\nagent: inject\nkernel: {debian}/kernel\ninitrd: {debian}/initrd\n"
                    "cmdline: root=/dev/vda1 rw console=ttyS0 quiet panic=-1\nmemory: 1GiB\n")
    cli.ok("templates", "apply", file)
    made = api.ok("GET", "/v1/templates/web")["template"]
    assert api.ok("GET", f"/v1/images/{made['image']}")["image"]["agent"] == "paddock"
    assert json.loads(cli.ok("-o", "json", "templates", "apply", file))  # And is not made again.
    assert "unchanged" in cli.ok("templates", "apply", file)
    cli.ok("templates", "rm", "web")
    cli.ok("images", "rm", made["image"])
