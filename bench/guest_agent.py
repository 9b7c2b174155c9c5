"""qemu-guest-agent in the tiny guest, beside ours: the baseline of exec and files."""

import subprocess
import sys
import tempfile
from pathlib import Path

from fleet import ROOT, run

# udev would have made a name for the port; the tiny image has none.
START_GUEST_AGENT = """
for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = org.qemu.guest_agent.0 ] && exec /usr/sbin/qemu-ga -d -t /run -f /run/qemu-ga.pid -m virtio-serial \
        -p "/dev/${port##*/}" >/run/qemu-ga.log 2>&1
done
exit 1
"""


def guest_agent_extra(folder):
    """Debian's qemu-guest-agent and the libraries that it needs, to be laid over the tiny image."""
    downloads, extra = folder / "downloads", folder / "extra"
    downloads.mkdir()
    run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "qemu-guest-agent", cwd=downloads, timeout=120)
    run("dpkg-deb", "-x", next(downloads.glob("*.deb")), folder / "package")
    program = extra / "usr/sbin/qemu-ga"
    program.parent.mkdir(parents=True)
    program.write_bytes((folder / "package/usr/sbin/qemu-ga").read_bytes())
    program.chmod(0o755)
    for line in run("ldd", program).stdout.splitlines():
        library = next((word for word in line.split() if word.startswith("/")), None)
        assert library or "vdso" in line, f"qemu-ga needs {line.strip()}: sudo apt-get install qemu-guest-agent"
        if library:
            copy = extra / library.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(Path(library).read_bytes())
            copy.chmod(0o755)
    return extra


def with_guest_agent(build):
    with tempfile.TemporaryDirectory() as folder:
        image = ROOT / "build/bench-tiny-qga"
        subprocess.run([ROOT / "tools/build-tiny-image", image, build / "guest/paddock-guest",
                        guest_agent_extra(Path(folder))], check=True, stdout=sys.stderr)
        return image
