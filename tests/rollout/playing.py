"""Playbooks by themselves, with machines that are none."""

import json
import os
import re
import subprocess
from pathlib import Path

ANSIBLE = Path(__file__).resolve().parents[2] / "ansible"
LOCAL = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3"}
# Nobody listens there.
AWAY = {**LOCAL, "ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}


def play(folder, playbook, inventory, *options, path=()):
    """Its status, and all that it says."""
    (folder / "inventory.json").write_text(json.dumps({"all": inventory}))
    done = subprocess.run(["ansible-playbook", "-i", folder / "inventory.json", playbook, *options], cwd=ANSIBLE, capture_output=True, text=True,
                          timeout=300, env={**os.environ, "HOME": str(folder), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"),
                                            "PATH": ":".join([*map(str, path), os.environ["PATH"]])})
    return done.returncode, done.stdout + done.stderr


def message(text):
    return " ".join(re.findall(r'"msg": "(.*)"', text))


def program(file, script):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
