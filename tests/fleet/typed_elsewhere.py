"""Commands of docs/ that are not typed on a fleet of these tests: which other test has them, or why there is none."""

ROLLOUT = "tests/rollout/test_rollout.py"
PACKAGES = "tests/packages/test_packages.py"
# The file that does it, and what of the command is written there.
ELSEWHERE = {
    "sudo ./run-tests --only roles": (".ci/run", "./run-tests --only contract,fleet,packages,roles"),
    "tools/build-tiny-image": ("run-tests", "tools/build-tiny-image build/tiny"),
    "sudo tools/build-debian-image /var/tmp/debian-12": ("run-tests", "tools/build-debian-image build/debian"),
    "sudo tools/install-packages build && tools/build-packages /tmp/debs": (PACKAGES, 'REPO / "tools/build-packages", out'),
    "tools/install-packages test": ("run-tests", "tools/install-packages build run rundemo image test"),
    "tools/build-packages /srv/paddock/debs": (PACKAGES, 'REPO / "tools/build-packages", out'),
    "apt-get install ./paddock-coordinator_*.deb ./paddock_*.deb postgresql": ("tests/packages/root.py", '"apt-get", "install"'),
    "apt-get install ./paddock-hostd_*.deb": ("tests/packages/root.py", '"apt-get", "install"'),
    "apt-get install ./…deb": ("tests/packages/root.py", '"apt-get", "install"'),
    "systemd-analyze security": (PACKAGES, '"systemd-analyze", "security"'),
    "cd ansible && ansible-playbook -i /srv/paddock/inventory site.yml": (ROLLOUT, 'rollout.play("site.yml")'),
    "cd ansible && ansible-playbook -i INVENTORY upgrade.yml": (ROLLOUT, 'rollout.play("upgrade.yml", version="2")'),
    "cd ansible && ansible-playbook -i INVENTORY backup.yml -e paddock_backup_to=/srv/backups":
        (ROLLOUT, 'rollout.play("backup.yml", "-e", f"paddock_backup_to={backups}")'),
    "ansible-playbook -i INVENTORY restore.yml -e paddock_restore_from=/srv/backups/NAME.tar":
        (ROLLOUT, 'rollout.play("restore.yml", *restored_from)'),
    "cd ansible && ansible-playbook -i INVENTORY rotate-keys.yml -e paddock_rotate=NAME": (ROLLOUT, '"rotate-keys.yml", "-e", "paddock_rotate=h1"'),
    "backup.yml -e paddock_backup_to=FOLDER": (ROLLOUT, '"backup.yml", "-e", f"paddock_backup_to={backups}"'),
    "restore.yml -e paddock_restore_from=FILE": (ROLLOUT, '"-e", f"paddock_restore_from={backup}"'),
    "rotate-keys.yml -e paddock_rotate=NAME": (ROLLOUT, '"rotate-keys.yml", "-e", "paddock_rotate=h1"'),
    "-e paddock_rotate=NAME": (ROLLOUT, '"-e", "paddock_rotate=h1"'),
    "-e paddock_rotate_coordinator=true": (ROLLOUT, '"-e", "paddock_rotate_coordinator=true"'),
    "-e paddock_rotate_tokens=true": (ROLLOUT, '"-e", "paddock_rotate_tokens=true"'),
    "add-host.yml -e paddock_add=NAME": (ROLLOUT, '"add-host.yml", "-e", "paddock_add=h1"'),
    "remove-host.yml -e paddock_remove=NAME": (ROLLOUT, '"remove-host.yml", "-e", "paddock_remove=h1"'),
    "-e paddock_remove_deadline=1h": (ROLLOUT, '"-e", "paddock_remove_deadline=5s"'),
    "-e paddock_remove_anyway=true": (ROLLOUT, '"-e", "paddock_remove_anyway=true"'),
    "paddock-coordinator restore --from /srv/backups/2026-01-31": ("tests/fleet/test_backup.py", 'coordinator("restore", "--from", backups / "b")'),
    "paddock exec -it web": ("tests/fleet/test_cli_exec_terminal.py", '"paddock exec -it web"'),
    "paddock events --since 1h": ("tests/fleet/test_cli_exec.py", '"events", "--since", "1h"'),
    "PADDOCK_SEED=7 PADDOCK_REQUESTS=20000 python3 -m pytest tests/fleet/test_fleet_property.py":
        ("tests/fleet/test_fleet_property.py", 'f"PADDOCK_SEED={seed} PADDOCK_REQUESTS={REQUESTS}"'),
    "PADDOCK_FAULTS=restore:17:hostd:after PADDOCK_BUILD=build/dev PADDOCK_IMAGE=build/tiny sudo -E /usr/bin/python3 -m pytest tests/fleet/test_steps.py":
        ("tests/fleet/test_steps.py", "PADDOCK_FAULTS=restore:17:hostd:after"),
}

CHANGES_THE_MACHINE = "it changes the machine that it is typed on: packages, services, users"
NO_SYSTEMD = "hosts and coordinators of these tests are namespaces, without systemd and its journal; tests/rollout has machines with both"
ONE_HOST = "the machines of tests/rollout are one host and one coordinator"
NOT_TRIED = {
    "sudo ./quickstart": CHANGES_THE_MACHINE,
    "sudo ./quickstart status": CHANGES_THE_MACHINE,
    "./quickstart logs": CHANGES_THE_MACHINE,
    "sudo ./run-tests": "it is what runs this",
    "sudo ./run-tests --slow": "it takes two hours, and a machine of its own",
    "bench/run fleet --hosts N --sandboxes N": "it measures: beside other tests it would measure those",
    "systemctl enable --now paddock-coordinator": NO_SYSTEMD,
    "systemctl enable --now paddock-hostd": NO_SYSTEMD,
    "systemctl reload postgresql": NO_SYSTEMD,
    "systemctl reload paddock-hostd": NO_SYSTEMD,
    "systemctl status": NO_SYSTEMD,
    "systemctl status paddock-coordinator": NO_SYSTEMD,
    "systemctl status paddock-hostd": NO_SYSTEMD,
    "systemctl status libvirtd": NO_SYSTEMD,
    "journalctl -u paddock-coordinator": NO_SYSTEMD,
    "journalctl -u paddock-hostd": NO_SYSTEMD,
    "journalctl -u paddock-hostd | grep req-…": NO_SYSTEMD,
    "journalctl -p warning": NO_SYSTEMD,
    "chgrp paddock FILE; chmod 640 FILE": "the user paddock comes with the package: tests/packages looks at what it may read",
    "cat /usr/share/paddock/apparmor/libvirt-qemu >>/etc/apparmor.d/local/abstractions/libvirt-qemu": "there is no AppArmor on the tests' machines",
    "apt-get install --allow-downgrades ./…deb": "there is no former version yet",
    "-e paddock_upgrade_drain=true": ONE_HOST,
    "-e paddock_upgrade_serial=3": ONE_HOST,
    "-e paddock_backup_blobs=true": "nothing is uploaded in tests/rollout; --with-blobs is tried by tests/fleet/test_backup.py",
    "-e paddock_restore_replace=true": "tests/rollout has the refusal without it; --replace is tried by tests/fleet/test_backup.py",
}

# Said of, and not typed so: without what it is about. Its words and options are looked at all the same.
NAMED = {
    "kill -STOP",
    "paddock cp",
    "paddock create … --explain",
    "paddock create --no-wait",
    "paddock evacuate",
    "paddock evacuate HOST",
    "paddock exec -it",
    "paddock hosts get",
    "paddock images import",
    "paddock images import … --agent inject",
    "paddock images import NAME FILE|FOLDER|URL",
    "paddock images push",
    "paddock images rm",
    "paddock ports",
    "paddock replicas",
    "paddock templates create",
    "paddock watch",
    "paddock-coordinator keygen",
    "paddock-hostd image add …",
    "paddock-hostd image rm",
    "paddock-hostd keygen",
    "runuser -u paddock -- paddock-coordinator backup …",
}

# Of a file, or of a log.
NO_COMMANDS = {
    "local paddock paddock,paddock_owner peer map=paddock",
    "paddock paddock paddock",
    "paddock paddock paddock_owner",
    "paddock root paddock_owner",
    "paddock-coordinator … leads, epoch 8",
    '{"time":"2026-01-31T23:59:59.123Z","level":"info","thread":7,"message":"…","request_id":"req-…","sandbox_id":"sbx-…"}',
}

# All else is typed on a fleet, if it begins so: nothing else is, on the machine of who runs the tests.
TYPED = (". /var/lib/paddock/quickstart.env", "A=", "D=", "ID=$(curl ", "ID=$(paddock ", "S=$PADDOCK_URL", "SELECT ", "cp -r ansible/", "curl ", "mkdir -p /srv/", "paddock ",
         "paddock-coordinator ", "paddock-hostd ", "paddock-simulator ", "promtool ", "runuser -u postgres -- create", "source <(paddock ",
         "sudo /var/lib/paddock/bin/paddock-hostd ", "tar c src |", "time curl ", "touch /etc/paddock/", "ulimit ", "until curl ")
NOT_TYPED = {*ELSEWHERE, *NOT_TRIED, *NAMED, *NO_COMMANDS}
