"""The Debian packages: made of what the other tests use, installed, upgraded, removed and purged in a root of their own.

In their order: each goes on where the one before has left the root."""

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from root import Root

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PADDOCK_BUILD", REPO / "build/dev"))
PACKAGES = ("paddock", "paddock-coordinator", "paddock-guest", "paddock-hostd", "paddock-simulator")
# What `systemd-analyze security` may find, in tenths: 0 is best. The units say why each exception is.
MOST_EXPOSED = {"paddock-coordinator": 15, "paddock-hostd": 24, "paddock-hostd-guard": 14}


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="paddock-packages-") as name:
        yield Path(name)


def build(folder, revision):
    out = folder / revision
    done = subprocess.run([REPO / "tools/build-packages", out, "--build", BUILD, "--revision", revision],
                          env={**os.environ, "DEBEMAIL": "paddock@packages.test"},
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return sorted(out.glob("*.deb"), key=lambda deb: deb.name.split("_")[0])


@pytest.fixture(scope="module")
def debs(folder):
    return build(folder, "1")


@pytest.fixture(scope="module")
def root(folder, debs):
    made = Root(folder / "root")
    made.install(debs)
    return made


def mode_of(path):
    about = path.stat()
    return stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid


def test_there_is_one_package_of_each_and_lintian_finds_no_error(debs):
    assert [deb.name.split("_")[0] for deb in debs] == list(PACKAGES)
    done = subprocess.run(["lintian", "--fail-on", "error", "--tag-display-limit", "0", *debs],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_are_installed_with_what_they_depend_on(root):
    for package in PACKAGES:
        assert root.state(package) == "installed"
        version = root.run("dpkg-query", "-W", "-f", "${Version}", package).stdout
        assert root.run(package, "--version").stdout.split()[-1] + "+1" == version.strip()
        page = next(root.path("/usr/share/man").glob(f"man[18]/{package}.[18].gz"))
        text = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, timeout=60)
        assert text.returncode == 0 and not text.stderr, text.stderr
        assert f"{package}" in text.stdout
    for library in ("paddock", "paddock-coordinator", "paddock-hostd", "paddock-simulator"):
        assert "not found" not in root.run("ldd", f"/usr/bin/{library}").stdout


def test_a_host_that_has_just_been_installed_has_the_programs_that_hostd_starts(root):
    for program in ("qemu-system-x86_64", "qemu-img", "nft", "ip", "dnsmasq", "virsh"):
        assert root.run("sh", "-c", f"command -v {program}").stdout


def test_rules_and_dashboards_come_with_the_coordinator_and_are_right_there(root):
    rules = root.path("/usr/share/paddock/monitoring/alerts.yml")
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {file.name for file in root.path("/usr/share/paddock/monitoring/dashboards").iterdir()} == {"fleet.json", "host.json"}


def test_nothing_runs_or_will_before_it_has_a_configuration(root):
    for unit in ("paddock-coordinator", "paddock-hostd"):
        assert root.run("systemctl", "is-enabled", unit, check=False).stdout.strip() == "disabled"
    assert root.run("systemctl", "is-enabled", "paddock-guest", check=False).stdout.strip() == "enabled"


@pytest.mark.parametrize("unit", ("paddock-coordinator", "paddock-guest", "paddock-hostd", "paddock-hostd-guard"))
def test_units_are_right(root, unit):
    done = root.run("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{unit}.service", check=False)
    assert done.returncode == 0 and unit not in done.stderr, done.stderr


@pytest.mark.parametrize("unit", MOST_EXPOSED)
def test_daemons_are_not_more_exposed_than_they_must_be(root, unit):
    done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=yes", f"--root={root.folder}",
                           f"--threshold={MOST_EXPOSED[unit]}", f"{unit}.service"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_root_makes_the_coordinator_may_read_and_nobody_else(root):
    root.run("paddock-coordinator", "keygen", "--out", "/etc/paddock")
    assert root.run("paddock-coordinator", "token", "--name", "first").stdout.startswith("pdk_")
    group = int(root.run("getent", "group", "paddock").stdout.split(":")[2])
    for secret in ("server.key", "tokens"):
        assert mode_of(root.path(f"/etc/paddock/{secret}")) == (0o640, 0, group)
        read = ("cat", f"/etc/paddock/{secret}")
        root.run("setpriv", "--reuid=paddock", "--regid=paddock", "--init-groups", "--", *read)
        assert root.run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", *read,
                        check=False).returncode != 0
    assert mode_of(root.path("/var/lib/paddock-coordinator"))[0] == 0o750
    assert mode_of(root.path("/var/lib/paddock"))[0] == 0o711
    # hostd's unit may write there, which has to be before hostd starts.
    assert root.path("/var/lib/libvirt/dnsmasq").is_dir()
    root.run("paddock-hostd", "keygen", "--out", "/etc/paddock")
    assert mode_of(root.path("/etc/paddock/host.key")) == (0o600, 0, 0)


def test_the_daemon_itself_takes_keys_and_tokens_as_its_user(root):
    """It gets as far as to its last complaint: the enrolment file is not there."""
    done = root.run("setpriv", "--reuid=paddock", "--regid=paddock", "--init-groups", "--", "paddock-coordinator",
                    check=False)
    assert done.returncode == 1
    assert "enrolment file /etc/paddock/enrolled" in done.stderr, done.stderr


def test_every_key_of_the_sample_configurations_is_one_that_the_daemon_knows(root, folder):
    for program in ("coordinator", "hostd"):
        sample = root.path(f"/etc/paddock/{program}.yaml").read_text()
        keys = [line[1:].split(":")[0] for line in sample.splitlines() if line[:1] == "#" and line[1:2].islower()
                and ":" in line]
        assert keys
        known = root.run(f"paddock-{program}", "--help").stdout
        assert [key for key in keys if f"  {key} " not in known] == []


def test_bash_completes_words_of_the_command_line(root):
    script = ". /usr/share/bash-completion/bash_completion; _completion_loader paddock; complete -p paddock"
    assert "-F _paddock paddock" in root.run("bash", "-c", script).stdout


def test_an_upgrade_keeps_what_was_configured_and_enabled(root, folder):
    config = root.path("/etc/paddock/coordinator.yaml")
    config.write_text("placement: pack\n")
    key = root.path("/etc/paddock/server.key").read_text()
    root.run("systemctl", "enable", "paddock-coordinator")
    root.install(build(folder, "2"))
    for package in PACKAGES:
        assert root.run("dpkg-query", "-W", "-f", "${Version}", package).stdout.endswith("+2")
    assert config.read_text() == "placement: pack\n"
    assert root.path("/etc/paddock/server.key").read_text() == key
    assert root.run("systemctl", "is-enabled", "paddock-coordinator").stdout.strip() == "enabled"
    assert root.run("systemctl", "is-enabled", "paddock-hostd", check=False).stdout.strip() == "disabled"


def test_removed_packages_leave_configuration_and_data(root):
    disk = root.path("/var/lib/paddock/sandboxes/sbx-aaaaaaaaaaaaaaaa/overlay.qcow2")
    disk.parent.mkdir(parents=True)
    disk.write_text("what an agent has made")
    root.path("/var/lib/paddock/images").mkdir()
    root.run("dpkg", "--remove", *PACKAGES)
    for kept in ("server.key", "host.key", "tokens", "coordinator.yaml", "hostd.yaml"):
        assert root.path(f"/etc/paddock/{kept}").exists()
    assert disk.exists()
    for gone in ("/usr/bin/paddock", "/usr/bin/paddock-hostd", "/lib/systemd/system/paddock-hostd.service", "/lib/systemd/system/paddock-hostd-guard.service"):
        assert not root.path(gone).exists()


def test_a_purge_forgets_who_it_was_and_says_what_it_leaves(root):
    done = root.run("dpkg", "--purge", *PACKAGES)
    assert not root.path("/etc/paddock").exists()
    # Nothing was uploaded; but a sandbox was not destroyed.
    assert not root.path("/var/lib/paddock-coordinator").exists()
    assert root.path("/var/lib/paddock/sandboxes/sbx-aaaaaaaaaaaaaaaa/overlay.qcow2").exists()
    assert not root.path("/var/lib/paddock/images").exists()
    assert "stay in /var/lib/paddock" in done.stderr
    assert "paddock-coordinator:" not in done.stderr
    links = [str(path) for path in root.path("/etc/systemd/system").rglob("paddock*")]
    assert links == []
    for package in PACKAGES:
        assert root.state(package) != "config-files"
