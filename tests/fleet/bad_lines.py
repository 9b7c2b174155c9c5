"""Lines that are bad: slow, with packets that are lost, between a host and its coordinator; or cut, before PostgreSQL."""

import asyncio
import contextlib
import random
import threading


class Line:
    """Passes connections on, from a thread of its own. `_serve` is the server that takes them."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,))
        self.thread.start()
        assert started.wait(10), "the line was not laid"

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(self._serve())
        started.set()
        self.loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    async def _join(self, opening, reader, writer):
        try:
            other_reader, other_writer = await opening
        except OSError:
            writer.close()
            return
        with contextlib.suppress(asyncio.CancelledError):  # The line is taken away.
            await asyncio.gather(self._pass(reader, other_writer), self._pass(other_reader, writer), return_exceptions=True)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class CutLine(Line):
    """To a unix socket. While it is cut nothing comes through, either way, and neither end is told; who connects waits."""

    def __init__(self, path, to):
        self.path, self.to = path, to
        self.whole = asyncio.Event()
        self.whole.set()
        super().__init__()

    async def _serve(self):
        return await asyncio.start_unix_server(self._take, self.path)

    async def _take(self, reader, writer):
        await self.whole.wait()
        await self._join(asyncio.open_unix_connection(self.to), reader, writer)

    async def _pass(self, reader, writer):
        with contextlib.closing(writer), contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self.whole.wait()
                writer.write(data)
                await writer.drain()
            await self.whole.wait()  # Nor does anybody hear that the other end has gone.

    def cut(self):
        self.loop.call_soon_threadsafe(self.whole.clear)

    def mend(self):
        self.loop.call_soon_threadsafe(self.whole.set)


class BadLine(Line):
    """Passes TCP on from one address to another, `delay` seconds later. A chunk that would be lost comes when it would have been
    sent again, and all behind it with it: that is what loss looks like above TCP. For kernels without netem."""

    def __init__(self, address, to, delay, loss, seed):
        self.address, self.to, self.delay, self.loss = address, to, delay, loss
        self.random = random.Random(seed)
        self.chunks = self.lost = 0
        super().__init__()

    async def _serve(self):
        return await asyncio.start_server(self._take, *self.address)

    async def _take(self, reader, writer):
        await self._join(asyncio.open_connection(*self.to), reader, writer)

    async def _pass(self, reader, writer):
        queue = asyncio.Queue(256)

        async def late():
            while True:
                due, data = await queue.get()
                arrived = asyncio.Event()
                self.loop.call_at(due, arrived.set)
                await arrived.wait()
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()

        sending = asyncio.ensure_future(late())
        due = 0
        while True:
            try:
                data = await reader.read(16384)
            except OSError:
                data = b""
            self.chunks += 1
            is_lost = self.random.random() < self.loss
            self.lost += is_lost
            due = max(due, self.loop.time() + self.delay + (2 * self.delay + 0.2 if is_lost else 0))
            await queue.put((due, data))
            if not data:
                return await sending
