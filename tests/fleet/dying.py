"""A coordinator that is killed in the middle of what it does."""

import http.client
import signal
import threading


def done_until_it_died(fleet, once):
    """What `once` gave each time, over and over, until the coordinator was killed; it runs again. Ten at least."""
    given, ended = [], threading.Event()

    def work():
        try:
            while not ended.is_set() and len(given) < 50:  # Lists and plans have an end.
                given.append(once())
        except (OSError, http.client.HTTPException):
            pass  # It died with this one under way.

    thread = threading.Thread(target=work)
    thread.start()
    while len(given) < 10:
        assert thread.is_alive() or len(given) >= 10
        thread.join(0.01)
    fleet.coordinator.kill(signal.SIGKILL)
    ended.set()
    thread.join()
    fleet.start_coordinator()
    fleet.wait_ready(0)
    return given
