"""An ordinary libvirt domain beside the sandboxes of a host: the baseline of `restore`."""

import json
import uuid
import xml.etree.ElementTree as Xml

QEMU_NAMES = "http://libvirt.org/schemas/domain/qemu/1.0"
Xml.register_namespace("qemu", QEMU_NAMES)

# One call of libvirt's in the host's namespaces, timed without Python's own start.
CALLS = """
import json, sys, time, libvirt
connection = libvirt.open("qemu:///system")
what, name = sys.argv[1:]
if what == "define":
    connection.defineXML(sys.stdin.read()).create()
    sys.exit()
domain = connection.lookupByName(name)
if what == "remove":
    domain.destroy()
    domain.undefine()
    sys.exit()
snapshot = None if what == "take" else domain.snapshotLookupByName("bench")
began = time.monotonic()
if what == "take":
    domain.snapshotCreateXML("<domainsnapshot><name>bench</name></domainsnapshot>")
elif what == "revert":
    domain.revertToSnapshot(snapshot)
else:
    snapshot.delete()
took = (time.monotonic() - began) * 1000
state, _ = domain.state()
assert state == libvirt.VIR_DOMAIN_RUNNING, state
print(json.dumps(took))
"""


class PlainDomain:
    """Of the XML that hostd has made for a sandbox, with a name, overlay, NIC and sockets of its own."""

    NAME = "plain"

    def __init__(self, host, build, image):
        self.host, self.build, self.image = host, build, image
        self.folder = host.base / "plain"

    def start_like(self, sandbox):
        self.folder.mkdir(mode=0o755)
        self.host.inside("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", self.image / "disk.qcow2",
                         self.folder / "overlay.qcow2")
        text = self.host.inside("virsh", "-q", "-c", "qemu:///system", "dumpxml", "--inactive", "--security-info",
                                sandbox).stdout
        (self.folder / "domain.xml").write_text(self.described(text))
        self.call("define", stdin=self.folder / "domain.xml")
        assert self.run("echo alive") == "alive\n"

    def described(self, text):
        root = Xml.fromstring(text)
        root.find("name").text = self.NAME
        root.find("uuid").text = str(uuid.uuid4())
        for gone in ("metadata", "title"):
            if root.find(gone) is not None:
                root.remove(root.find(gone))
        devices = root.find("devices")
        disk = devices.find("disk")
        disk.find("source").set("file", str(self.folder / "overlay.qcow2"))
        disk.find("backingStore/source").set("file", str(self.image / "disk.qcow2"))
        interface = devices.find("interface")
        interface.find("mac").set("address", "52:54:00:00:be:0c")
        interface.find("target").set("dev", "plain0")
        for channel in devices.findall("channel"):
            if channel.find("target").get("name") == "org.paddock.agent.0":
                channel.find("source").set("path", str(self.agent_socket))
        for console in devices.findall("serial") + devices.findall("console"):
            console.find("source").set("path", str(self.folder / "console.log"))
        return Xml.tostring(root, encoding="unicode")

    @property
    def agent_socket(self):
        return self.folder / "agent.sock"

    def call(self, what, stdin=None):
        shell = 'exec /usr/bin/python3 -c "$1" "$2" "$3" <"$4"'
        return self.host.inside("sh", "-c", shell, "sh", CALLS, what, self.NAME, stdin or "/dev/null", timeout=120).stdout

    def timed(self, what):
        """`take`, `revert` or `delete`; ms."""
        return json.loads(self.call(what))

    def answered(self, command):
        """(ms, what it wrote) of one command; the time is from the connection on."""
        done = self.host.inside(self.build / "bench/agent-run", self.agent_socket, command, timeout=150)
        reply = json.loads(done.stdout)
        return reply["ms"], reply["stdout"]

    def run(self, command):
        return self.answered(command)[1]

    def remove(self):
        self.call("remove")
