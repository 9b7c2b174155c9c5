"""A sandbox's files over HTTP, streamed: what is sent and received is never in memory as a whole."""

import hashlib
import http.client
import json
from urllib.parse import urlencode

PIECE = 1 << 20


class Files:
    def __init__(self, api, sandbox):
        self.api, self.path = api, f"/v1/sandboxes/{sandbox}"

    def _target(self, path, fields):
        return f"{self.path}/files?{urlencode({'path': path, **fields})}"

    def connect(self, timeout=120):
        return http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=timeout)

    def put(self, path, pieces, length=None, **fields):
        """(status, reply); `pieces` is bytes or gives them; chunked unless its length is told."""
        connection = self.connect()
        headers = {"Authorization": f"Bearer {self.api.token}"}
        if isinstance(pieces, bytes):
            pieces, length = [pieces], len(pieces)
        if length is not None:
            headers["Content-Length"] = str(length)
        try:
            connection.request("PUT", self._target(path, fields), iter(pieces), headers, encode_chunked=length is None)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before it was all sent: the reply says why.
        reply = connection.getresponse()
        data = json.loads(reply.read())
        connection.close()
        return reply.status, data

    def get(self, path, take=None, headers=None, **fields):
        """(status, headers, bytes); `take` gets the pieces instead."""
        connection = self.connect()
        connection.request("GET", self._target(path, fields), headers={"Authorization": f"Bearer {self.api.token}", **(headers or {})})
        reply = connection.getresponse()
        kept = []
        while piece := reply.read(PIECE):
            (take or kept.append)(piece)
        connection.close()
        return reply.status, reply.headers, b"".join(kept)

    def do(self, action, expect=200, **fields):
        status, reply = self.api.call("POST", f"{self.path}/file/{action}", fields)
        assert status == expect, f"{action} {fields}: {status} {reply}"
        return reply

    def digest(self, path):
        """Of what comes down; and its size."""
        hasher, size = hashlib.sha256(), 0

        def take(piece):
            nonlocal size
            size += len(piece)
            hasher.update(piece)

        status, _, _ = self.get(path, take)
        assert status == 200
        return hasher.hexdigest(), size


def noise(size, seed=b"seed"):
    """Pieces that repeat nowhere, and their digest when they are spent."""
    block = hashlib.sha512(seed).digest() * (PIECE // 64)
    for at in range(0, size, PIECE):
        piece = at.to_bytes(8, "big") + block[8:]
        yield piece[:min(PIECE, size - at)]


def digest_of(pieces):
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
