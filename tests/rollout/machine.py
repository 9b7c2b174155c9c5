"""A full Debian machine with systemd and ssh, in QEMU: what Ansible is let loose on.

It reaches nothing outside: its first network card is QEMU's own network, restricted, with ssh at a port of loopback; its second
is a wire to one other machine, a pair of sockets in a folder."""

import os
import socket
import subprocess
import threading
import time
from pathlib import Path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def acceleration():
    """KVM where there is a processor for it; the machine is told of none, so that its own guests are emulated everywhere."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if flags & {"vmx", "svm"} and os.access("/dev/kvm", os.R_OK | os.W_OK):
        return ["-accel", "kvm", "-cpu", "host,vmx=off,svm=off"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


class Machine:
    def __init__(self, name, folder, image, key, *, address, mac, wire, memory_mb, logs):
        """`wire`: the names of its own end and of the other one's."""
        self.name, self.address, self.mac, self.key, self.port = name, address, mac, key, free_port()
        public = key.with_suffix(".pub").read_text().strip()
        disk = folder / f"{name}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image / "disk.qcow2", disk], check=True)
        self.console = logs / f"{name}.console.log"
        own, other = (folder / end for end in wire)
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", *acceleration(), "-machine", "q35", "-m", str(memory_mb), "-smp", "2",
             "-nodefaults", "-display", "none", "-no-reboot",
             "-kernel", image / "kernel", "-initrd", image / "initrd",
             # The key comes as a credential of systemd's. Mitigations cost most where they are of no use.
             "-append", "root=/dev/vda rw console=ttyS0 mitigations=off "
                        f'systemd.set_credential="ssh.authorized_keys.root:{public}"',
             "-drive", f"file={disk},if=virtio,format=qcow2,cache=unsafe",
             "-netdev", f"user,id=ssh,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22", "-device", "virtio-net-pci,netdev=ssh",
             "-netdev", f"dgram,id=wire,local.type=unix,local.path={own},remote.type=unix,remote.path={other}",
             "-device", f"virtio-net-pci,netdev=wire,mac={mac}",
             "-device", "virtio-rng-pci", "-serial", f"file:{self.console}"],
            stdin=subprocess.DEVNULL)

    def ssh_options(self):
        return ["-i", str(self.key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=30", "-o", "IdentitiesOnly=yes", "-o", "ServerAliveInterval=60"]

    def run(self, command, check=True, timeout=300):
        done = subprocess.run(["ssh", *self.ssh_options(), "-p", str(self.port), "root@127.0.0.1", command],
                              capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{self.name}: {command}: {done.stdout}{done.stderr}"
        return done

    def wait(self, seconds):
        """Until systemd has started all that it starts."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.console.read_text()[-3000:]
            # Waits in the machine, once its sshd serves.
            said = self.run("systemctl is-system-running --wait", check=False, timeout=seconds).stdout.strip()
            if said in ("running", "degraded"):
                return
            threading.Event().wait(0.5)
        raise AssertionError(f"{self.name}: no ssh within {seconds} s: {self.console.read_text()[-3000:]}")

    def settle(self, machines):
        """Its name, its address on the wire, and who is there. What it takes from its distribution is there: it asks nobody."""
        hosts = "".join(f"{m.address} {m.name}\n" for m in machines)
        network = f"[Match]\nMACAddress={self.mac}\n\n[Network]\nAddress={self.address}/24\nLinkLocalAddressing=no\n"
        self.run(f"echo {self.name} >/etc/hostname && hostname {self.name} && printf '{hosts}' >>/etc/hosts && "
                 f"printf '{network}' >/etc/systemd/network/70-wire.network && networkctl reload && "
                 "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def inventory(self):
        return {"ansible_host": "127.0.0.1", "ansible_port": self.port, "ansible_user": "root",
                "ansible_ssh_private_key_file": str(self.key), "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_ssh_common_args": " ".join(self.ssh_options())}
