"""Byte shuffle: bytes at even places, then those at odd ones, so that a coder sees like beside like."""

STRIDE = 2


def shuffle(data: bytes) -> bytes:
    """The bytes at places 0, STRIDE, ..., then those at 1, STRIDE + 1, ..."""
    return b"".join(data[place::STRIDE] for place in range(STRIDE))


def unshuffle(data: bytes) -> bytes:
    """Undo `shuffle`."""
    restored, start = bytearray(len(data)), 0
    for place in range(STRIDE):
        count = len(range(place, len(data), STRIDE))
        restored[place::STRIDE] = data[start : start + count]
        start += count
    return bytes(restored)
