"""The base network, probed from inside real guests."""

import contextlib
import http.server
import threading

import pytest

from fleet import wait_until

# Not wget -T: in Debian 12's busybox it crashes.
PROBE = "timeout 4 wget -q -O - http://{} 2>&1 || echo refused"


@contextlib.contextmanager
def web_server(address, port=8000):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"reached")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((address, port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def pair(fleet):
    """Two sandboxes on one host, with their addresses."""
    api = fleet.api()
    made = [api.create(host="h1", wait_for_ip=True) for _ in range(2)]
    return [(s["id"], api.ok("GET", f"/v1/sandboxes/{s['id']}/ip")["ip_address"]) for s in made]


@pytest.fixture(autouse=True)
def nothing_leaks():
    yield


def probe(api, sandbox, target):
    return api.run(sandbox, PROBE.format(target), timeout_sec=30)["stdout"].strip()


def gateway(api, sandbox):
    return api.run(sandbox, "ip route show default")["stdout"].split()[2]


def test_the_internet_is_reached_through_nat(fleet, api, pair):
    with web_server("198.51.100.7"):
        assert probe(api, pair[0][0], "198.51.100.7:8000/") == "reached"


@pytest.mark.parametrize("address", ["10.77.0.1", "10.77.0.11"])
def test_private_addresses_and_the_hosts_own_are_not_reached(fleet, api, pair, address):
    if address == "10.77.0.1":
        with web_server(address):
            assert "reached" not in probe(api, pair[0][0], f"{address}:8000/")
    else:
        assert "reached" not in probe(api, pair[0][0], f"{address}:22/")


def test_the_coordinators_ports_are_not_reached(fleet, api, pair):
    assert "refused" in probe(api, pair[0][0], "10.77.0.1:7420/")


def test_the_metadata_address_is_not_reached(fleet, api, pair):
    fleet_address = "169.254.169.254"
    host = fleet.hosts[0]
    host.inside("ip", "addr", "add", f"{fleet_address}/32", "dev", "eth0")
    try:
        assert "refused" in probe(api, pair[0][0], f"{fleet_address}/")
        assert api.run(pair[0][0], f"ping -c 1 -W 2 {fleet_address}", user="root")["exit_code"] != 0
    finally:
        host.inside("ip", "addr", "del", f"{fleet_address}/32", "dev", "eth0")


def test_the_gateway_gives_names_and_nothing_else(fleet, api, pair):
    address = gateway(api, pair[0][0])
    assert api.run(pair[0][0], f"ping -c 1 -W 2 {address}", user="root")["exit_code"] != 0
    assert "refused" in probe(api, pair[0][0], f"{address}:22/")


def test_another_guest_is_not_reached(fleet, api, pair):
    (one, _), (two, address) = pair
    # busybox's httpd listens in the one, the other asks: directly and by way of the gateway's MAC.
    api.run(two, "mkdir -p /tmp/w && echo reached > /tmp/w/index.html && httpd -p 8000 -h /tmp/w", user="root")
    assert api.run(two, PROBE.format("127.0.0.1:8000/"))["stdout"].strip() == "reached"
    assert "reached" not in probe(api, one, f"{address}:8000/")
    api.run(one, f"ip route add {address}/32 via {gateway(api, one)}", user="root")
    assert "reached" not in probe(api, one, f"{address}:8000/")


def test_ipv6_goes_nowhere(fleet, api, pair):
    bridge = fleet.hosts[0].inside("ip", "-6", "-o", "addr", "show", "dev", "pdkbr0", check=False).stdout.split()
    targets = [bridge[3].split("/")[0]] if bridge else []
    own = api.run(pair[0][0], "ip -6 -o addr show dev eth0")["stdout"]
    for target in [*targets, "ff02::1"]:
        reply = api.run(pair[0][0], f"ping -6 -c 2 -W 2 -I eth0 {target}", user="root", timeout_sec=30)
        # To all nodes: the guest itself is one and may answer.
        answers = {line.split()[3].rstrip(":") for line in reply["stdout"].splitlines() if "bytes from" in line}
        assert all(f"{answer}/" in own for answer in answers), reply


def test_a_false_sender_is_dropped(fleet, api, pair):
    (one, address), _ = pair
    forged = address.rsplit(".", 1)[0] + ".250"
    with web_server("198.51.100.7"):
        api.run(one, f"ip addr add {forged}/32 dev eth0; ip route add 198.51.100.7/32 dev eth0 via "
                     f"{gateway(api, one)} src {forged}", user="root")
        try:
            assert "reached" not in probe(api, one, "198.51.100.7:8000/")
        finally:
            api.run(one, f"ip route del 198.51.100.7/32; ip addr del {forged}/32 dev eth0", user="root")
        assert probe(api, one, "198.51.100.7:8000/") == "reached"


def test_a_false_hardware_address_is_dropped(fleet, api, pair):
    _, (two, address) = pair
    with web_server("198.51.100.7"):
        assert probe(api, two, "198.51.100.7:8000/") == "reached"
        mac = api.run(two, "cat /sys/class/net/eth0/address")["stdout"].strip()
        route = api.run(two, "ip route show default")["stdout"].strip()
        script = ("ip link set eth0 down; ip link set eth0 address {}; ip link set eth0 up; "
                  f"ip route add {route} || true")
        api.run(two, script.format("52:54:00:66:66:66"), user="root")
        assert "reached" not in probe(api, two, "198.51.100.7:8000/")
        api.run(two, script.format(mac), user="root")
        wait_until("the network to be back", lambda: probe(api, two, "198.51.100.7:8000/") == "reached", 30)


def test_an_isolated_sandbox_has_an_address_and_reaches_nothing(fleet, api):
    sandbox = api.create(host="h1", network_mode="isolated", wait_for_ip=True)["id"]
    with web_server("198.51.100.7"):
        assert "reached" not in probe(api, sandbox, "198.51.100.7:8000/")
    api.destroy(sandbox)
