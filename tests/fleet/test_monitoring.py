"""What operators watch: real Prometheus scrapes a real coordinator and real hosts, evaluates the rules, and finds every series that
the rules and dashboards ask for. Its folder is its own, and it is ended by its id."""

import contextlib
import http.client
import json
import re
import shutil
import subprocess
import urllib.parse

import pytest
import yaml

from fleet import ROOT, Fleet, Process, run, wait_until
from test_pools import wait_filled, warm_pool

MONITORING = ROOT / "monitoring"
PORT = 9420
SMALL = {"memory_mb": 160}
# Nothing of these has to be there: what goes wrong, and what nobody has asked for.
MAY_BE_EMPTY = re.compile(r'result!="done"|paddock_replicas_|paddock_pool_failures')


@pytest.fixture(scope="module")
def fleet(build, image):
    for tool in ("prometheus", "promtool"):
        assert shutil.which(tool), f"{tool} is missing: tools/install-packages test"
    fleet = Fleet(build, image)
    for host in fleet.hosts:  # Each is in a network namespace of its own, which loopback does not reach.
        host.settings = {"metrics_listen": f"10.77.0.{10 + host.number}:{PORT}", "allow_plaintext": "true"}
    with fleet:
        yield fleet


def page_of_coordinator(fleet):
    status, text = fleet.api().call("GET", "/metrics")
    assert status == 200
    return text


def page_of_host(host, path="/metrics"):
    connection = http.client.HTTPConnection(f"10.77.0.{10 + host.number}", PORT, timeout=20)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def names_of(page):
    """Every name of a series that the page has, or would have if there were anything to say."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def value(page, series):
    return float(re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)[1])


def rules():
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries():
    """(where, query) of all rules and panels."""
    found = [(rule["alert"], rule["expr"]) for rule in rules()]
    for file in sorted((MONITORING / "dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        found += [(f"{file.stem}: {panel['title']}", target["expr"].replace("$instance", ".*"))
                  for panel in board["panels"] for target in panel["targets"]]
    return found


def test_rules_are_right_and_each_fires_and_is_quiet_in_a_test():
    run("promtool", "check", "rules", MONITORING / "alerts.yml")
    run("promtool", "test", "rules", "alerts_tests.yml", cwd=MONITORING)
    tested = {True: set(), False: set()}
    for test in yaml.safe_load((MONITORING / "alerts_tests.yml").read_text())["tests"]:
        for one in test["alert_rule_test"]:
            tested[bool(one["exp_alerts"])].add(one["alertname"])
    assert tested[True] == tested[False] == {rule["alert"] for rule in rules()}
    assert all(rule["annotations"].keys() == {"summary", "action"} for rule in rules())


def test_an_alert_that_would_not_fire_fails_its_test(tmp_path):
    text = (MONITORING / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(text.replace("paddock_hostd_fenced == 1", "paddock_hostd_fenced == 2"))
    shutil.copy(MONITORING / "alerts_tests.yml", tmp_path)
    done = run("promtool", "test", "rules", "alerts_tests.yml", cwd=tmp_path, check=False)
    assert done.returncode != 0 and "PaddockHostFenced" in done.stdout + done.stderr


def test_pages_are_as_promtool_wants_them_and_have_all_that_is_asked_for(fleet):
    pages = {"coordinator": page_of_coordinator(fleet), "host": page_of_host(fleet.hosts[0])[1]}
    for who, page in pages.items():
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=30)
        # What prometheus-cpp's server says of itself is not ours to name.
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("exposer_")]
        assert complaints == [], who
    there = names_of(pages["coordinator"]) | names_of(pages["host"])
    for where, query in queries():
        asked = set(re.findall(r"\bpaddock_\w+", query)) | set(re.findall(r"\bup\{", query))
        assert asked and asked - there - {"up{"} == set(), where
    # And would be missed.
    assert not names_of(pages["coordinator"]) & {"paddock_nothing"}


def test_a_host_serves_its_metrics_and_nothing_else_and_nowhere_else(fleet):
    host = fleet.hosts[0]
    assert page_of_host(host)[0] == 200
    assert page_of_host(host, "/")[0] == 404 and page_of_host(host, "/etc/passwd")[0] == 404
    listening = [line.split()[3] for line in host.inside("ss", "-Hltnp").stdout.splitlines() if f"pid={host.hostd.pid}," in line]
    assert listening == [f"10.77.0.11:{PORT}"]
    assert fleet.api().call("GET", "/metrics", headers={"Authorization": "Bearer pdk_wrong"})[0] == 401


def test_figures_follow_what_happens(fleet, api):
    host = fleet.hosts[0]
    before = page_of_coordinator(fleet)
    ident = api.create(host="h1", **SMALL)["id"]
    api.run(ident, "true")
    api.ok("POST", f"/v1/sandboxes/{ident}/snapshots", {"name": "one"}, expect=(201,))
    api.ok("POST", f"/v1/sandboxes/{ident}/snapshots/one/restore")
    after = page_of_coordinator(fleet)
    assert value(after, "paddock_creates_total") == value(before, "paddock_creates_total") + 1
    assert value(after, "paddock_commands_total") == value(before, "paddock_commands_total") + 1
    assert value(after, 'paddock_sandboxes{phase="running"}') == 1
    for kind in ("create", "run", "snapshot", "restore"):
        assert value(after, f'paddock_operation_duration_seconds_count{{operation="{kind}"}}') >= 1, kind
    assert value(after, "paddock_boot_duration_seconds_count") >= 1
    assert value(after, 'paddock_host_sandboxes{host="h1"}') == 1
    assert value(after, "paddock_audit_lag_seconds") < 10 and value(after, "paddock_database_up") == 1

    status, page = page_of_host(host)
    assert status == 200 and value(page, 'paddock_hostd_sandboxes{phase="running"}') == 1
    for kind in ("create", "run", "snapshot", "restore"):
        assert value(page, f'paddock_hostd_operation_duration_seconds_count{{operation="{kind}"}}') >= 1, kind
    assert value(page, "paddock_hostd_boot_duration_seconds_count") >= 1
    for series in ("libvirt_up", "link_up", "loop_up", "adopted"):
        assert value(page, f"paddock_hostd_{series}") == 1, series
    assert value(page, "paddock_hostd_fenced") == 0 and 0 < value(page, "paddock_hostd_free_disk_bytes")
    series = f'{{sandbox="{ident}"}}'
    wait_until("the sandbox to be read", lambda: f"paddock_sandbox_cpu_seconds_total{series}" in page_of_host(host)[1], 40)
    page = page_of_host(host)[1]
    assert value(page, f"paddock_sandbox_cpu_seconds_total{series}") > 0
    assert value(page, f"paddock_sandbox_memory_bytes{series}") > 1 << 24
    assert value(page, f"paddock_sandbox_disk_read_bytes_total{series}") >= 0  # Of the QEMU that it was restored into.


class Prometheus:
    """One of this test's own."""

    def __init__(self, fleet, folder):
        (folder / "token").write_text(fleet.token)
        config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(MONITORING / "alerts.yml")]
        coordinator, hosts = config["scrape_configs"]
        coordinator["authorization"]["credentials_file"] = str(folder / "token")
        coordinator["static_configs"] = [{"targets": [f"127.0.0.1:{fleet.api().port}"]}]
        hosts["static_configs"] = [{"targets": [f"10.77.0.{10 + host.number}:{PORT}" for host in fleet.hosts]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        run("promtool", "check", "config", folder / "prometheus.yml")
        self.process = Process("prometheus", ["prometheus", f"--config.file={folder}/prometheus.yml",
                                              f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:0"],
                               folder / "prometheus.log")
        wait_until("Prometheus to serve", self.serves, 60)

    def serves(self):
        assert self.process.alive(), self.process.log.read_text()
        found = re.findall(r"127\.0\.0\.1:(\d+)\s.*?users:.*?pid=(\d+),", run("ss", "-Hltnp").stdout)
        self.port = next((int(port) for port, pid in found if int(pid) == self.process.pid), None)
        return self.port and self.call("/-/ready")[0] == 200

    def call(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def ask(self, path, **query):
        status, body = self.call(f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
        assert status == 200, (query, body)
        reply = json.loads(body)
        assert reply["status"] == "success", (query, reply)
        return reply["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def alerts(self):
        return {(alert["labels"]["alertname"], alert["labels"].get("instance")): alert["state"] for alert in self.ask("alerts")["alerts"]}


@contextlib.contextmanager
def prometheus(fleet, folder):
    (folder / "data").mkdir()
    one = Prometheus(fleet, folder)
    try:
        yield one
    finally:
        one.process.kill()


def test_prometheus_scrapes_the_fleet_and_no_panel_is_empty(fleet, api, tmp_path):
    with prometheus(fleet, tmp_path) as watching, warm_pool(fleet, min=1, max=1) as pool:
        wait_until("all targets to be up", lambda: [t["health"] for t in watching.ask("targets")["activeTargets"]] == ["up"] * 3, 60)
        wait_filled(api, pool, 1)
        api.create(pool="require", **{"memory_mb": 160, "cpu": 1, "network_mode": "nat"})
        ident = api.create(host="h1", pool="skip", **SMALL)["id"]
        api.run(ident, "true")
        asked = [(where, query) for where, query in queries() if not where.startswith("Paddock") and not MAY_BE_EMPTY.search(query)]
        assert len(asked) > 40
        missing = []

        def none_is_empty():
            missing[:] = [(where, query) for where, query in asked if not watching.query(query)]
            return not missing
        try:
            wait_until("every panel to have something", none_is_empty, 60)
        except AssertionError as late:
            raise AssertionError(f"{late}: {missing}") from None

        groups = watching.ask("rules")["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        assert {rule["name"] for rule in found} == {rule["alert"] for rule in rules()}
        wait_until("all rules to be evaluated", lambda: all(
            rule["health"] == "ok" for group in watching.ask("rules")["groups"] for rule in group["rules"]), 30)
        assert "firing" not in watching.alerts().values()
        api.destroy(ident)

        # A host whose hostd is gone, as an operator sees it first.
        gone = ("PaddockHostMetricsMissing", f"10.77.0.12:{PORT}")
        assert gone not in watching.alerts()
        fleet.hosts[1].hostd.kill()
        wait_until("an alert to come up", lambda: watching.alerts().get(gone) == "pending", 60)
        fleet.hosts[1].start_hostd()
        fleet.wait_ready(2)
        wait_until("it to go away", lambda: gone not in watching.alerts(), 60)
