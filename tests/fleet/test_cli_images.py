"""Images that the command line makes of what it is pointed at: folders, disks, URLs."""

import json
import shutil
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fleet import Fleet, run, wait_until
from test_uploads import sha256


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=1) as fleet:
        yield fleet


@pytest.fixture
def cli(cli_in_scratch):
    return cli_in_scratch


@pytest.fixture
def site():
    """A web server of files, by path; `stuck` sends a beginning and then nothing until it is let go."""
    files, let_go, asked = {}, threading.Event(), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/disk")
                self.end_headers()
                return
            path = files.get(self.path)
            self.send_response(404 if path is None else 200)
            self.end_headers()
            if path == "stuck":
                self.wfile.write(b"QFI\xfb")
                self.wfile.flush()
                let_go.wait(120)
            elif path is not None:
                with open(path, "rb") as file:
                    shutil.copyfileobj(file, self.wfile)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.files, server.asked, server.url = files, asked, f"http://127.0.0.1:{server.server_port}"
    yield server
    let_go.set()
    server.shutdown()
    thread.join()
    server.server_close()


def names(api):
    return {one["name"] for one in api.ok("GET", "/v1/images")["images"]}


def boots(cli, name):
    cli.ok("create", name, "--name", f"of-{name}")
    assert cli.ok("run", f"of-{name}", "echo hello") == "hello\n"
    cli.ok("rm", f"of-{name}")
    cli.ok("image", "rm", name)


def booted_directly(image):
    about = json.loads((image / "image.json").read_text())
    return ["--agent", "paddock", "--kernel", image / "kernel", "--initrd", image / "initrd", "--cmdline", about["cmdline"], "--memory", "192M"]


def test_of_a_folder_with_all_that_it_says(api, cli, image, tmp_path):
    assert "whole" in cli.ok("images", "import", "whole", f"{image}/")
    made = api.ok("GET", "/v1/images/whole")["image"]
    assert made["default_memory_mb"] == json.loads((image / "image.json").read_text())["memory_mb"]
    boots(cli, "whole")
    other = tmp_path / "other"
    shutil.copytree(image, other)
    with open(other / "initrd", "ab") as file:
        file.write(b"\0")
    bad = cli("images", "import", "other", other)
    assert bad.returncode == 2 and "initrd: its sha256 is" in bad.stderr, bad.stderr
    (other / "image.json").write_text("[]")
    assert "image.json" in cli("images", "import", "other", other).stderr
    (other / "image.json").write_text('{"agent": 1}')
    assert "image.json" in cli("images", "import", "other", other).stderr
    (other / "image.json").write_text("{}")
    bad = cli("images", "import", "other", other)
    assert bad.returncode == 2 and "--agent" in bad.stderr, bad.stderr
    (other / "disk.qcow2").unlink()
    assert "no disk.qcow2" in cli("images", "import", "other", other).stderr
    assert "other" not in names(api)


def test_of_a_raw_disk_which_is_converted(api, cli, image, tmp_path):
    raw = tmp_path / "disk.raw"
    run("qemu-img", "convert", "-O", "raw", image / "disk.qcow2", raw)
    cli.ok("images", "import", "raw", raw, "--sha256", sha256(raw), *booted_directly(image))
    boots(cli, "raw")
    bad = cli("images", "import", "raw", raw, "--sha256", "0" * 64, *booted_directly(image))
    assert bad.returncode == 2 and "as wanted" in bad.stderr, bad.stderr
    (tmp_path / "env").symlink_to(shutil.which("env"))  # The test's own; there is no qemu-img beside it.
    without = cli("images", "import", "raw", raw, "--agent", "none", env={"PATH": str(tmp_path)})
    assert without.returncode != 0 and "apt-get install qemu-utils" in without.stderr, without.stderr
    for begins, wanted in ((b"\x1f\x8b", "gunzip"), (b"\xfd7zXZ", "unxz"), (b"KDMV", "qemu-img convert"), (b"x", "qemu-img convert")):
        raw.write_bytes(begins if begins == b"x" else begins.ljust(4096, b"\0"))
        bad = cli("images", "import", "raw", raw, "--agent", "none")
        assert bad.returncode == 2 and wanted in bad.stderr, bad.stderr
    assert "no such file" in cli("images", "import", "raw", tmp_path / "none", "--agent", "none").stderr
    assert "raw" not in names(api)


def test_of_a_url_whose_digest_is_known(api, cli, image, site):
    site.files.update({"/disk": image / "disk.qcow2", "/kernel": image / "kernel"})
    argv = ["images", "import", "fetched", f"{site.url}/moved", *booted_directly(image)]
    cli.ok(*argv, "--sha256", sha256(image / "disk.qcow2"))
    assert site.asked == ["/moved", "/disk"]
    boots(cli, "fetched")
    site.asked.clear()
    for more, wanted in (([], "--sha256"), (["--sha256", "ABC"], "64 lower-case")):
        bad = cli(*argv, *more)
        assert bad.returncode == 2 and wanted in bad.stderr, bad.stderr
    assert site.asked == []  # It was said before anything was fetched.
    bad = cli(*argv, "--sha256", sha256(image / "initrd"))
    assert bad.returncode == 2 and "as wanted" in bad.stderr, bad.stderr
    bad = cli("images", "import", "fetched", f"{site.url}/none", "--sha256", "0" * 64, *booted_directly(image))
    assert bad.returncode != 0 and "404" in bad.stderr, bad.stderr
    bad = cli("images", "import", "fetched", f"{site.url}/kernel", "--sha256", sha256(image / "kernel"), "--agent", "none")
    assert bad.returncode == 2 and "neither a qcow2 nor a raw disk" in bad.stderr, bad.stderr
    assert "ftp" in cli("images", "import", "fetched", "ftp://127.0.0.1/x", "--agent", "none").stderr
    assert "fetched" not in names(api)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_interrupted_leaves_nothing(api, cli, image, site, scratch, number):
    site.files["/stuck"] = "stuck"
    child = cli.start("images", "import", "stuck", f"{site.url}/stuck", "--sha256", "0" * 64, "--agent", "none")
    wait_until("the beginning to be here", lambda: [file.stat().st_size for file in scratch.glob("*/fetched")] in ([4], [0]) and site.asked, 60)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (-number, ""), err
    assert "stuck" not in names(api)
