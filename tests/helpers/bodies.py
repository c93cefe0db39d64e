"""Bodies of requests, in the pieces in which they are sent."""

from collections.abc import Iterator


class Pieces:
    """A body in some pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield from self.pieces
