"""The command line client, as scripts use it: the real program against a real fleet."""

import json
import re
import signal
import struct

from command_line import URL, refused
from fleet import run, wait_until


def test_a_sandbox_from_create_to_rm(cli, api, tmp_path):
    sandbox = cli.ok("create", "tiny", "--name", "web", "--cpu", "1", "--memory", "256M", "--ttl", "1h",
                     "--label", "team=search", "--label", "stage=test", "--env", "GREETING=hello", "--host", "h2", "--file-root", "/tmp",
                     "--never-read", "/tmp/a", "--never-read", "/tmp/b", "--never-write", "/tmp/c").strip()
    record = api.ok("GET", f"/v1/sandboxes/{sandbox}")["sandbox"]
    assert (record["sandbox_name"], record["state"], record["host_name"]) == ("web", "RUNNING", "h2")
    assert record["labels"] == {"team": "search", "stage": "test"} and record["ttl_seconds"] == 3600
    assert record["agent_id"] == "tests"
    assert record["file_policy"] == {"roots": ["/tmp"], "never_read": ["/tmp/a", "/tmp/b"], "never_written": ["/tmp/c"]}

    # By its name, its id, and the beginning of its id.
    for name in ("web", sandbox, sandbox[:9], sandbox[4:9]):
        assert cli.ok("run", name, "echo $GREETING") == "hello\n"
    done = cli("run", "web", "-u", "root", "-C", "/", "-e", "A=it's", "--", "sh", "-c",
               'pwd; echo "$A $(id -un)"; echo no >&2; exit 42')
    assert (done.returncode, done.stdout, done.stderr) == (42, "/\nit's root\n", "no\n")
    assert cli.ok("run", "-i", "web", "--", "wc", "-c", input="x" * 100000).strip() == "100000"

    cli.ok("run", "web", "-u", "root", "echo said on the console > /dev/console")
    wait_until("the console", lambda: "said on the console" in cli.ok("logs", "web", "--bytes", "262144"), 20)
    wait_until("its end", lambda: cli.ok("logs", "web", "--bytes", "262144").endswith(cli.ok("logs", "web", "--bytes", "6")), 20)
    assert len(cli.json("logs", "web", "--bytes", "6")["data"]) == 6
    picture = tmp_path / "console.png"
    assert cli.ok("screenshot", "web", str(picture), "--columns", "100", "--rows", "30") == ""
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", picture.read_bytes()[16:24]) == (800, 480)
    assert cli.json("screenshot", "web", str(picture)) == {"path": str(picture), "bytes": picture.stat().st_size}
    refused(cli("screenshot", "no-such-box", str(picture)), 116, "no_such_sandbox")
    assert cli("screenshot", "web", str(picture), "--rows", "4").returncode == 2
    headings, used = cli.ok("top", "-n", "1", "-i", "1").splitlines()
    assert headings.split()[:4] == ["ID", "NAME", "HOST", "CPU"] and used.split()[:3] == [sandbox, "web", "h2"]
    (told,) = cli.json("top", "-i", "1")["sandboxes"]
    assert told["running"] and told["memory_bytes"] > 10 << 20 and 0 <= told["cpu_percent"] < 300

    assert cli.ok("extend", "web", "2h") == "web expires in 119m\n"
    assert cli.ok("pause", "web") == "web paused\n"
    assert cli.ok("resume", "web") == "web running\n"
    assert cli.ok("suspend", "web") == "web suspended\n"
    assert cli.ok("run", "web", "echo awake") == "awake\n"
    assert cli.ok("restart", "--force", "web") == "web running\n"
    assert cli.ok("stop", "--force", "web") == "web stopped\n"
    assert cli.ok("start", "web", "--wait-for-ip") == "web running\n"
    address = cli.ok("ip", "web").strip()
    assert address.count(".") == 3

    details = cli.ok("get", "web")
    assert re.search(f"^id +{sandbox}$", details, re.M) and re.search(f"^ip_address +{address}$", details, re.M)
    history = cli.ok("commands", "web").splitlines()
    assert history[0].split() == ["ID", "AGE", "TOOK", "USER", "EXIT", "COMMAND"]
    assert any(" 42 " in line and "exit 42" in line for line in history)
    assert cli.ok("rm", "web") == "web destroyed\n"
    refused(cli("get", "web"), 116, "no_such_sandbox")


def test_lists_are_filtered_and_json_is_what_the_api_says(cli, api):
    one = cli.ok("create", "tiny", "--label", "n=1", "--agent", "nightly", "--no-start").strip()
    two = cli.ok("create", "tiny", "--label", "n=2", "--no-start").strip()
    assert cli.ok("ls", "-q").split() == [two, one]
    assert cli.ok("ls", "-q", "--label", "n=1").split() == [one]
    assert cli.ok("ls", "-q", "--agent", "nightly").split() == [one]
    assert cli.ok("ls", "-q", "--state", "RUNNING") == ""
    assert cli.json("ls") == api.ok("GET", "/v1/sandboxes?limit=500")
    assert cli.json("get", one) == api.ok("GET", f"/v1/sandboxes/{one}")
    rows = cli.ok("ls").splitlines()
    assert rows[0].split()[:3] == ["ID", "NAME", "PHASE"] and rows[1].split()[0] == two
    assert "\033" not in cli.ok("ls"), "no colours where nobody sees them"
    assert cli.json("rm", one, two) == [{"state": "DESTROYED", "base_image": "tiny", "sandbox_name": name} for name in
                                        (rows[2].split()[1], rows[1].split()[1])]


def test_many_are_destroyed_and_what_is_not_there_is_told(cli):
    one = cli.ok("create", "tiny", "--no-start").strip()
    two = cli.ok("create", "tiny", "--no-start").strip()
    done = cli("rm", one, "no-such", two)
    assert done.returncode == 116 and done.stdout == f"{one} destroyed\n{two} destroyed\n"
    assert "no-such" in done.stderr
    assert cli.ok("rm", "--force", one, "no-such") == ""
    assert cli.ok("rm", "--force") == ""
    assert cli("rm").returncode == 2


def test_no_wait_returns_before_it_runs_and_loses_nothing(cli, api):
    sandbox = cli.ok("create", "tiny", "--name", "later", "--no-wait", "--pool", "skip").strip()
    wait_until("it to run", lambda: api.ok("GET", f"/v1/sandboxes/{sandbox}")["sandbox"]["state"] == "RUNNING", 60)
    refused(cli("create", "tiny", "--name", "later", "--no-wait"), 117, "name_taken")


def test_snapshots_forks_and_images(cli):
    sandbox = cli.ok("create", "tiny", "--name", "base").strip()
    cli.ok("run", "base", "echo 1 >state")
    assert "name" in cli.ok("snapshot", "create", "base", "clean")
    cli.ok("run", "base", "echo 2 >state")
    assert cli.ok("snapshot", "restore", "base", "clean") == "base is as in clean, running\n"
    assert cli.ok("run", "base", "cat state") == "1\n"
    assert cli.ok("snapshot", "ls", "base").splitlines()[1].split()[0] == "clean"
    assert cli.json("snapshot", "get", "base", "clean")["snapshot"]["sandbox_id"] == sandbox
    assert cli.ok("snapshot", "verify", "base", "clean") == "clean is as it was taken\n"

    children = cli.ok("fork", "base", "--count", "2", "--from", "clean", "--prefix", "try").split()
    assert len(children) == 2
    assert [cli.ok("run", child, "cat state") for child in children] == ["1\n", "1\n"]

    cli.ok("images", "create", "made", "base", "clean")
    assert "made" in cli.ok("images", "ls")
    assert cli.ok("images", "rm", "made") == "made deleted\n"
    assert cli.ok("snapshot", "rm", "base", "clean") == "clean deleted\n"
    refused(cli("snapshot", "get", "base", "clean"), 116, "unknown_snapshot")


def test_pools_and_hosts(cli):
    assert "min" in cli.ok("pools", "create", "ready", "tiny", "--min", "0", "--max", "1", "--max-age", "1h")
    try:
        assert cli.json("pools", "set", "ready", "--max", "2")["pool"]["max"] == 2
        assert cli.ok("pools", "ls").splitlines()[1].split()[:2] == ["ready", "tiny"]
        assert cli.json("pools", "get", "ready")["pool"]["max_age_seconds"] == 3600
    finally:
        assert cli.ok("pools", "rm", "ready") == "ready deleted\n"
    assert [line.split()[0] for line in cli.ok("hosts", "ls").splitlines()[1:]] == ["h1", "h2"]
    assert re.search("^capacity_memory_mb +9000$", cli.ok("hosts", "get", "h1"), re.M)
    assert cli.ok("vms").splitlines()[0].split()[0] == "NAME"
    assert "paddock-coordinator" in cli.ok("version")


def test_a_drain_that_is_left_goes_on_and_one_that_is_not_done_in_time_tells_what_is_left(cli, api):
    box = api.create(host="h2")["id"]
    try:
        cli.ok("cordon", "h1")  # Nothing can leave.
        child = cli.start("drain", "h2")
        wait_until("the drain", lambda: "drain" in api.ok("GET", "/v1/hosts/h2")["host"], 20)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
        assert (child.returncode, out) == (-signal.SIGINT, "") and "the drain goes on; to end it: paddock uncordon h2" in err
        assert "ready, cordoned, draining" in cli.ok("hosts", "ls")
        assert re.search("^drain +draining, moved 0, ", cli.ok("hosts", "get", "h2"), re.M)

        done = cli("drain", "h2", "--deadline", "2s")
        assert done.returncode == 117 and "(drain_incomplete" in done.stderr and "paddock uncordon h2" in done.stderr
        assert done.stdout.splitlines()[0].split() == ["SANDBOX", "REASON", "MESSAGE"] and box in done.stdout
        assert cli.ok("drain", "h2", "--no-wait") == "h2 draining\n"
        assert cli.json("drain", "h2", "--no-wait")["host"]["drain"]["remaining"] > 0
        refused(cli("drain", "h9"), 116, "not_found")
        refused(cli("drain", "h2", "--deadline", "8d"), 2, "invalid_argument")
    finally:
        cli.ok("uncordon", "h2", "h1")
        cli.ok("rm", box)
    assert "draining" not in cli.ok("hosts", "ls")


def test_each_kind_of_failure_has_its_exit_status(cli):
    cli.ok("create", "tiny", "--name", "taken", "--no-start")
    refused(cli("create", "tiny", "--name", "taken"), 117, "name_taken")
    refused(cli("run", "taken", "true"), 117, "not_running")
    refused(cli("create", "no-such"), 116, "unknown_image")
    refused(cli("create", "tiny", "--memory", "500G"), 119, "no_capacity")
    refused(cli("ls", env={"PADDOCK_TOKEN": "wrong"}), 115, "unauthenticated")
    refused(cli("ls", env={"PADDOCK_URL": "http://127.0.0.1:9"}), 120, "unreachable")
    refused(cli("create", "tiny", "--name", "-"), 2, "invalid_argument")
    cli.ok("start", "taken")
    refused(cli("run", "-u", "nobody-here", "taken", "true"), 118, "unknown_user")
    done = cli("create", "tiny", "--cpus", "1")
    assert done.returncode == 2 and "paddock create --help" in done.stderr


def test_errors_are_json_where_answers_are(cli):
    done = cli("get", "no-such", "-o", "json")
    error = json.loads(done.stderr)
    assert (done.returncode, done.stdout, error["exit_status"], error["reason"]) == (116, "", 116, "no_such_sandbox")
    error = json.loads(cli("create", "no-such", "--output=json").stderr)
    assert error["reason"] == "unknown_image" and error["request_id"].startswith("req-")
    assert json.loads(cli("ls", "--nonsense", "-o", "json").stderr)["exit_status"] == 2


def test_a_request_is_found_in_the_coordinators_log_by_the_id_that_an_error_tells(cli, fleet):
    error = json.loads(cli("create", "no-such", "-o", "json").stderr)
    assert error["request_id"] in (fleet.base / "coordinator.log").read_text()


def test_what_is_cut_or_killed_is_said(cli):
    cli.ok("create", "tiny", "--name", "web")
    done = cli("run", "web", "yes 0123456789 | head -c 20000000")
    assert done.returncode == 0 and "is cut" in done.stderr and len(done.stdout) >= 65536
    done = cli("run", "-t", "5s", "web", "echo begun; sleep 60")
    assert done.returncode != 0 and done.stdout == "begun\n" and "time was up" in done.stderr


def test_an_answer_that_is_lost_is_an_unknown_outcome(cli, fleet, api):
    sandbox = cli.ok("create", "tiny", "--name", "web").strip()
    child = cli.start("run", "web", "echo once >>count; until [ -e go ]; do sleep 0.1; done")
    wait_until("it to begin", lambda: api.run(sandbox, "cat count 2>/dev/null || true")["stdout"] == "once\n", 30)
    fleet.restart_coordinator()
    out, err = child.communicate(timeout=150)
    assert child.returncode == 121 and out == "" and "may have been done" in err
    fleet.api().run(sandbox, "touch go")
    assert fleet.api().run(sandbox, "cat count")["stdout"] == "once\n"


def test_ctrl_c_ends_the_client_and_says_what_goes_on(cli, api):
    sandbox = cli.ok("create", "tiny", "--name", "web").strip()
    child = cli.start("run", "web", "echo begun >begun; until [ -e go ]; do sleep 0.1; done; echo on >>begun")
    wait_until("it to begin", lambda: api.run(sandbox, "cat begun 2>/dev/null || true")["stdout"] == "begun\n", 30)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=150)
    assert child.returncode == -signal.SIGINT and out == ""
    assert "goes on in the sandbox" in err and "paddock commands web" in err
    api.run(sandbox, "touch go")
    wait_until("it to end", lambda: api.run(sandbox, "cat begun")["stdout"] == "begun\non\n", 30)


def test_who_stops_reading_is_not_told_so(cli):
    done = run("bash", "-c", f"{cli.program} --help | true; {cli.program} hosts ls | head -n 1", env=cli.env)
    assert done.stderr == "" and done.stdout.startswith("NAME")
    full = run("bash", "-c", f"{cli.program} hosts ls >/dev/full", env=cli.env, check=False)
    assert full.returncode == 125 and "could not be written" in full.stderr


def test_the_token_that_quickstart_left_needs_no_typing(cli, fleet, tmp_path):
    left = tmp_path / "quickstart.env"
    left.write_text(f"PADDOCK_URL={URL}\nPADDOCK_TOKEN={fleet.token}\n")
    env = {"PADDOCK_URL": None, "PADDOCK_TOKEN": None, "PADDOCK_HOME": str(tmp_path)}
    left.chmod(0o644)
    done = cli("ls", env=env)
    assert done.returncode == 115 and "chmod 600" in done.stderr and fleet.token not in done.stderr
    left.chmod(0o600)
    assert cli.ok("ls", env=env).startswith("ID")


def test_doctor_says_what_works_and_how_to_mend_the_rest(cli, fleet):
    report = cli.ok("doctor")
    assert "fail" not in report and "host h1" in report and "tiny" in report and fleet.token not in report
    checks = {check["name"]: check for check in cli.json("doctor")["checks"]}
    assert checks["token"]["status"] == "ok" and checks["database"]["status"] == "ok"

    done = cli("doctor", env={"PADDOCK_TOKEN": "wrong"})
    assert done.returncode == 1 and "refused: the one from PADDOCK_TOKEN" in done.stdout and "fix:" in done.stdout
    done = cli("doctor", env={"PADDOCK_URL": "http://127.0.0.1:9"})
    assert done.returncode == 1 and "Connection refused" in done.stdout
    done = cli("doctor", env={"PADDOCK_URL": "http://no-such-host.invalid"})
    assert done.returncode == 1 and "look up no-such-host.invalid" in done.stdout

    fleet.hosts[1].hostd.kill()
    try:
        wait_until("it to be missed", lambda: "is it up" in cli("doctor").stdout, 60)
    finally:
        fleet.hosts[1].start_hostd()
        fleet.wait_ready(2)


def test_preflight_says_the_same_of_a_host(fleet):
    host = fleet.hosts[0]

    def preflight(env=()):
        done = run(*host.hostd_command("preflight", "--json", before=("env", *env)), check=False)
        report = json.loads(done.stdout)
        assert report["ok"] == (done.returncode == 0)
        return report["ok"], {check["name"]: check for check in report["checks"]}

    ok, checks = preflight()
    assert ok, checks
    assert {"libvirt", "versions", "rights", "acceleration", "qemu", "qemu sandbox", "qemu-img", "nft", "ip", "dnsmasq", "networks", "own ports", "own name", "keys",
            "coordinator", "clock", "memory", "disk", "state_dir", "apparmor"} == checks.keys()
    for check in checks.values():
        assert check["status"] in ("ok", "warn") and check["message"] and ("fix" in check) == (check["status"] != "ok"), check
    assert checks["coordinator"]["status"] == checks["keys"]["status"] == checks["libvirt"]["status"] == "ok"
    wait_until("hostd to have made both networks", lambda: preflight()[1]["networks"]["message"].count("runs") == 2, 60)
    ok, checks = preflight(("PADDOCK_HOST_KEY=/nowhere/host.key", "PADDOCK_COORDINATOR_ENDPOINTS=tcp://127.0.0.1:9", "PADDOCK_LIBVIRT_URI=qemu:///nowhere",
                            "PADDOCK_PEER_LISTEN=192.0.2.1:7421"))
    assert not ok
    assert (checks["keys"]["status"], checks["coordinator"]["status"], checks["libvirt"]["status"]) == ("fail", "warn", "fail")
    assert (checks["networks"]["status"], checks["own ports"]["status"]) == ("fail", "fail")
    assert "peer_listen" in checks["own ports"]["fix"]
    assert "keygen" in checks["keys"]["fix"] and "Connection refused" in checks["coordinator"]["message"]


def test_every_command_has_help_with_an_example(cli):
    commands = [word.split() for word in cli.ok("__complete", "--", "").split()]
    for group in ("snapshot", "images", "pools", "templates", "hosts", "audit"):
        commands += [[group, name] for name in cli.ok("__complete", "--", group, "").split()]
    assert len(commands) >= 40
    for command in commands:
        text = cli.ok(*command, "--help")
        assert f"paddock {command[0]}" in text.split("Examples:")[1], command
    assert "115" in cli.ok("--help") and cli.ok("--version").startswith("paddock ")


def test_what_the_coordinator_has_not_yet_is_said_so(cli, api):
    box = cli.ok("create", "tiny", "--no-start").strip()
    done = cli("ports", box, "8080", "status?a=b")
    assert done.returncode == 125 and "not_yet" in done.stderr and done.stdout == "", done
    assert cli("ports", box, "0").returncode == cli("cordon").returncode == 2
    cli.ok("rm", box)
