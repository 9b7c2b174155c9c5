"""A user's terminals in a sandbox, over HTTP."""

from urllib.parse import quote

from fleet import wait_until
from live import Events


class Terminals:
    def __init__(self, api, sandbox, user="sandbox"):
        self.api, self.sandbox, self.user = api, sandbox, user
        self.path = f"/v1/sandboxes/{sandbox}/tmux"

    def do(self, method, rest, expect=200, **fields):
        if method == "POST":
            status, reply = self.api.call(method, f"{self.path}/{rest}", {"user": self.user, **fields})
        else:
            query = "&".join(f"{name}={quote(value)}" for name, value in {"user": self.user, **fields}.items())
            status, reply = self.api.call(method, f"{self.path}/{rest}?{query}")
        assert status == expect, f"{method} {rest} {fields}: {status} {reply}"
        return reply

    def create(self, name, **fields):
        """Its pane."""
        assert self.do("POST", "sessions/create", name=name, **fields)["session_name"] == name
        return self.panes(name)[0]["pane_id"]

    def panes(self, session):
        return self.do("GET", "panes", session=session)["panes"]

    def type(self, pane, text, key="Enter"):
        self.do("POST", "panes/send-keys", pane_id=pane, text=text, key=key)

    def shows(self, pane, text, lines=0):
        wait_until(f"{text!r} on the screen", lambda: text in self.do("POST", "panes/read", pane_id=pane, last_n_lines=lines)["content"], 30)

    def watch(self, pane):
        return Events(self.api, f"{self.path}/panes/watch?pane_id={quote(pane)}&user={self.user}")
