"""A real fleet on one machine: hosts as namespaces, each with its own libvirtd and hostd.

Everything is below one temporary folder and in network namespaces of its own; close() takes all of
it away again, by the process ids it holds, also after a failure. Needs root.

    mgmt namespace: this process, the coordinator, PostgreSQL (unix socket), "the internet"
      pdkt0 10.77.0.1/24 (a private address), 198.51.100.7 (a public one)
    host namespaces h1, h2: eth0 10.77.0.11, .12; libvirtd below tini; hostd started apart
"""

import ctypes
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from api_client import Api, check_clock  # noqa: F401: for tests, which have all of a fleet from here.
from processes import PATIENCE, PGBIN, Postgres, Process, kill_if_there, run, wait_until  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
CLONE_NEWNET = 0x40000000
HTTP_PORT, LINK_PORT = 8080, 7420  # Of the first coordinator; one more for each other one.
SELF_TEST = "paddock-selftest-"  # hostd's own domains, which prove its engine.


class Host:
    """One host: a network, mount and UTS namespace with libvirtd in it, and a hostd."""

    BOUND = ("run/libvirt", "var/lib/libvirt", "var/cache/libvirt", "etc/libvirt", "var/log/libvirt",
             "var/lib/paddock")
    CONSOLE_LOG = 256 << 10  # In place of 2 MiB, that a guest fills it in a moment.

    def __init__(self, fleet, name, number):
        self.fleet, self.name, self.number = fleet, name, number
        self.base = fleet.base / name
        self.netns = f"{fleet.tag}-{name}"
        self.state = self.base / "var/lib/paddock"
        self.hostd = self.holder = None
        self.welcomed_before = 0
        self.hostd_env = {}  # For the daemon alone.
        self.settings = {}  # Of hostd.yaml, beside those of every host.
        self.disk_mb = None  # Its state_dir is a file system of its own, of so much.

    def prepare(self):
        for folder in self.BOUND:
            (self.base / folder).mkdir(parents=True, mode=0o755)
            Path("/", folder).mkdir(parents=True, exist_ok=True)
        if self.disk_mb:
            disk = self.base / "disk"
            run("truncate", "-s", f"{self.disk_mb}M", disk)
            run("mkfs.ext4", "-q", disk)
            run("mount", "-o", "loop", disk, self.state)
        # Its settings, not the domains and networks of whoever uses libvirt on this machine.
        shutil.copytree("/etc/libvirt", self.base / "etc/libvirt", dirs_exist_ok=True, symlinks=True,
                        ignore=shutil.ignore_patterns("qemu", "storage", "secrets"))
        with open(self.base / "etc/libvirt/libvirtd.conf", "a") as conf:
            conf.write(f'\nhost_uuid = "{uuid.uuid4()}"\n')
        with open(self.base / "etc/libvirt/virtlogd.conf", "a") as conf:
            conf.write(f"\nmax_size = {self.CONSOLE_LOG}\n")
        # libvirt looks its own host's name up at each start of a domain.
        (self.base / "hosts").write_text(f"127.0.0.1 localhost {self.name}\n")
        self.boot()

    def boot(self):
        """The namespaces, and libvirtd in them."""
        run("ip", "netns", "add", self.netns)
        run("ip", "-n", self.netns, "link", "set", "lo", "up")
        port = f"pdkt-{self.name}"
        run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        run("ip", "link", "set", port, "master", "pdkt0", "up")
        run("ip", "-n", self.netns, "addr", "add", f"10.77.0.{10 + self.number}/24", "dev", "eth0")
        run("ip", "-n", self.netns, "link", "set", "eth0", "up")
        run("ip", "-n", self.netns, "route", "add", "default", "via", "10.77.0.1")
        binds = "".join(f"mount --bind {self.base}/{f} /{f}; " for f in self.BOUND)
        binds += f"mount --bind {self.base}/hosts /etc/hosts; "
        script = (f"hostname {self.name}; mount --make-rprivate /; {binds} echo $$ > {self.base}/pid; "
                  f"exec tini -s -- sh -c '"
                  f"virtlogd -d --pid-file /run/libvirt/virtlogd.pid; "
                  f"while [ ! -e {self.base}/stop ]; do libvirtd --pid-file /run/libvirt/libvirtd.pid; "
                  f"sleep 0.1; done'")
        self.holder = Process(f"{self.name} namespaces",
                              ["ip", "netns", "exec", self.netns, "unshare", "--mount", "--uts", "bash", "-c", script],
                              self.base / "libvirtd.log")
        wait_until(f"libvirtd of {self.name}", self.libvirt_answers, 120)

    def enter(self, *argv):
        """The command line that runs argv inside this host."""
        return ["nsenter", "-t", (self.base / "pid").read_text().strip(), "--mount", "--net", "--uts", "--", *argv]

    def inside(self, *argv, check=True, timeout=60):
        return run(*self.enter(*argv), check=check, timeout=timeout)

    def libvirt_answers(self):
        try:
            return self.inside("virsh", "-q", "-c", "qemu:///system", "version", check=False, timeout=20).returncode == 0
        except (subprocess.TimeoutExpired, FileNotFoundError):
            return False

    def configure(self, **extra):
        settings = {
            "coordinator_endpoints": f"[{', '.join(self.fleet.endpoints())}]",
            "coordinator_key": self.fleet.etc / "server.pub",
            "host_key": self.base / "etc/host.key",
            "state_dir": "/var/lib/paddock",
            "libvirt_uri": "qemu:///system",
            "capacity_memory_mb": 9000,
            "capacity_vcpus": 64,
            "disk_reserve_mb": 256,
            "log_level": self.fleet.log_level,
            **self.settings,
            **extra,
        }
        (self.base / "hostd.yaml").write_text("".join(f"{k}: {v}\n" for k, v in settings.items()))

    def hostd_command(self, *argv, before=()):
        return self.enter(*before, self.fleet.bin("hostd/paddock-hostd"), "--config", self.base / "hostd.yaml", *argv)

    def add_image(self, name, folder, cmdline=None, **options):
        about = json.loads((folder / "image.json").read_text())
        argv = ["image", "add", name, folder / "disk.qcow2", "--kernel", folder / "kernel", "--initrd",
                folder / "initrd", "--cmdline", cmdline or about["cmdline"], "--boot", "kernel",
                "--agent", options.get("agent", "paddock"), "--vcpus", about["vcpus"],
                "--memory-mb", options.get("memory_mb", about["memory_mb"])]
        run(*self.hostd_command(*argv), timeout=120)

    def add_disk(self, name, content, *options):
        """An image of raw bytes."""
        raw, disk = self.base / f"{name}.raw", self.base / f"{name}.qcow2"
        raw.write_bytes(content)
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk)
        run(*self.hostd_command("image", "add", name, disk, *options), timeout=120)

    def welcomes(self):
        """How often the coordinator has taken this host in, by all its hostds."""
        return self.hostd.log.read_text().count("welcomed by") if self.hostd else 0

    def taken_in(self):
        """Whether the coordinator knows the hostd that runs now. What is given to one that has just died is of
        unknown outcome, and until then its host is held to be ready."""
        return self.welcomes() > self.welcomed_before

    def start_hostd(self):
        self.welcomed_before = self.welcomes()
        # Set by env(1), not here: what is preloaded is not for those who enter the host.
        env = ["env", *(f"{key}={value}" for key, value in self.hostd_env.items())]
        self.hostd = Process(f"hostd of {self.name}", self.hostd_command(before=env), self.base / "hostd.log")

    def restart_hostd(self, number=signal.SIGKILL):
        self.hostd.kill(number)
        self.start_hostd()

    def reconfigure(self, **settings):
        """Another hostd runs, with these settings, and the coordinator has taken it in."""
        self.configure(**settings)
        self.restart_hostd()
        self.fleet.wait_ready(len(self.fleet.hosts))

    def kill_libvirtd(self):
        """Another one is started at once, as systemd would."""
        def killed():
            try:  # One that is only starting has not said yet which it is.
                os.kill(int((self.base / "run/libvirt/libvirtd.pid").read_text()), signal.SIGKILL)
                return True
            except (OSError, ValueError):
                return False
        wait_until(f"a libvirtd of {self.name} to kill", killed, 60)

    def free_half_made_domains(self):
        """What docs/state.md says to do: libvirt 9 never lets go of a domain that it died in the making of."""
        def without_qemu():
            found = {}
            for status in (self.base / "run/libvirt/qemu").glob("*.xml"):
                try:
                    if " pid='0'>" in status.read_text():
                        found[status] = status.stat().st_mtime_ns
                except FileNotFoundError:
                    pass  # It has ended meanwhile.
            return found

        found, since = without_qemu(), time.monotonic()
        # One that is only being started has its QEMU soon.
        wait_until("more time than a start takes", lambda: not found or time.monotonic() - since > 15, 30)
        half_made = [s for s, written in without_qemu().items() if found.get(s) == written]
        for status in half_made:
            status.unlink(missing_ok=True)
        if half_made:
            self.kill_libvirtd()
            wait_until("libvirtd", self.libvirt_answers, 90)

    def unmount(self, folder):
        """virtlogd and hostd may have a file of it open for an instant more."""
        wait_until(f"{folder} to be let go of", lambda: self.inside("umount", folder, check=False).returncode == 0, 30)

    def domains(self):
        return self.inside("virsh", "-q", "-c", "qemu:///system", "list", "--all", "--name").stdout.split()

    def qemu_pids(self, of="sbx-"):
        """Of its sandboxes, of one, or of all that begin so; hostd's self-tests have some of their own."""
        pids = []
        for file in (self.base / "run/libvirt/qemu").glob(f"{of}*.pid"):
            if file.name.startswith(SELF_TEST) and not of.startswith(SELF_TEST):
                continue
            try:
                pid = int(file.read_text())
                if b"qemu" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    pids.append(pid)
            except (OSError, ValueError):
                pass
        return pids

    def channels(self):
        """Connections of hostd's to guests, also to those that are no more: all but libvirt's."""
        if not self.hostd or not self.hostd.alive():
            return []
        sockets = [line.split() for line in self.inside("ss", "-Hxpn").stdout.splitlines()]
        names = {fields[5]: fields[4] for fields in sockets}  # Each end's inode and path.
        return [f"{names.get(fields[7], 'a closed end')} {fields[5]}" for fields in sockets
                if f"pid={self.hostd.pid}," in fields[-1] and fields[1] == "ESTAB"
                and "/libvirt-sock" not in names.get(fields[7], "")]

    def leftovers(self):
        """What sandboxes have left on this host; empty when nothing leaked."""
        if not self.libvirt_answers():
            return ["libvirtd, which does not answer"]
        found = [f"domain {d}" for d in self.domains() if not d.startswith(SELF_TEST)]
        found += [f"process {p}" for p in self.qemu_pids("")]
        for folder in ("sandboxes", "snapshots", "layers"):
            found += [f"{folder}/{p.name}" for p in (self.state / folder).glob("*")]
        found += [f"channel {c}" for c in self.channels()]
        found += [f"interface {line.split(':')[1].strip()}" for line in
                  self.inside("ip", "-o", "link").stdout.splitlines() if (": pdk" in line or ": pdl" in line) and "pdkbr" not in line]
        for entries in (self.base / "var/lib/libvirt/dnsmasq").glob("*.guests"):
            found += [f"DHCP entry {line}" for line in entries.read_text().splitlines()]
        rules = self.inside("nft", "list", "table", "bridge", "paddock", check=False).stdout
        found += [f"nft element {line.strip()}" for line in rules.splitlines() if ('"pdk' in line or '"pdl' in line) and "iifname" not in line]
        return found

    def reboot(self):
        """Its power is cut: all processes end at once, what lies in /run is gone, the rest is kept."""
        self.power_off()
        self.power_on()

    def power_on(self):
        (self.base / "stop").unlink()
        shutil.rmtree(self.base / "run/libvirt")
        (self.base / "run/libvirt").mkdir(mode=0o755)
        self.boot()
        self.start_hostd()

    def close(self):
        self.power_off()
        if self.state.is_mount():
            run("umount", self.state)

    def power_off(self):
        if self.hostd:
            self.hostd.kill(signal.SIGKILL)
            self.hostd = None
        if self.base.exists():
            (self.base / "stop").touch()
        for pid in (*self.qemu_pids(""), *self.qemu_pids(SELF_TEST)):
            kill_if_there(pid)
        if self.holder:
            # dnsmasq, virtlogd and libvirtd: whoever is in this host's network namespace is ours to end.
            def inside():
                return [int(p) for p in run("ip", "netns", "pids", self.netns, check=False).stdout.split()]

            def is_empty():
                left = inside()
                for pid in left:
                    kill_if_there(pid)
                return not left

            # Again and again: one of them may just have started another.
            wait_until(f"{self.name} to be empty", is_empty, 60)
            self.holder.child.wait(60)
        run("ip", "netns", "del", self.netns, check=False)
        run("ip", "link", "del", f"pdkt-{self.name}", check=False)


class Fleet:
    """Coordinator, database and hosts. Use as a context manager."""

    def __init__(self, build, image, hosts=2, coordinators=1, log_level="debug", **coordinator):
        """`coordinator`: settings of its configuration beside those that make a fleet. Of more than one coordinator the first
        leads to begin with."""
        self.build, self.image = Path(build), Path(image)
        self.log_level = log_level
        self.base = Path(tempfile.mkdtemp(prefix="pdkt-"))
        self.tag = self.base.name
        self.base.chmod(0o755)
        self.etc = self.base / "etc"
        self.hosts = [Host(self, f"h{n + 1}", n + 1) for n in range(hosts)]
        self.coordinators = [None] * coordinators  # Processes, once they are started.
        self.postgres = None
        self.extra_coordinator = coordinator

    @property
    def coordinator(self):
        """The only one, or the first."""
        return self.coordinators[0]

    @coordinator.setter
    def coordinator(self, process):
        self.coordinators[0] = process

    def endpoints(self):
        return [f"tcp://10.77.0.1:{LINK_PORT + n}" for n in range(len(self.coordinators))]

    def bin(self, path):
        return self.build / path

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.show_logs()
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self):
        self.etc.mkdir()
        self._enter_mgmt()
        self.postgres = Postgres(self.base)
        coordinator = self.bin("coordinator/paddock-coordinator")
        run(coordinator, "keygen", "--out", self.etc)
        self.configure_coordinator()
        (self.etc / "enrolled").touch(mode=0o600)  # Also where there is no host.
        for host in self.hosts:
            host.prepare()
            (host.base / "etc").mkdir(exist_ok=True)
            run(self.bin("hostd/paddock-hostd"), "keygen", "--out", host.base / "etc")
            run(coordinator, "--config", self.etc / "coordinator.yaml", "enrol", host.name, host.base / "etc/host.pub")
            host.configure()
            host.add_image("tiny", self.image)
        self.token = run(coordinator, "--config", self.etc / "coordinator.yaml", "token", "--name", "tests").stdout.strip()
        self.start_coordinator()
        for host in self.hosts:
            host.start_hostd()
        self.wait_ready(len(self.hosts))
        for number in range(1, len(self.coordinators)):
            self.start_coordinator(number)

    def _enter_mgmt(self):
        """This process moves into a network namespace of its own: what it starts is there too."""
        self.old_netns = os.open("/proc/self/ns/net", os.O_RDONLY)
        run("ip", "netns", "add", f"{self.tag}-m")
        self._setns(f"/run/netns/{self.tag}-m")
        for line in ("link set lo up", "link add pdkt0 type bridge stp_state 0 forward_delay 0",
                     "addr add 10.77.0.1/24 dev pdkt0", "addr add 198.51.100.7/32 dev pdkt0",
                     "link set pdkt0 up"):
            run("ip", *line.split())

    def _leave_mgmt(self):
        if hasattr(self, "old_netns"):
            self._setns(self.old_netns)
            run("ip", "netns", "del", f"{self.tag}-m", check=False)

    @staticmethod
    def _setns(path_or_fd):
        fd = path_or_fd if isinstance(path_or_fd, int) else os.open(path_or_fd, os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)

    def configure_coordinator(self, **extra):
        self.extra_coordinator.update(extra)
        for number, endpoint in enumerate(self.endpoints()):
            self._configure(number, endpoint)

    def way_to_postgres(self, number):
        """The folder of the socket that this coordinator reaches it by."""
        return self.postgres.socket

    def coordinator_yaml(self, number=0):
        return self.etc / f"coordinator{number or ''}.yaml"

    def _configure(self, number, endpoint):
        settings = {
            "http_address": f"127.0.0.1:{HTTP_PORT + number}",
            "link_address": endpoint,
            "database_url": self.postgres.url("paddock", self.way_to_postgres(number)),
            "database_owner_url": self.postgres.url("paddock_owner", self.way_to_postgres(number)),
            "server_key": self.etc / "server.key",
            "enrolment_file": self.etc / "enrolled",
            "token_file": self.etc / "tokens",
            "blob_dir": self.base / "blobs",
            "log_level": self.log_level,
            # Beyond what emulated guests need where two fleets boot at once.
            "boot_timeout_sec": 120,
            "ip_timeout_sec": 60,
            "destroy_timeout_sec": 90,
            "claim_timeout_sec": 60,
            **self.extra_coordinator,
        }
        self.coordinator_yaml(number).write_text("".join(f"{k}: {v}\n" for k, v in settings.items()))

    def start_coordinator(self, number=0):
        name = f"coordinator{number or ''}"
        self.coordinators[number] = Process(name, [self.bin("coordinator/paddock-coordinator"), "--config",
                                                   self.coordinator_yaml(number)], self.base / f"{name}.log")

    def restart_coordinator(self, number=signal.SIGKILL):
        self.coordinator.kill(number)
        self.start_coordinator()
        self.wait_ready(len(self.hosts))

    def api(self, number=0, **options):
        """The API at one of the coordinators."""
        return Api(HTTP_PORT + number, self.token, **options)

    def wait_ready(self, hosts, seconds=120):
        def ready():
            for process in [*filter(None, self.coordinators), *(h.hostd for h in self.hosts if h.hostd)]:
                assert process.alive(), f"{process.name} ended:\n{tail(process.log)}"
            taken_in = {h.name for h in self.hosts if h.hostd and h.taken_in()}  # First: before, it is the last one's health.
            try:
                status, reply = self.api(timeout=10).call("GET", "/v1/hosts")
            except (ConnectionError, OSError, http.client.HTTPException):
                return False
            return status == 200 and sum(h["health"] == "ready" and h["name"] in taken_in for h in reply["hosts"]) >= hosts
        wait_until(f"{hosts} ready hosts", ready, seconds)

    def verify_audit(self):
        return run(self.bin("coordinator/paddock-coordinator"), "--config", self.etc / "coordinator.yaml",
                   "audit", "verify").stdout

    def half_audited(self):
        """Operations in the audit that have not one intent and then one outcome; a create has an intent for each host that it
        was given to, since one may refuse it."""
        return self.postgres.sql("""
            SELECT operation_id, string_agg(kind || ' ' || action, ', ' ORDER BY seq) FROM audit
            WHERE operation_id <> '' GROUP BY operation_id, action
            HAVING string_agg(kind, ' ' ORDER BY seq) !~ CASE action WHEN 'sandbox.create' THEN '^intent( intent)* outcome$'
                                                                     ELSE '^intent outcome$' END""")

    def without_an_end(self):
        """Operations and commands that are under way, or are by the audit."""
        running = [f"unfinished row {row[0]} of {table}" for table in ("operations", "commands")
                   for row in self.postgres.sql(f"SELECT id FROM {table} WHERE status = 'running'")]
        return running + [f"audit of {' '.join(row)}" for row in self.half_audited()]

    def leftovers(self):
        found = [f"{host.name}: {item}" for host in self.hosts for item in host.leftovers()]
        found += self.without_an_end()
        found += [f"checkpoint row {' '.join(row)}" for row in
                  self.postgres.sql("SELECT id, status FROM checkpoints WHERE status <> 'deleted'")]
        found += [f"copy {' on '.join(row)}" for row in self.postgres.sql("SELECT snapshot_id, host FROM replicas")]
        return found

    def show_logs(self, lines=40):
        for path in [*sorted(self.base.glob("coordinator*.log")), *(h.base / "hostd.log" for h in self.hosts),
                     *(h.base / "libvirtd.log" for h in self.hosts)]:
            if path.exists():
                print(f"--- {path.parent.name}/{path.name}\n{tail(path, lines)}")

    def close(self):
        for host in self.hosts:
            try:
                host.close()
            except Exception as error:  # Go on: whatever else there is must be taken away too.
                print(f"closing {host.name}: {error}")
        try:
            for coordinator in filter(None, self.coordinators):
                coordinator.kill(signal.SIGKILL)
            if self.postgres and self.postgres.process:
                self.postgres.stop(signal.SIGQUIT)  # It is thrown away.
        finally:
            self._leave_mgmt()
        keep = os.environ.get("PADDOCK_KEEP_LOGS")
        if keep:
            for path in self.base.rglob("*.log"):
                target = Path(keep) / path.relative_to(self.base)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
        shutil.rmtree(self.base, ignore_errors=True)


def tail(path, lines=40):
    return "\n".join(Path(path).read_text(errors="replace").splitlines()[-lines:])
