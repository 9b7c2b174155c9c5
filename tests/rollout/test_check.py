"""`--check` of each playbook, on a Debian that has nothing yet, and on one where programs stand for what is installed.

Its machine is a root file system in a folder: Ansible's modules run in it, and nothing of it is started."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from playing import LOCAL, play, program

sys.path.append(str(Path(__file__).resolve().parents[1] / "packages"))
from root import debian_sources  # noqa: E402

PACKAGES = ("paddock", "paddock-coordinator", "paddock-hostd")
MADE = {"etc/paddock/server.key": "k", "etc/paddock/server.pub": "P", "etc/paddock/host.key": "k", "etc/paddock/host.pub": "H\n",
        "etc/paddock/enrolled": "h1 H\n", "etc/paddock/tokens": "t", "etc/postgresql/15/main/pg_hba.conf": "local all all peer\n",
        "etc/postgresql/15/main/pg_ident.conf": "", "etc/prometheus/prometheus.yml": "", "etc/default/prometheus": "",
        "root/.config/paddock/config": "PADDOCK_URL=http://127.0.0.1:8080\n", "root/.config/paddock/prometheus.token": "t"}
INSTALLED = {"paddock": """case $* in *"hosts get"*) echo '{"host": {"cordoned": false}}' ;; *"ls -q"*) echo sbx-1 ;; esac""",
             "paddock-coordinator": ":", "paddock-hostd": "case $* in *list*) echo '[]' ;; esac", "psql": ":", "virsh": "echo sbx-1",
             "dpkg-query": "printf 0.9",
             "systemctl": "case $* in *show*) echo LoadState=loaded; echo ActiveState=active ;; *is-enabled*) echo enabled ;; esac"}
PLAYBOOKS = {"site.yml": (), "add-host.yml": ("paddock_add=h1",), "restore.yml": ("paddock_restore_from=/etc/hostname", "paddock_restore_replace=true"),
             "backup.yml": ("paddock_backup_to=/nonexistent/backups",), "upgrade.yml": ("paddock_upgrade_drain=true",),
             "remove-host.yml": ("paddock_remove=h1",),
             "rotate-keys.yml": ("paddock_rotate=h1", "paddock_rotate_coordinator=true", "paddock_rotate_tokens=true")}


@pytest.fixture(scope="module")
def folder():
    if os.geteuid() != 0:
        pytest.skip("NOT TRIED: a check in a root file system needs root")
    assert shutil.which("mmdebstrap"), "this needs mmdebstrap: tools/install-packages image"
    with tempfile.TemporaryDirectory(prefix="pdk-check-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def root(folder):
    """Lists of packages are not in it, as in a cloud's image."""
    made = folder / "root"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,python3-apt,ca-certificates", "--dpkgopt=force-unsafe-io",
                    "bookworm", made, *debian_sources()], check=True, timeout=600)
    shutil.copy("/etc/resolv.conf", made / "etc/resolv.conf")
    program(made / "usr/bin/systemctl", "echo LoadState=not-found; echo ActiveState=inactive")
    program(folder / "python", f"exec unshare --mount --pid --fork --kill-child --mount-proc --root={made} --wd=/ "
                               'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root /usr/bin/python3 "$@"')
    return made


@pytest.fixture(scope="module")
def installed(root):
    """After those of nothing."""
    for name, text in MADE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name, script in INSTALLED.items():
        program(root / "usr/bin" / name, script)
    return root


def inventory(folder):
    for package in PACKAGES:
        (folder / "debs").mkdir(exist_ok=True)
        (folder / "debs" / f"{package}_1.0_amd64.deb").touch()
    (folder / "image").mkdir(exist_ok=True)
    (folder / "image/disk.qcow2").touch()
    (folder / "image/image.json").write_text('{"vcpus": 1, "memory_mb": 64}')
    everywhere = {**LOCAL, "ansible_python_interpreter": str(folder / "python"), "ansible_pipelining": True, "paddock_common_debs": str(folder / "debs"),
                  "paddock_hostd_endpoints": ["tcp://10.0.0.1:7420"], "paddock_hostd_images": [{"name": "tiny", "folder": str(folder / "image")}]}
    groups = {"paddock_coordinators": ["c1"], "paddock_hosts": ["h1"], "paddock_monitoring": ["c1"]}
    return {"vars": everywhere, "children": {group: {"hosts": {name: {} for name in names}} for group, names in groups.items()}}


def content(root):
    """But for what apt keeps for itself."""
    files = (path for top in ("etc", "root", "usr/bin", "usr/sbin", "var") for path in (root / top).rglob("*"))
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
            for path in files if not re.match(r".*/var/(lib|cache|log)/apt(/|$)", str(path))}


def check(folder, root, playbook):
    before = content(root)
    words = [word for variable in PLAYBOOKS[playbook] for word in ("-e", variable)]
    status, text = play(folder, playbook, inventory(folder), "--check", *words)
    assert content(root) == before
    assert not Path("/nonexistent").exists()
    return status, text


@pytest.mark.parametrize("playbook", ("site.yml", "add-host.yml", "restore.yml", "backup.yml"))
def test_of_a_machine_with_nothing_it_says_which_packages_it_would_get(folder, root, playbook):
    status, text = check(folder, root, playbook)
    assert status == 0 and "fatal:" not in text, text[-3000:]
    assert re.search(r"changed: \[(c1|h1)\]", text)
    if playbook in ("site.yml", "add-host.yml"):
        assert "what h1 would get after its packages is not known before" in text, text[-3000:]


def test_an_upgrade_of_nothing_says_what_comes_first(folder, root):
    status, text = check(folder, root, "upgrade.yml")
    assert status != 0 and "add-host.yml -e paddock_add=h1" in text, text[-3000:]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_of_what_is_installed_it_changes_nothing_either(folder, installed, playbook):
    status, text = check(folder, installed, playbook)
    assert status == 0 and "fatal:" not in text and "is not known before" not in text, text[-3000:]
