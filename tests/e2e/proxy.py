"""A proxy in front of DynamoDB that does what a table under load and a network do to a client.

    function ─> proxy ─> emulator
                 │ throttle: refuses a call, which is then not done
                 │ lose:     does a call, and hangs up without the reply
                 └ watch:    is told of each call before it goes on, and may kill or hold somebody

Bytes are passed on as they came, because calls are signed. What happens to a call is drawn from a seed.
"""

import asyncio
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Callable

THROTTLED = {
    "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "message": "The level of configured provisioned throughput for the table was exceeded.",
}


@dataclass
class Faults:
    """Shares of calls, from 0 to 1, and who watches them."""

    seed: int = 1
    throttle: float = 0
    lose: float = 0
    # No more than so many of each: clients slow down at a throttled table, and for long.
    most: int = 1_000_000
    # Called with the operation, such as PutItem, and the request, before it is passed on. It may block.
    watch: Callable[[str, bytes], None] = lambda operation, request: None
    happened: Counter = field(default_factory=Counter)

    def __post_init__(self):
        self.chance = random.Random(self.seed)


class Proxy:
    def __init__(self, upstream_port):
        self.upstream_port, self.faults = upstream_port, Faults()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self):
        self.thread.start()
        serving = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self.serve, "127.0.0.1", 0), self.loop
        )
        self.server = serving.result()
        self.url = "http://127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def close(self):
        self.server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def serve(self, reader, writer):
        """One connection of a client, with a connection of its own behind it."""
        upstream = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        try:
            while (request := await message(reader)) is not None:
                reply = await self.call(request, *upstream)
                if reply is None:
                    break
                writer.write(reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            upstream[1].close()

    async def call(self, request, reader, writer):
        """The reply to a request, or None where the client is left without."""
        faults = self.faults
        operation = header(request, b"x-amz-target").rpartition(b".")[2].decode()
        faults.happened[operation] += 1
        throttled = faults.chance.random() < faults.throttle
        if throttled and faults.happened["throttled"] < faults.most:
            faults.happened["throttled"] += 1
            return refusal(THROTTLED)
        lost = faults.chance.random() < faults.lose and faults.happened["replies lost"] < faults.most
        await asyncio.get_running_loop().run_in_executor(None, faults.watch, operation, request)
        writer.write(request)
        await writer.drain()
        reply = await message(reader)
        if lost:
            faults.happened["replies lost"] += 1
            return None
        return reply


async def message(reader):
    """The bytes of the next request or reply; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    if header(head, b"transfer-encoding").lower() == b"chunked":
        raise ConnectionError("a chunked message is not passed on")
    return head + await reader.readexactly(int(header(head, b"content-length") or 0))


def header(message, name):
    head = message.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def refusal(error):
    body = json.dumps(error).encode()
    lines = (
        "HTTP/1.1 400 Bad Request",
        "content-type: application/x-amz-json-1.0",
        f"x-amzn-requestid: {random.randrange(2**64):016x}",
        f"content-length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
