# SPDX-License-Identifier: GPL-2.0-only
"""The network between a replica and its primary, at our command."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any, Coroutine

from rigs.phantom_check.plan import Traffic

_LATENCY = 0.01  # seconds, for each piece, when the network is slow
_RETRY = 0.005


class Link:
    """A port that leads to a primary. While the network is cut, or the primary
    down, a replica's connection hangs between the two and gets through as soon
    as it can. So the plan says how long a replica is away, and it sleeps for
    MASTER_CONNECT_RETRY only when a primary dies while it logs in."""

    def __init__(self) -> None:
        self._traffic = Traffic.FLOWS
        self._primary_port = 0
        # Those that have reached the primary.
        self._connections: set[asyncio.Task[None]] = set()
        self._hanging: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Condition()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def lead_to(self, port: int) -> None:
        self._primary_port = port

    @property
    def traffic(self) -> Traffic:
        return self._traffic

    def set(self, traffic: Traffic) -> None:
        """Returns when it is so. What was under way when it is cut is lost."""
        self._call(self._set(traffic))

    def close(self) -> None:
        """For good: connections are refused from now on."""
        if self._thread.is_alive():
            self._call(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _set(self, traffic: Traffic) -> None:
        async with self._changed:
            self._traffic = traffic
            self._changed.notify_all()
        if traffic in (Traffic.CUT, Traffic.REFUSED):
            await _cancel(self._connections)
        if traffic is Traffic.REFUSED:
            await _cancel(self._hanging)

    async def _close(self) -> None:
        self._server.close()
        await _cancel(self._connections | self._hanging)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._hanging.add(connection)
        writers = [writer]
        try:
            if self._traffic is Traffic.REFUSED:
                return
            from_primary, to_primary = await self._reach_primary()
            writers.append(to_primary)
            self._hanging.discard(connection)
            self._connections.add(connection)
            if self._traffic in (Traffic.CUT, Traffic.REFUSED):  # meanwhile
                return
            pumps = {
                asyncio.create_task(self._pump(*what))
                for what in (
                    (reader, to_primary, Traffic.ACKS_HELD),
                    (from_primary, writer, Traffic.DATA_HELD),
                )
            }
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _cancel(pumps)
            # Sent before the other side ended: it still arrives.
            for each in writers:
                each.close()
        except asyncio.CancelledError:
            pass
        finally:
            for each in writers:
                if not each.is_closing():
                    each.transport.abort()
            self._hanging.discard(connection)
            self._connections.discard(connection)

    async def _reach_primary(
        self,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            await self._until_not(Traffic.CUT)
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self._primary_port)
            await asyncio.sleep(_RETRY)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        held: Traffic,
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                if self._traffic is Traffic.SLOW:
                    await asyncio.sleep(_LATENCY)
                await self._until_not(held)
                writer.write(piece)
                await writer.drain()

    async def _until_not(self, traffic: Traffic) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._traffic is not traffic)


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
