"""The yardstick: a bare asyncio reader that sends a request, reads the answer into a buffer, and does nothing else."""

from __future__ import annotations

import asyncio
import time

REQUEST = (
    b"POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


class Reader(asyncio.BufferedProtocol):
    """One connection; reads into one buffer that is used again."""

    def __init__(self) -> None:
        self.buffer = bytearray(4 * 1024 * 1024)
        self.filled = self.whole = 0
        self.done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, _hint: int) -> memoryview:
        """Where the next bytes go."""
        return memoryview(self.buffer)[self.filled :]

    def buffer_updated(self, count: int) -> None:
        """More bytes have come."""
        self.filled += count
        if not self.whole and (end := self.buffer.find(b"\r\n\r\n", 0, self.filled)) >= 0:
            head = bytes(self.buffer[:end]).lower()
            self.whole = end + 4 + int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if self.whole and self.filled >= self.whole and self.done is not None:
            self.done.set_result(None)

    async def request(self, port: int) -> int:
        """Send one request; returns nanoseconds to the last byte of its answer."""
        self.filled = self.whole = 0
        self.done = asyncio.get_running_loop().create_future()
        sent_ns = time.perf_counter_ns()
        self.transport.write(REQUEST % port)
        await self.done
        return time.perf_counter_ns() - sent_ns


async def measure(port: int, in_flight: int, warmup: int, requests: int) -> list[int]:
    """Latencies in nanoseconds of a closed loop, after a warm-up that has come to its end."""
    loop = asyncio.get_running_loop()
    readers = [(await loop.create_connection(Reader, "127.0.0.1", port))[1] for _ in range(in_flight)]

    async def fire(count: int) -> list[int]:
        latencies: list[int] = []
        left = count

        async def work(reader: Reader) -> None:
            nonlocal left
            while left > 0:
                left -= 1
                latencies.append(await reader.request(port))

        await asyncio.gather(*(work(reader) for reader in readers))
        return latencies

    await fire(warmup)
    latencies = await fire(requests)
    for reader in readers:
        reader.transport.close()
    return latencies
