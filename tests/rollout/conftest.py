"""Machines, and what is rolled out to them. ./run-tests sets PADDOCK_BUILD, PADDOCK_IMAGE and PADDOCK_ROLLOUT, the folder of the
machines' image and of logs."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from machine import Machine

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PADDOCK_BUILD", REPO / "build/dev"))
TINY = Path(os.environ.get("PADDOCK_IMAGE", REPO / "build/tiny"))
WORK = Path(os.environ.get("PADDOCK_ROLLOUT", REPO / "build/rollout"))
NEEDED = ("qemu-system-x86_64", "qemu-img", "mmdebstrap", "ansible-playbook", "ssh", "ssh-keygen", "dpkg-deb")
# Emulated, beside other work, a machine takes its time for everything.
BOOT_S, PLAY_S = 600, 1800


@pytest.fixture(scope="session")
def folder():
    for tool in NEEDED:
        if shutil.which(tool) is None:
            pytest.skip(f"NOT TRIED: a rollout needs {tool}: tools/install-packages run image test")
    (WORK / "logs").mkdir(parents=True, exist_ok=True)
    # Short: sockets are in it.
    with tempfile.TemporaryDirectory(prefix="pdk-rollout-") as name:
        yield Path(name)


class Debs:
    """Folders with the packages of one build, by the version that they are made as."""

    def __init__(self, folder):
        self.folder, self.made = folder, {}

    def __getitem__(self, revision):
        if revision not in self.made:
            self.made[revision] = self.folder / f"debs{revision}"
            done = subprocess.run([REPO / "tools/build-packages", self.made[revision], "--build", BUILD, "--revision", revision],
                                  env={**os.environ, "DEBEMAIL": "paddock@packages.test"}, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return self.made[revision]


@pytest.fixture(scope="session")
def debs(folder):
    return Debs(folder)


def depended_on(debs):
    """The names of what packages want of the distribution."""
    names = set()
    for deb in debs.glob("*.deb"):
        wanted = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], capture_output=True, text=True, check=True).stdout
        names |= {re.match(r"[a-z0-9.+-]+", one.strip())[0] for one in wanted.split(",") if one.strip()}
    return names


@pytest.fixture(scope="session")
def machine_image(debs):
    """Debian with what the packages and roles take from it, so that the machines ask no mirror: they reach nothing outside. None of
    Paddock's is in it. Made anew when its list or its maker changes."""
    taken_by_roles = {"openssh-server", "postgresql", "postgresql-client", "prometheus", "python3", "python3-apt"}
    include = ",".join(sorted(depended_on(debs["1"]) | taken_by_roles))
    maker, image = REPO / "tools/build-debian-image", WORK / "image"
    made_of = hashlib.sha256(maker.read_bytes() + include.encode()).hexdigest()
    if not (image / "made-of").exists() or (image / "made-of").read_text() != made_of:
        (image / "made-of").unlink(missing_ok=True)
        done = subprocess.run([maker, image, "--agent", "none", "--size", "10", "--include", include], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        (image / "made-of").write_text(made_of)
    return image


class Recap:
    """What ansible-playbook said and did."""

    def __init__(self, status, text):
        self.status, self.text = status, text
        lines = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+).* ignored=(\d+)", text, re.MULTILINE)
        self.hosts = {host: dict(zip(("changed", "unreachable", "failed", "ignored"), map(int, counts)))
                      for host, *counts in lines}

    def changed(self):
        return sum(counts["changed"] for counts in self.hosts.values())

    def changes(self):
        """The tasks that changed something."""
        task, found = "", []
        for line in self.text.splitlines():
            task = line if line.startswith(("TASK [", "RUNNING HANDLER [")) else task
            if line.startswith("changed: "):
                found.append(f"{task.rstrip(' *')} {line[:120]}")
        return found


class Rollout:
    """A coordinator with its database, and Prometheus, on one machine, `control`, and a hypervisor on another, or on the same, `host`."""

    def __init__(self, folder, debs, image, machines=2):
        self.debs = debs
        self.folder = folder / f"of{machines}"
        self.folder.mkdir()
        key = self.folder / "ssh_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        self.machines = []
        try:
            self.control = self.boot("c1", image, key, address="10.77.0.1", mac="52:54:00:77:00:01", wire=("c", "h"),
                                     memory_mb=1536 if machines == 2 else 3072)
            self.host = self.control
            if machines == 2:
                self.host = self.boot("h1", image, key, address="10.77.0.2", mac="52:54:00:77:00:02", wire=("h", "c"), memory_mb=2560)
            for machine in self.machines:
                machine.wait(BOOT_S)
                machine.settle(self.machines)
        except BaseException:
            self.end()
            raise

    def boot(self, name, image, key, **how):
        self.machines.append(Machine(name, self.folder, image, key, logs=WORK / "logs", **how))
        return self.machines[-1]

    def end(self):
        for machine in self.machines:
            machine.end()

    def inventory(self, version):
        everywhere = {"paddock_common_debs": str(self.debs[version]),
                      "paddock_hostd_endpoints": [f"tcp://{self.control.address}:7420"],
                      # A guest of an emulated guest boots in minutes.
                      "paddock_coordinator_config": {"boot_timeout_sec": 1200},
                      "paddock_hostd_config": {"capacity_memory_mb": 512, "capacity_vcpus": 2, "allow_plaintext": True,
                                               "metrics_listen": f"{self.host.address}:9420"},
                      "paddock_hostd_images": [{"name": "tiny", "folder": str(TINY)}],
                      "paddock_hostd_patience_sec": 600}
        groups = {"paddock_coordinators": {"hosts": {"c1": self.control.inventory()}},
                  "paddock_hosts": {"hosts": {self.host.name: self.host.inventory()}},
                  "paddock_monitoring": {"hosts": {"c1": self.control.inventory()}}}
        return {"all": {"vars": everywhere, "children": groups}}

    def play(self, playbook, *options, version="1", log=None):
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps(self.inventory(version)))
        log = WORK / "logs" / f"{log or playbook}.log"
        with log.open("w") as out:
            done = subprocess.run(
                ["ansible-playbook", "-i", inventory, playbook, *options], cwd=REPO / "ansible", stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, timeout=PLAY_S,
                # Of nobody's home: it leaves files there.
                env={**os.environ, "HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"})
        return Recap(done.returncode, log.read_text())

    def paddock(self, *words, timeout=300):
        return self.control.run(" ".join(("paddock", *words)), timeout=timeout).stdout

    def in_it(self, sandbox, script):
        return self.paddock("run -u root -t 5m", sandbox, "--", shlex.quote(script), timeout=600)

    def host_now(self):
        return json.loads(self.paddock(f"-o json hosts get {self.host.name}"))["host"]

    def keep_logs(self):
        for machine, unit in ((self.control, "paddock-coordinator"), (self.host, "paddock-hostd")):
            text = machine.run(f"journalctl --no-pager -o short-precise -u {unit}", check=False).stdout
            (WORK / "logs" / f"{unit}.log").write_text(text)


def rolled_out(folder, debs, image, machines):
    assert (TINY / "image.json").exists(), f"no image in {TINY}: tools/build-tiny-image"
    made = Rollout(folder, debs, image, machines)
    try:
        yield made
        made.keep_logs()
    finally:
        made.end()


@pytest.fixture(scope="module")
def rollout(folder, debs, machine_image):
    yield from rolled_out(folder, debs, machine_image, machines=2)


@pytest.fixture(scope="module")
def one_machine(folder, debs, machine_image):
    yield from rolled_out(folder, debs, machine_image, machines=1)
