"""What is shared between tensors: classes of lines, bytes of scales, bytes of float tensors; the writing side."""

import numpy as np

from flowgolf.export.compress import at_level, literals_only
from flowgolf.export.container import PLANES, Plane
from flowgolf.export.grouping import pack_classes
from flowgolf.export.packed import Packed

PLANE_LEVEL = 19  # planes are small: one level serves, and sizes then differ between levels by the weights alone


def planes(integers: list[Packed], halves: list[np.ndarray], floats: list[np.ndarray]) -> dict[Plane, bytes]:
    """Content of every plane, before it is stored; halves and floats are flat values."""
    scales = [packed.quantised.scale.numpy() for packed in integers]
    contents = [
        pack_classes([packed.grouping for packed in integers]),
        *byte_planes(np.concatenate([np.empty(0, np.float16), *scales])),
        *byte_planes(np.concatenate([np.empty(0, np.float16), *halves])),
        b"".join(byte_planes(np.concatenate([np.empty(0, np.float32), *floats]))),
    ]
    return dict(zip(PLANES, contents, strict=True))


def byte_planes(values: np.ndarray) -> list[bytes]:
    """Little-endian bytes of an array, all first bytes, then all second bytes, ..."""
    width = values.dtype.itemsize
    split = values.astype(values.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, width)
    return [split[:, index].tobytes() for index in range(width)]


def store(plane: Plane, content: bytes) -> bytes:
    """A plane as it stands in the file; classes fill their bits already."""
    if plane == "classes":
        return content
    groups = [np.frombuffer(content, np.uint8)]
    return min(literals_only(groups), at_level(groups, PLANE_LEVEL), key=len)
