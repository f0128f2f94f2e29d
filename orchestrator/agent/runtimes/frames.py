"""How the agent and a runtime talk over pipes: a length of 4 bytes, big-endian, then that many bytes of JSON."""

import asyncio
import json
import struct
from typing import IO, Any

FRAME_BYTES_MAX = 16_000_000
HEADER = struct.Struct(">I")


def pack(document: Any) -> bytes:
    """Return one frame."""
    data = json.dumps(document).encode()
    assert len(data) <= FRAME_BYTES_MAX
    return HEADER.pack(len(data)) + data


def _length(header: bytes) -> int:
    (length,) = HEADER.unpack(header)
    if length > FRAME_BYTES_MAX:
        raise EOFError("a frame over the limit: the two sides no longer understand each other")
    return int(length)


async def read_async(stream: asyncio.StreamReader) -> Any:
    """Read one frame. Raises EOFError (IncompleteReadError) at the end."""
    return json.loads(await stream.readexactly(_length(await stream.readexactly(HEADER.size))))


def read_blocking(stream: IO[bytes]) -> Any:
    """Read one frame; None at the end."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    return json.loads(stream.read(_length(header)))
