"""Commands in a real guest: users, limits, time-outs, streams."""

import base64
import time

import pytest


@pytest.fixture(scope="module")
def sandbox(fleet):
    return fleet.api().create(host="h1")["id"]


# The sandbox is shared by this file's tests: leaks are checked where it is made and destroyed.
@pytest.fixture(autouse=True)
def nothing_leaks():
    yield


def test_the_default_user_is_sandbox_and_root_must_be_asked_for(api, sandbox):
    assert api.run(sandbox, "id -un; pwd")["stdout"] == "sandbox\n/home/sandbox\n"
    assert api.run(sandbox, "id -u", user="root")["stdout"] == "0\n"


def test_an_unknown_user_is_refused_never_root(api, sandbox):
    status, reply = api.call("POST", f"/v1/sandboxes/{sandbox}/run", {"command": "id", "user": "nobody-here"})
    assert (status, reply["reason"]) == (422, "unknown_user")


def test_a_missing_folder_is_refused(api, sandbox):
    status, reply = api.call("POST", f"/v1/sandboxes/{sandbox}/run", {"command": "id", "cwd": "/no/such"})
    assert status == 422 and "/no/such" in reply["error"]


def test_stdin_arrives_whole(api, sandbox):
    text = base64.b64encode(bytes(range(256)) * 2000).decode()
    reply = api.run(sandbox, "wc -c; ", stdin=text)
    assert reply["stdout"].strip() == str(len(text))


def test_a_signal_is_128_and_its_number(api, sandbox):
    assert api.run(sandbox, "kill -TERM $$")["exit_code"] == 143


def test_a_timeout_kills_the_whole_process_group(api, sandbox):
    began = time.monotonic()
    reply = api.run(sandbox, "sleep 987 & sleep 987; echo never", timeout_sec=2)
    assert reply["timed_out"] and time.monotonic() - began < 20
    assert api.run(sandbox, "ps | grep -c '[s]leep 987'")["stdout"] == "0\n"


def test_output_beyond_the_limit_is_cut_and_said_so(api, sandbox):
    reply = api.run(sandbox, "yes 0123456789 | head -c 20000000; echo end >&2", timeout_sec=120)
    assert reply["truncated"] is True and reply["stderr"] == "end\n"
    assert 65536 <= len(reply["stdout"]) < 20000000
    assert api.run(sandbox, "echo x")["truncated"] is False


def test_a_background_process_does_not_hold_the_answer(api, sandbox):
    began = time.monotonic()
    assert api.run(sandbox, "sleep 600 & echo started")["stdout"] == "started\n"
    assert time.monotonic() - began < 15


def test_output_of_any_bytes_comes_back_as_text(api, sandbox):
    reply = api.run(sandbox, r"printf 'a\000b\377c\n'")
    assert reply["stdout"].startswith("a") and reply["stdout"].endswith("c\n")


def test_many_at_once_each_get_their_own(fleet, sandbox):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda n: fleet.api().run(sandbox, f"echo {n}")["stdout"], range(64)))
    assert replies == [f"{n}\n" for n in range(64)]
