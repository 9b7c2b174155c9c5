"""files: a sandbox's files up and down over HTTP, beside qemu-guest-agent's file commands in the same guest."""

import hashlib
import json
import time

from fleet import Fleet, wait_until
from files import Files, digest_of, noise
from guest_agent import START_GUEST_AGENT
from kept_state import check_nothing_is_left
from measuring import Memory, machine, quantile, say

SIZE_MB = 256
THEIRS_MB = 16  # They are that much slower; a rate is a rate.

GUEST_AGENT = """
import base64, hashlib, json, sys, time, libvirt, libvirt_qemu
domain = libvirt.open("qemu:///system").lookupByName(sys.argv[1])
size, piece = int(sys.argv[2]), 1 << 16  # Bytes of each command: 1 MiB ends the agent's channel.
def ask(command, **arguments):
    return json.loads(libvirt_qemu.qemuAgentCommand(domain, json.dumps({"execute": command, "arguments": arguments}), 60, 0))["return"]
data = hashlib.sha512(b"x").digest() * (piece // 64)
began = time.monotonic()
handle = ask("guest-file-open", path="/home/sandbox/theirs", mode="w")
for at in range(0, size, piece):
    text = base64.b64encode(data).decode()
    while text:
        written = ask("guest-file-write", handle=handle, **{"buf-b64": text})["count"]
        text = text[written // 3 * 4:] if written < piece else ""
ask("guest-file-close", handle=handle)
up = time.monotonic() - began
began, had, hasher = time.monotonic(), 0, hashlib.sha256()
handle = ask("guest-file-open", path="/home/sandbox/theirs", mode="r")
while had < size:
    got = base64.b64decode(ask("guest-file-read", handle=handle, count=piece)["buf-b64"])
    hasher.update(got)
    had += len(got)
ask("guest-file-close", handle=handle)
down = time.monotonic() - began
assert hasher.hexdigest() == hashlib.sha256(data * (size // piece)).hexdigest()
print(json.dumps([up, down]))
"""


def ours(api, ident, size):
    """Seconds up and down; what arrived is what was sent."""
    mine = Files(api, ident)
    pieces = list(noise(size))
    expected = hashlib.sha256(b"".join(pieces)).hexdigest()
    began = time.monotonic()
    status, reply = mine.put("/home/sandbox/ours", pieces, size)
    up = time.monotonic() - began
    assert status in (200, 201) and reply["sha256"] == expected, reply
    hasher, got = hashlib.sha256(), []
    began = time.monotonic()
    assert mine.get("/home/sandbox/ours", got.append)[0] == 200
    down = time.monotonic() - began
    for piece in got:
        hasher.update(piece)
    assert hasher.hexdigest() == expected
    return up, down


def one_gib(fleet, api, debian):
    """A file of 1 GiB up and down in a full Debian, whose disk has room for it; memory of the daemons meanwhile."""
    fleet.hosts[0].add_image("debian", debian, memory_mb=1024)
    wait_until("debian to be known", lambda: api.call("GET", "/v1/images/debian")[0] == 200, 60)
    say("  booting debian")
    ident, size = api.create(host="h1", image="debian")["id"], 1 << 30
    mine, expected = Files(api, ident), digest_of(noise(size))
    mine.put("/home/sandbox/first", b"x")
    memory = {"coordinator": Memory(fleet.coordinator.pid), "hostd": Memory(fleet.hosts[0].hostd.pid)}
    began = time.monotonic()
    status, reply = mine.put("/home/sandbox/gib", noise(size))
    up = time.monotonic() - began
    assert status == 201 and reply["sha256"] == expected, reply
    began = time.monotonic()
    assert mine.digest("/home/sandbox/gib") == (expected, size)
    down = time.monotonic() - began
    api.destroy(ident)
    grown = {f"gib_{name}_grown_mb": round(one.most() - one.before, 1) for name, one in memory.items()}
    return {"gib_up_s": round(up, 1), "gib_down_s": round(down, 1), **grown}


def theirs(host, ident, size):
    done = host.inside("/usr/bin/python3", "-c", GUEST_AGENT, ident, size, timeout=400)
    return json.loads(done.stdout)


def files(build, image, both, debian, n):
    with Fleet(build, image, hosts=1, log_level="info") as fleet:
        host, api = fleet.hosts[0], fleet.api(timeout=400)
        host.add_image("both-agents", both)
        wait_until("both-agents to be known", lambda: api.call("GET", "/v1/images/both-agents")[0] == 200, 30)
        ident = api.create(host="h1", image="both-agents", memory_mb=512)["id"]
        assert api.run(ident, START_GUEST_AGENT, user="root")["exit_code"] == 0
        about = machine(fleet)
        size, rates, base = SIZE_MB << 20, ([], []), ([], [])
        wait_until("qemu-guest-agent to answer", lambda: host.inside(
            "virsh", "-q", "-c", "qemu:///system", "qemu-agent-command", ident, '{"execute":"guest-ping"}', check=False).returncode == 0, 60)
        for turn in range(n):
            for into, seconds in zip(rates, ours(api, ident, size)):
                into.append(SIZE_MB / seconds)
            for into, seconds in zip(base, theirs(host, ident, THEIRS_MB << 20)):
                into.append(THEIRS_MB / seconds)
            say(f"  {turn + 1}/{n}: up {rates[0][-1]:.0f}, down {rates[1][-1]:.0f} MiB/s; guest agent {base[0][-1]:.1f}, {base[1][-1]:.1f}")
        api.destroy(ident)
        gib = one_gib(fleet, api, debian) if debian else {}
        check_nothing_is_left(fleet)
    middle = [round(quantile(values, 0.5), 1) for values in (*rates, *base)]
    metrics = {"size_mb": SIZE_MB, "up_mb_s": middle[0], "down_mb_s": middle[1],
               "ratio_guest_agent": round(middle[0] / middle[2], 1), "ratio_guest_agent_down": round(middle[1] / middle[3], 1), **gib}
    return about, metrics, {"guest_agent_up_mb_s": middle[2], "guest_agent_down_mb_s": middle[3], "guest_agent_size_mb": THEIRS_MB}
