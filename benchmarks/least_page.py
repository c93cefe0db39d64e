"""
The least server of pages in Python: uvloop and httptools, which uvicorn uses, and one answer for every request.

It looks at nothing in a request; `floors.py` measures what is left.
Usage: python benchmarks/least_page.py BODY prints the port that it listens on.
"""

import argparse
import asyncio
from pathlib import Path
from typing import cast

import httptools
import uvloop


class Connection(asyncio.Protocol):
    """One client, whose requests all get the same answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(self._answer)


async def serve(body: bytes) -> None:
    """Listen on a free port of this machine, and print it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.pypi.simple.v1+json\r\nContent-Length: %d\r\n\r\n"
    answer = head % len(body) + body
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("body", type=Path)
    uvloop.run(serve(parser.parse_args().body.read_bytes()))


if __name__ == "__main__":
    main()
