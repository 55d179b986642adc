"""What a first script looks like: the official client, gather, and the image decoded where it arrives.

`python naive_openai.py '{"port": …, "in_flight": …, "requests": …, "warmup": …}'` prints its latencies as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
import time

from openai import AsyncOpenAI
from PIL import Image


async def main(wanted: dict[str, int]) -> list[float]:
    """Latencies in milliseconds."""
    client = AsyncOpenAI(base_url=f"http://127.0.0.1:{wanted['port']}/v1", api_key="none")
    slots = asyncio.Semaphore(wanted["in_flight"])

    async def one() -> float:
        async with slots:
            begun_s = time.perf_counter()
            reply = await client.images.generate(model="m", prompt="a cat")
            Image.open(io.BytesIO(base64.b64decode(reply.data[0].b64_json))).load()
            return (time.perf_counter() - begun_s) * 1000

    await asyncio.gather(*(one() for _ in range(wanted["warmup"])))
    return await asyncio.gather(*(one() for _ in range(wanted["requests"])))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
