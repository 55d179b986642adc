"""A socket on loopback that is listened at in a thread of its own, with an event loop of its own."""

import asyncio
import threading
from contextlib import contextmanager


@contextmanager
def listening(connected, tls=None):
    """Answer every connection by `connected(reader, writer)` for the length of the block; gives the port."""
    ready, stop, port = threading.Event(), None, 0
    loop = asyncio.new_event_loop()

    async def main():
        nonlocal stop, port
        stop = asyncio.Event()
        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
