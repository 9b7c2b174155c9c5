"""The roles and playbooks of ansible/, with the packages of this build, on two full Debian machines.

In their order: each goes on where the one before has left the machines. Logs are in PADDOCK_ROLLOUT/logs."""

import json
import re
import threading
import time

import pytest


@pytest.fixture(scope="module")
def site(rollout):
    """Both machines, rolled out from nothing."""
    recap = rollout.play("site.yml")
    assert recap.status == 0, recap.text[-6000:]
    return recap


@pytest.fixture(scope="module")
def sandbox(rollout, site):
    """One that runs, with a process in it: its id, its boot and that process."""
    name = rollout.paddock("create tiny --name first", timeout=1500).split()[-1]
    boot, pid = rollout.in_it(name, "cat /proc/sys/kernel/random/boot_id; mkfifo /tmp/nobody-writes; "
                                      "setsid cat /tmp/nobody-writes >/dev/null 2>&1 </dev/null & "
                                     "echo $!").split()
    return name, boot, pid


def assert_goes_on(rollout, sandbox):
    name, boot, pid = sandbox
    assert rollout.in_it(name, f"kill -0 {pid} && cat /proc/sys/kernel/random/boot_id").strip() == boot


def version_on(machine, package):
    return machine.run(f"dpkg-query -W -f '${{Version}}' {package}").stdout.strip()


def enrolled(rollout):
    """Names and keys."""
    text = rollout.control.run("cat /etc/paddock/enrolled").stdout
    return [line.split() for line in text.splitlines() if not line.startswith("#")]


def wait_until(what, is_so, seconds=180):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        threading.Event().wait(1)


def text_of(machine, file):
    return machine.run(f"cat {file}").stdout


def ask_prometheus(rollout, path):
    return json.loads(rollout.control.run(f"curl -sS 'http://127.0.0.1:9090/api/v1/{path}'").stdout)["data"]


def are_scraped(rollout):
    found = ask_prometheus(rollout, "query?query=up")["result"]
    return {(one["metric"]["job"], one["metric"]["instance"]): one["value"][1] for one in found} == {("paddock-coordinator", "c1"): "1", ("paddock-hostd", "h1"): "1"}


def root_token(rollout):
    return re.search("PADDOCK_TOKEN=(.+)", text_of(rollout.control, "/root/.config/paddock/config"))[1]


def test_site_rolls_out_a_fleet_from_nothing(rollout, site):
    assert set(site.hosts) == {"c1", "h1"}
    assert site.hosts["c1"]["changed"] > 5 and site.hosts["h1"]["changed"] > 5
    assert all(not counts["failed"] and not counts["ignored"] for counts in site.hosts.values())
    for machine, unit in ((rollout.control, "paddock-coordinator"), (rollout.host, "paddock-hostd")):
        assert machine.run(f"systemctl is-active {unit}; systemctl is-enabled {unit}").stdout.split() == ["active", "enabled"]
    assert version_on(rollout.host, "paddock-hostd").endswith("+1")


def test_preflight_chooses_emulation_and_says_why_as_the_coordinator_does(rollout, site):
    said = re.search(r'acceleration +tcg: ([^"]+)', site.text)
    assert said, site.text[-4000:]
    host = rollout.host_now()
    assert host["accel"] == "tcg"
    assert host["accel_reason"] and host["accel_reason"] in said[1]


def test_a_sandbox_runs_on_the_host(rollout, sandbox):
    assert rollout.paddock("ls -q --host h1 --state RUNNING").split() == [sandbox[0]]
    assert rollout.in_it(sandbox[0], "echo $((6 * 7))").strip() == "42"


def test_it_goes_back_to_what_its_memory_was(rollout, sandbox):
    """QEMU is nobody there, hostd gives nothing away, and the memory is a file between them."""
    host = rollout.host_now()
    assert host["state_engine"] == "fast", host["state_engine_reason"]
    rollout.in_it(sandbox[0], "echo before >/dev/shm/word")
    rollout.paddock("snapshot create", sandbox[0], "before", timeout=900)
    rollout.in_it(sandbox[0], "echo after >/dev/shm/word")
    rollout.paddock("snapshot restore", sandbox[0], "before", timeout=900)
    assert rollout.in_it(sandbox[0], "cat /dev/shm/word").strip() == "before"
    assert_goes_on(rollout, sandbox)
    assert set(rollout.host.run("ps -C qemu-system-x86_64 -o user:32=").stdout.split()) == {"libvirt-qemu"}
    owners = rollout.host.run("find /var/lib/paddock/snapshots -name memory -printf '%u\\n'").stdout.split()
    assert set(owners) == {"root"}
    rollout.paddock("snapshot rm", sandbox[0], "before", timeout=900)


def test_prometheus_scrapes_both_machines_by_a_token_of_its_own(rollout, site):
    wait_until("both to be scraped", lambda: are_scraped(rollout))
    assert {group["name"] for group in ask_prometheus(rollout, "rules")["groups"]} == {"paddock-coordinator", "paddock-hostd"}
    control = rollout.control
    assert control.run("stat -c '%a %U:%G' /etc/prometheus/paddock.token").stdout.strip() == "640 root:prometheus"
    token = text_of(control, "/etc/prometheus/paddock.token").strip()
    assert token != root_token(rollout)
    assert token not in site.text and root_token(rollout) not in site.text


def test_keys_and_tokens_are_new_and_the_sandbox_has_run_all_along(rollout, sandbox):
    control, host = rollout.control, rollout.host
    server, own, token = text_of(control, "/etc/paddock/server.pub"), text_of(host, "/etc/paddock/host.pub"), root_token(rollout)
    recap = rollout.play("rotate-keys.yml", "-e", "paddock_rotate=h1", "-e", "paddock_rotate_coordinator=true",
                         "-e", "paddock_rotate_tokens=true")
    assert recap.status == 0, recap.text[-6000:]
    new = text_of(host, "/etc/paddock/host.pub")
    assert new != own and enrolled(rollout) == [["h1", new.strip()]]
    assert text_of(control, "/etc/paddock/server.pub") == text_of(host, "/etc/paddock/server.pub") != server
    for machine in (control, host):
        assert machine.run("find /etc/paddock -mindepth 1 -type d").stdout == ""
    assert root_token(rollout) != token and root_token(rollout) not in recap.text
    asked = control.run(f"curl -sS -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {token}' http://127.0.0.1:8080/v1/hosts")
    assert asked.stdout == "401"
    assert rollout.host_now()["health"] == "ready"
    assert_goes_on(rollout, sandbox)
    wait_until("both to be scraped", lambda: are_scraped(rollout))


def test_a_key_that_a_host_does_not_take_is_put_back_everywhere(rollout, sandbox):
    server = text_of(rollout.control, "/etc/paddock/server.pub")
    rollout.host.run("chattr +i /etc/paddock/server.pub")
    try:
        recap = rollout.play("rotate-keys.yml", "-e", "paddock_rotate_coordinator=true", "-e", "paddock_hostd_patience_sec=60",
                             log="rotate-refused")
    finally:
        rollout.host.run("chattr -i /etc/paddock/server.pub")
    assert recap.status != 0
    assert "h1 was not ready under a new key" in recap.text, recap.text[-4000:]
    for machine in (rollout.control, rollout.host):
        assert text_of(machine, "/etc/paddock/server.pub") == server
        assert machine.run("find /etc/paddock -mindepth 1 -type d").stdout == ""
    wait_until("the host to be back", lambda: rollout.host_now()["health"] == "ready")
    assert_goes_on(rollout, sandbox)


def test_a_coordinator_that_is_gone_is_made_anew_of_its_backup(rollout, sandbox):
    control, backups = rollout.control, rollout.folder / "backups"
    recap = rollout.play("backup.yml", "-e", f"paddock_backup_to={backups}")
    assert recap.status == 0, recap.text[-6000:]
    (backup,) = backups.iterdir()
    assert [path.stat().st_mode & 0o777 for path in (backups, backup)] == [0o700, 0o600]
    assert control.run("find /tmp /var/tmp -name 'paddock-*'").stdout == ""

    restored_from = ("-e", f"paddock_restore_from={backup}")
    serving = control.run("systemctl show --property MainPID paddock-coordinator").stdout
    recap = rollout.play("restore.yml", *restored_from, log="restore-refused")
    assert recap.status != 0 and "paddock_restore_replace=true" in recap.text, recap.text[-4000:]
    assert control.run("systemctl show --property MainPID paddock-coordinator").stdout == serving

    files = ("/etc/paddock/server.key", "/etc/paddock/server.pub", "/etc/paddock/enrolled")
    before = [text_of(control, file) for file in files]
    control.run("apt-get purge -q -y paddock-coordinator paddock && cd / && runuser -u postgres -- dropdb paddock && "
                "runuser -u postgres -- dropuser paddock && runuser -u postgres -- dropuser paddock_owner && "
                "rm -rf /etc/paddock /root/.config/paddock /var/cache/paddock /var/lib/paddock-coordinator", timeout=900)
    recap = rollout.play("restore.yml", *restored_from)
    assert recap.status == 0, recap.text[-6000:]
    assert [text_of(control, file) for file in files] == before
    assert control.run("find /tmp /var/tmp -name 'paddock-*'").stdout == ""
    assert rollout.host_now()["health"] == "ready"
    assert rollout.paddock("ls -q --host h1 --state RUNNING").split() == [sandbox[0]]
    assert_goes_on(rollout, sandbox)
    control.run("cd / && runuser -u paddock -- paddock-coordinator audit verify")
    assert "coordinator.restore" in rollout.paddock("audit --action coordinator.restore")
    wait_until("both to be scraped", lambda: are_scraped(rollout))


def test_a_second_run_changes_nothing(rollout, site):
    recap = rollout.play("site.yml", log="site-again")
    assert recap.status == 0, recap.text[-6000:]
    assert set(recap.hosts) == {"c1", "h1"}
    assert recap.changed() == 0, recap.changes()


def test_a_check_run_finds_nothing_to_change(rollout, site):
    recap = rollout.play("site.yml", "--check", log="site-check")
    assert recap.status == 0, recap.text[-6000:]
    assert set(recap.hosts) == {"c1", "h1"}
    assert recap.changed() == 0, recap.changes()


def test_an_upgrade_stops_at_a_host_that_is_not_well_and_says_how_to_go_on(rollout, sandbox):
    recap = rollout.play("upgrade.yml", "-e", '{"paddock_hostd_config": {"no_such_key": 1}}', version="2", log="upgrade-bad")
    assert recap.status != 0
    assert "h1 is not well after its upgrade" in recap.text and "run upgrade.yml again" in recap.text, recap.text[-4000:]
    assert rollout.host_now()["cordoned"]
    # Without hostd as with it: libvirt has the machine.
    assert sandbox[0] in rollout.host.run("virsh -c qemu:///system list --name --state-running").stdout


def test_an_upgrade_that_goes_on_opens_the_host_and_its_sandbox_has_run_all_along(rollout, sandbox):
    recap = rollout.play("upgrade.yml", version="2")
    assert recap.status == 0, recap.text[-6000:]
    for package in ("paddock-coordinator", "paddock"):
        assert version_on(rollout.control, package).endswith("+2")
    assert version_on(rollout.host, "paddock-hostd").endswith("+2")
    host = rollout.host_now()
    assert host["health"] == "ready" and not host["cordoned"]
    assert_goes_on(rollout, sandbox)


def test_a_host_whose_sandboxes_cannot_move_is_not_removed(rollout, sandbox):
    recap = rollout.play("remove-host.yml", "-e", "paddock_remove=h1", "-e", "paddock_remove_deadline=5s", version="2",
                         log="remove-refused")
    assert recap.status != 0
    assert version_on(rollout.host, "paddock-hostd").endswith("+2")
    assert_goes_on(rollout, sandbox)


def test_of_a_removed_host_nothing_is_left(rollout, sandbox):
    (_, rollout.removed_key), = enrolled(rollout)
    recap = rollout.play("remove-host.yml", "-e", "paddock_remove=h1", "-e", "paddock_remove_deadline=5s",
                         "-e", "paddock_remove_anyway=true", version="2")
    assert recap.status == 0, recap.text[-6000:]
    host = rollout.host.run
    assert host("dpkg-query -W -f '${db:Status-Status}' paddock-hostd", check=False).stdout in ("", "not-installed")
    assert host("find / -xdev -iname '*paddock*' -o -name 'sbx-*'").stdout == ""
    assert host("virsh -c qemu:///system list --all --name").stdout.strip() == ""
    assert "paddock" not in host("virsh -c qemu:///system net-list --all --name").stdout
    assert "paddock" not in host("nft list tables").stdout
    assert enrolled(rollout) == []
    assert rollout.host_now()["health"] != "ready"


def test_a_host_that_is_added_serves_under_a_new_key(rollout, sandbox):
    recap = rollout.play("add-host.yml", "-e", "paddock_add=h1", version="2")
    assert recap.status == 0, recap.text[-6000:]
    assert recap.hosts["c1"]["changed"] == 0, recap.changes()
    assert rollout.host_now()["health"] == "ready"
    key = rollout.host.run("cat /etc/paddock/host.pub").stdout.strip()
    assert enrolled(rollout) == [["h1", key]]
    assert key != rollout.removed_key
