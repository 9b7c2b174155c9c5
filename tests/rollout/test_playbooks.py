"""What playbooks do with several machines, and on releases, that the rollouts do not have: tried with no machine at all."""

import json
import re
import shutil

import pytest
import yaml

from playing import ANSIBLE, AWAY, LOCAL, message, play, program

RELEASES = """
- hosts: all
  gather_facts: false
  tasks:
    - include_role: {name: paddock_common, tasks_from: release}
- hosts: all
  gather_facts: false
  roles:
    - {role: paddock_postgres, when: false}
  tasks:
    - debug: {msg: "{{ inventory_hostname }}: {{ paddock_postgres_folder }} {{ paddock_common_release | dictsort | map('last') | join(' ') }}"}
"""


def machine(distribution, version):
    return {**LOCAL, "ansible_distribution": distribution, "ansible_distribution_version": version,
            "ansible_distribution_major_version": version.split(".")[0]}


def test_names_are_those_of_the_machine_s_release(tmp_path):
    (tmp_path / "releases.yml").write_text(RELEASES)
    hosts = {"bookworm": machine("Debian", "12.8"), "jammy": machine("Ubuntu", "22.04"), "noble": machine("Ubuntu", "24.04")}
    status, text = play(tmp_path, tmp_path / "releases.yml", {"hosts": hosts})
    assert status == 0, text[-3000:]
    for host, version in (("bookworm", 15), ("jammy", 14), ("noble", 16)):
        assert f"{host}: /etc/postgresql/{version}/main /etc/apparmor.d/local/abstractions/libvirt-qemu libvirtd postgresql {version} prometheus" in text


@pytest.mark.parametrize("distribution, version", (("Debian", "11.9"), ("Debian", "13.1"), ("Ubuntu", "20.04"), ("Fedora", "41")))
def test_another_release_is_refused_by_name(tmp_path, distribution, version):
    (tmp_path / "releases.yml").write_text(RELEASES)
    status, text = play(tmp_path, tmp_path / "releases.yml", {"hosts": {"other": machine(distribution, version)}})
    assert status != 0
    assert f"other is {distribution} {version}, which these roles do not know. They know Debian 12, Ubuntu 22.04, Ubuntu 24.04" in text, text


URL = """
- hosts: all
  gather_facts: false
  roles:
    - {role: paddock_coordinator, when: false}
  tasks:
    - debug: {msg: "{{ inventory_hostname }} is at {{ paddock_coordinator_url }}"}
"""


def test_root_of_a_coordinator_asks_where_it_listens(tmp_path):
    (tmp_path / "url.yml").write_text(URL)
    listen = {"c1": ":8080", "c2": "0.0.0.0:80", "c3": "[::]:1", "c4": "10.0.0.1:8080", "c5": "localhost:2"}
    hosts = {name: {**LOCAL, "paddock_coordinator_config": {"http_address": address}} for name, address in listen.items()}
    inventory = {"hosts": {"c0": LOCAL}, "children": {"paddock_coordinators": {"hosts": hosts}}}
    status, text = play(tmp_path, tmp_path / "url.yml", inventory)
    assert status == 0, text[-3000:]
    asked = dict(re.findall(r"(c\d) is at (http://[^\"]+)", text))
    assert asked == {"c0": "http://127.0.0.1:8080", "c1": "http://127.0.0.1:8080", "c2": "http://127.0.0.1:80", "c3": "http://[::1]:1",
                     "c4": "http://10.0.0.1:8080", "c5": "http://127.0.0.1:2"}


CONFIG = """
- hosts: all
  gather_facts: false
  roles:
    - {role: paddock_hostd, when: false}
  tasks:
    - debug: {msg: "{{ inventory_hostname }} has {{ paddock_hostd_asked_config | to_json }}"}
"""


def test_a_class_of_hosts_has_ratios_of_its_own_beside_what_all_have(tmp_path):
    (tmp_path / "config.yml").write_text(CONFIG)
    example = yaml.safe_load((ANSIBLE / "inventory.example/group_vars/dense.yml").read_text())
    of_all = {"capacity_memory_mb": 4096, "vcpu_overcommit": 2}
    inventory = {"hosts": {"h1": LOCAL, "h2": LOCAL}, "vars": {"paddock_hostd_config": of_all},
                 "children": {"dense": {"hosts": {"h2": {}}, "vars": example}}}
    status, text = play(tmp_path, tmp_path / "config.yml", inventory)
    assert status == 0, text[-3000:]
    has = {host: json.loads(config.replace('\\"', '"')) for host, config in re.findall(r'(h\d) has (\{.*\})"', text)}
    assert set(has) == {"h1", "h2"}, text
    assert has["h1"] == of_all
    assert has["h2"] == {**of_all, "memory_overcommit_percent": 150, "vcpu_overcommit": 16}


class Upgrade:
    """upgrade.yml as it is, with roles that do nothing but for a host with `fails`, and programs that write down what they are asked."""

    def __init__(self, folder):
        self.folder, self.asked = folder, folder / "asked"
        shutil.copy(ANSIBLE / "upgrade.yml", folder)
        for role, tasks in (("paddock_common", "debug: {msg: common}"), ("paddock_coordinator", "debug: {msg: coordinator}"),
                            ("paddock_hostd", "include_tasks: '{{ way | default(\"well\") }}.yml'")):
            (folder / "roles" / role / "tasks").mkdir(parents=True)
            (folder / "roles" / role / "tasks/main.yml").write_text(f"- name: It is done\n  {tasks}\n")
        shutil.copy(ANSIBLE / "roles/paddock_common/tasks/reached.yml", folder / "roles/paddock_common/tasks")
        for way, task in (("well", "debug: {msg: done}"), ("fails", "fail: {msg: it is broken}"),
                          ("lost", "{ping: , vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 9}}")):
            text = f"- {task}\n" if way == "lost" else f"- name: A host\n  {task}\n"
            (folder / "roles/paddock_hostd/tasks" / f"{way}.yml").write_text(text)
        program(folder / "bin/paddock", f"""echo "$*" >>{self.asked}; echo '{{"host": {{"cordoned": false}}}}'""")
        program(folder / "bin/dpkg-query", f"[ ! -e {folder}/none ] || exit 1; printf 1.0")
        (folder / "debs").mkdir()
        (folder / "debs/paddock-hostd_2.0_amd64.deb").touch()
        (folder / "marks").mkdir()

    def run(self, serial, **hosts):
        inventory = {"children": {"paddock_coordinators": {"hosts": {"c1": LOCAL}}, "paddock_hosts": {"hosts": hosts}}}
        told = {"paddock_upgrade_serial": serial, "paddock_common_debs": str(self.folder / "debs"),
                "paddock_upgrade_mark": f"{self.folder}/marks/{{{{ inventory_hostname }}}}"}
        return play(self.folder, self.folder / "upgrade.yml", inventory, "-e", json.dumps(told), path=[self.folder / "bin"])

    def hosts_asked(self, word):
        asked = self.asked.read_text().splitlines() if self.asked.exists() else []
        return {line.split()[1] for line in asked if line.startswith(f"{word} ")}

    def cordoned(self):
        return {mark.name for mark in (self.folder / "marks").iterdir()}


@pytest.fixture
def upgrade(tmp_path):
    return Upgrade(tmp_path)


def test_an_upgrade_of_several_at_a_time_takes_all(upgrade):
    status, text = upgrade.run(3, **{f"h{n}": LOCAL for n in range(1, 6)})
    assert status == 0, text[-3000:]
    assert upgrade.hosts_asked("cordon") == upgrade.hosts_asked("uncordon") == {f"h{n}" for n in range(1, 6)} and upgrade.cordoned() == set()


@pytest.mark.parametrize("serial, done", ((1, {"h1"}), (3, {"h1", "h3"})))
def test_a_host_that_is_not_well_ends_an_upgrade_with_its_batch(upgrade, serial, done):
    status, text = upgrade.run(serial, h1=LOCAL, h2={**LOCAL, "way": "fails"}, h3=LOCAL, h4=LOCAL)
    assert status != 0
    assert upgrade.hosts_asked("uncordon") == done, text[-3000:]
    assert upgrade.cordoned() == {"h2"} and "h4" not in upgrade.hosts_asked("cordon")
    assert "h2 is not well after its upgrade" in message(text) and "it is broken" in message(text) and "run upgrade.yml again" in message(text)
    assert ("Upgraded at the same time, and well unless they say otherwise: h1 h3" in message(text)) == (serial == 3), text[-3000:]


@pytest.mark.parametrize("serial", (1, 3))
def test_a_host_that_is_not_reached_ends_an_upgrade_before_its_batch(upgrade, serial):
    status, text = upgrade.run(serial, h1=AWAY, h2=LOCAL, h3=LOCAL, h4=LOCAL)
    assert status != 0
    assert upgrade.hosts_asked("cordon") == set(), text[-3000:]
    assert "h1 is not reached" in message(text) and "--limit 'all:!h1'" in message(text)


def test_a_host_that_is_lost_on_the_way_has_no_batch_begin_after_it(upgrade):
    status, text = upgrade.run(2, h1=LOCAL, h2={**LOCAL, "way": "lost"}, h3=LOCAL, h4=LOCAL)
    assert status != 0
    assert upgrade.hosts_asked("uncordon") == {"h1"} and upgrade.hosts_asked("cordon") == {"h1", "h2"}, text[-3000:]
    assert "h2 was lost during its upgrade; h3 was not touched" in message(text)


def test_what_has_not_joined_yet_is_not_upgraded(upgrade):
    (upgrade.folder / "none").touch()
    status, text = upgrade.run(1, h1=LOCAL, h2=LOCAL)
    assert status != 0 and "add-host.yml -e paddock_add=h1" in message(text), text[-3000:]
    assert upgrade.hosts_asked("cordon") == set()
