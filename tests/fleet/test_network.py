"""The base network, probed from inside real guests."""

import contextlib
import http.server
import signal
import socketserver
import threading

import pytest

from fleet import Process, wait_until

METADATA = "169.254.169.254"
HOST_V6, GUEST_V6 = "fd00:77::1", "fd00:77::2"

# Not wget -T: in Debian 12's busybox it crashes.
PROBE = "timeout 4 wget -q -O - http://{} 2>&1 || echo refused"


@contextlib.contextmanager
def web_server(address, port=8000):
    """In the coordinator's namespace; yields who has asked."""
    asked_by = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked_by.append(self.client_address[0])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"reached")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((address, port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield asked_by
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def greeter(address, port):
    """Says a byte to whoever connects, as ZeroMQ does."""
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"\xff")

    server = socketserver.ThreadingTCPServer((address, port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SERVER = """
import http.server, socket, socketserver, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # Without a look-up of the address's name.
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"reached")
Server((sys.argv[1], 8000), Handler).serve_forever()
"""


@contextlib.contextmanager
def listener(host, address):
    """Answers on port 8000 inside a host; yields its log."""
    log = host.base / f"listener-{address.replace(':', '-')}.log"
    process = Process(f"listener on {address}", host.enter("/usr/bin/python3", "-c", SERVER, address), log)
    try:
        wait_until(f"the listener on {address}", lambda: host.inside(
            "ss", "-Hltn", f"src {f'[{address}]' if ':' in address else address} and sport = :8000").stdout, 20)
        yield log
    finally:
        process.kill(signal.SIGKILL)


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


def reaches(api, sandbox, target):
    """In the end: a packet that is late is no rule's doing."""
    wait_until(f"{target} to be reached", lambda: probe(api, sandbox, target) == "reached", 60)


def gateway(api, sandbox):
    return api.run(sandbox, "ip route show default")["stdout"].split()[2]


def test_the_internet_is_reached_through_nat(fleet, api, pair):
    with web_server("198.51.100.7"):
        reaches(api, pair[0][0], "198.51.100.7:8000/")


def test_the_coordinators_network_is_not_reached(fleet, api, pair):
    with web_server("10.77.0.1") as asked_by:
        assert fleet.hosts[0].inside("curl", "-s", "http://10.77.0.1:8000/").stdout == "reached"
        assert "reached" not in probe(api, pair[0][0], "10.77.0.1:8000/")
        assert asked_by == ["10.77.0.11"]


def test_the_coordinators_own_port_is_not_reached(fleet, api, pair):
    """ZeroMQ speaks first: whoever is connected reads its greeting."""
    asking = "timeout 5 nc {} 7420 </dev/null | head -c 1 | od -An -tx1"
    assert fleet.hosts[0].inside("bash", "-c", "head -c 1 </dev/tcp/10.77.0.1/7420 | od -An -tx1").stdout.strip() == "ff"
    with greeter("198.51.100.7", 7420):
        wait_until("the greeting", lambda: api.run(pair[0][0], asking.format("198.51.100.7"))["stdout"].strip() == "ff", 30)
    assert api.run(pair[0][0], asking.format("10.77.0.1"))["stdout"].strip() == ""


def addresses_that_are_closed(api, sandbox):
    """What a guest must not reach on its own host: its LAN address, the gateway beyond names, metadata, IPv6."""
    return ["10.77.0.11", gateway(api, sandbox), METADATA, HOST_V6]


@pytest.fixture
def closed_addresses(fleet, api, pair):
    """A listener on each, reached from the host itself; and a guest that has IPv6."""
    host, guest = fleet.hosts[0], pair[0][0]
    host.inside("ip", "addr", "add", f"{METADATA}/32", "dev", "eth0")
    before = host.inside("sysctl", "-n", "net.ipv6.conf.pdkbr0.disable_ipv6").stdout.strip()
    host.inside("sysctl", "-qw", "net.ipv6.conf.pdkbr0.disable_ipv6=0")
    host.inside("ip", "-6", "addr", "add", f"{HOST_V6}/64", "dev", "pdkbr0", "nodad")
    assert api.run(guest, f"ip -6 addr add {GUEST_V6}/64 dev eth0", user="root")["exit_code"] == 0
    wait_until("the guest's IPv6 address", lambda: GUEST_V6 in api.run(
        guest, "ip -6 addr show dev eth0 | grep -v tentative", user="root")["stdout"], 20)
    try:
        with contextlib.ExitStack() as stack:
            targets = {}
            for address in addresses_that_are_closed(api, guest):
                shown = f"[{address}]" if ":" in address else address
                targets[f"{shown}:8000/"] = stack.enter_context(listener(host, address))
                assert host.inside("curl", "-gs", f"http://{shown}:8000/").stdout == "reached"
            yield targets
    finally:
        api.run(guest, f"ip -6 addr del {GUEST_V6}/64 dev eth0", user="root")
        host.inside("ip", "-6", "addr", "del", f"{HOST_V6}/64", "dev", "pdkbr0", check=False)
        host.inside("sysctl", "-qw", f"net.ipv6.conf.pdkbr0.disable_ipv6={before}")
        host.inside("ip", "addr", "del", f"{METADATA}/32", "dev", "eth0")


def test_the_host_the_gateway_the_metadata_address_and_ipv6_are_not_reached(fleet, api, pair, closed_addresses):
    for target in closed_addresses:
        assert "reached" not in probe(api, pair[0][0], target), target
    for address in (gateway(api, pair[0][0]), METADATA):
        assert api.run(pair[0][0], f"ping -c 1 -W 2 {address}", user="root")["exit_code"] != 0
    assert api.run(pair[0][0], f"ping -6 -c 1 -W 2 {HOST_V6}", user="root")["exit_code"] != 0


def test_without_our_rules_the_addresses_are_reached(fleet, api, pair, closed_addresses):
    """What the tests above see is the rules' doing, not a guest that could not have asked."""
    host, (guest, address) = fleet.hosts[0], pair[0]
    asking = " ".join(f"'{target}'" for target in closed_addresses)
    api.run(guest, f"for i in $(seq 60); do for t in {asking}; do timeout 2 wget -q -O /dev/null http://$t; done; "
                   "[ -e /tmp/enough ] && break; sleep 0.2; done >/dev/null 2>&1 &")
    before = host.welcomes()
    host.hostd.kill(signal.SIGKILL)  # It would put them back.
    try:
        for family in ("inet", "bridge"):
            host.inside("nft", "delete", "table", family, "paddock")
        for target, log in closed_addresses.items():
            wait_until(f"the guest to reach {target}", lambda log=log: any(
                line.split()[0] in (GUEST_V6, address) for line in log.read_text().splitlines()), 40)
    finally:
        host.start_hostd()
    # What is given to a host that has just died is of unknown outcome.
    wait_until("the coordinator to know the new hostd", lambda: host.welcomes() > before, 30)
    fleet.wait_ready(len(fleet.hosts))
    api.run(guest, "touch /tmp/enough")
    for target in closed_addresses:
        wait_until(f"{target} to be closed again", lambda t=target: "reached" not in probe(api, guest, t), 30)
    # Closed by rules that let the guest out, not by there being none for it.
    wait_until("names", lambda: api.run(guest, f"nslookup {host.name} {gateway(api, guest)}")["exit_code"] == 0, 60)


def test_a_hostd_that_starts_again_cuts_no_guest_off(fleet, api, pair):
    host, (guest, address) = fleet.hosts[0], pair[0]

    def elements():
        return host.inside("nft", "list", "table", "bridge", "paddock").stdout.count(address)

    assert elements() == 1

    def restart_while_asking():
        script = "while ! [ -e /tmp/enough2 ]; do timeout 30 wget -q -O - http://198.51.100.7:8000/ || echo refused; echo; usleep 100000; done"
        with web_server("198.51.100.7") as asked_by:
            api.run(guest, f"({script}) >/tmp/asked 2>&1 &")
            for _ in range(5):
                before, asked = host.welcomes(), len(asked_by)
                host.restart_hostd()
                wait_until("the coordinator to know the new hostd", lambda: host.welcomes() > before, 30)
                wait_until("the guest to ask on", lambda: len(asked_by) > asked + 10, 120)
                assert elements() == 1
            api.run(guest, "touch /tmp/enough2")
            assert "refused" not in api.run(guest, "cat /tmp/asked")["stdout"]

    seen, ended = [], threading.Event()

    def look():  # The rules are replaced at once: there is no moment without this guest.
        while not ended.is_set():
            seen.append(elements())
            ended.wait(0.05)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        restart_while_asking()
    finally:
        ended.set()
        looking.join()
    assert set(seen) == {1} and len(seen) > 10, seen


def test_the_gateway_gives_names(fleet, api, pair):
    host = fleet.hosts[0]
    answer = api.run(pair[0][0], f"nslookup {host.name} {gateway(api, pair[0][0])}")
    assert "127.0.0.1" in answer["stdout"].split("Name:")[-1], answer


def test_another_guest_is_not_reached(fleet, api, pair):
    (one, _), (two, address) = pair
    # busybox's httpd listens in the one, the other asks: directly and by way of the gateway's MAC.
    api.run(two, "mkdir -p /tmp/w && echo reached > /tmp/w/index.html && httpd -p 8000 -h /tmp/w", user="root")
    reaches(api, two, "127.0.0.1:8000/")
    assert "reached" not in probe(api, one, f"{address}:8000/")
    api.run(one, f"ip route add {address}/32 via {gateway(api, one)}", user="root")
    assert "reached" not in probe(api, one, f"{address}:8000/")


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
        reaches(api, one, "198.51.100.7:8000/")


def test_a_false_hardware_address_is_dropped(fleet, api, pair):
    _, (two, address) = pair
    with web_server("198.51.100.7"):
        reaches(api, two, "198.51.100.7:8000/")
        mac = api.run(two, "cat /sys/class/net/eth0/address")["stdout"].strip()
        route = api.run(two, "ip route show default")["stdout"].strip()
        script = ("ip link set eth0 down; ip link set eth0 address {}; ip link set eth0 up; "
                  f"ip route add {route} || true")
        api.run(two, script.format("52:54:00:66:66:66"), user="root")
        assert "reached" not in probe(api, two, "198.51.100.7:8000/")
        api.run(two, script.format(mac), user="root")
        wait_until("the network to be back", lambda: probe(api, two, "198.51.100.7:8000/") == "reached", 30)


def test_an_isolated_sandbox_has_an_address_and_reaches_nothing(fleet, api, pair):
    sandbox = api.create(host="h1", network_mode="isolated", wait_for_ip=True)["id"]
    with web_server("198.51.100.7"):
        reaches(api, pair[0][0], "198.51.100.7:8000/")
        assert "reached" not in probe(api, sandbox, "198.51.100.7:8000/")
    api.destroy(sandbox)
