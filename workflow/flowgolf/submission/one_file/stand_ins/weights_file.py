"""Stand-in for `flowgolf.model.weights_file` inside the generated train_gpt.py: the format safetensors by hand.

Eight bytes of length, a JSON header (name -> dtype, shape, offsets; `__metadata__` beside them), the numbers.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flowgolf.files import replacing

TEXT = "flowgolf"
METADATA = "__metadata__"
ALIGNMENT = 8  # of the numbers, by blanks after the header
TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
NAMES = {kind: name for name, kind in TYPES.items()}


def packed(weights: dict[str, Tensor], text: str = "") -> bytes:
    """Contiguous tensors by name, and a text beside them, as the bytes of a file."""
    header: dict[str, Any] = {METADATA: {TEXT: text}}
    numbers: list[bytes] = []
    end = 0
    for name, tensor in sorted(weights.items(), key=lambda item: (-item[1].element_size(), item[0])):
        numbers.append(tensor.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        begin, end = end, end + len(numbers[-1])
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    described = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    described += b" " * (-len(described) % ALIGNMENT)
    return b"".join([len(described).to_bytes(8, "little"), described, *numbers])


def unpacked(content: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a file, on the CPU, in the order of their names; ValueError for other bytes."""
    return read(content)[1]


def read(content: bytes) -> tuple[str, dict[str, Tensor]]:
    """Text and tensors in the bytes of a file."""
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
        text = header.pop(METADATA, {}).get(TEXT, "")
        return text, {name: tensor(header[name], memoryview(content)[8 + size :]) for name in sorted(header)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, RuntimeError) as error:
        raise ValueError(f"not in the format safetensors ({error})") from None


def tensor(entry: dict[str, Any], numbers: memoryview) -> Tensor:
    """A tensor by its entry in the header."""
    begin, end = entry["data_offsets"]
    raw = torch.frombuffer(bytearray(numbers[begin:end]), dtype=torch.uint8) if end > begin else torch.zeros(0).byte()
    return raw.view(TYPES[entry["dtype"]]).reshape(entry["shape"])


def save(path: str | Path, weights: dict[str, Tensor], text: str) -> None:
    """Write weights by name, and a text beside them, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(packed(weights, text))


def load(path: str | Path) -> tuple[str, dict[str, Tensor]]:
    """Text, empty if there is none, and weights of a file in the order of their names; else a ValueError."""
    try:
        return read(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
