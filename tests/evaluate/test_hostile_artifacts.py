"""Files that would cost far more than their size to open are refused in a sentence, under a second and 100 MB."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from evaluate.small_study import SmallStudy
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.export import container, encode

MEASURE = """
import gc, resource, sys, time
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.export.unpack import load
open_it = load if sys.argv[1] == "alone" else load_gpt
open_it(sys.argv[2])

def high():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))) // 1024

def now():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))) // 1024

for path in sys.argv[3:]:
    gc.collect()
    open("/proc/self/clear_refs", "w").write("5")
    before, started = now(), time.process_time()
    try:
        open_it(path)
        print("opened")
    except ValueError as error:
        print(error)
    print(time.process_time() - started, high() - before)
"""


def measured(paths: list[Path], sound: Path, how: str = "as a model") -> list[tuple[str, float, int]]:
    """For each file what opening it says, processor seconds, and MB beyond those of a process that has opened one."""
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURE, how, str(sound), *map(str, paths)]
    lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    figures = [line.split() for line in lines[1::2]]
    return [
        (told, float(seconds), int(megabytes)) for told, (seconds, megabytes) in zip(lines[::2], figures, strict=True)
    ]


class Parts:
    """An artifact taken apart, to be put together again with a right checksum."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        _, _, stored_bytes, _, _ = container.PRELUDE.unpack_from(data)
        start = container.PRELUDE.size
        self.header = json.loads(zstandard.decompress(data[start : start + stored_bytes]))
        self.payload = data[start + stored_bytes :]

    def write(self, path: Path) -> Path:
        """The file of these parts."""
        raw = json.dumps(self.header).encode()
        stored = zstandard.ZstdCompressor(level=19).compress(raw)
        body = stored + self.payload
        path.write_bytes(encode.prelude(len(stored), len(raw), body) + body)
        return path

    def only(self, entry: dict[str, Any], num_elements: int) -> None:
        """One tensor of zeros in place of all."""
        packer = zstandard.ZstdCompressor(level=3, write_content_size=False)
        rows = int(np.prod(entry["shape"][:-1]))
        pieces = [
            packer.compress(bytes(num_elements)),
            b"",
            packer.compress(bytes(rows)),
            packer.compress(b"\x3c" * rows),
        ]
        spans, offset = [], 0
        for piece in pieces:
            spans.append({"offset": offset, "size": len(piece)})
            offset += len(piece)
        rest = {"offset": offset, "size": 0}
        planes = ("classes", "scales_low", "scales_high")
        self.header["tensors"] = [{**entry, "span": spans[0]}]
        self.header["planes"] = {
            **dict(zip(planes, spans[1:], strict=True)),
            "halves_low": rest,
            "halves_high": rest,
            "floats": rest,
        }
        self.payload = b"".join(pieces)


def many_weights(parts: Parts) -> None:
    """int8 with 2^28 weights in 9 kB."""
    parts.only({"name": "tok_emb.weight", "kind": "int8", "shape": [2**14, 2**14], "axis": 0, "classes": 1}, 2**28)


def as_many_as_allowed(parts: Parts) -> None:
    """The most weights that so small a file may declare, in as many rows as it may have."""
    parts.only({"name": "tok_emb.weight", "kind": "int8", "shape": [2**17, 2**5], "axis": 0, "classes": 1}, 2**22)


def in_more_rows(parts: Parts) -> None:
    """As many weights in rows of one: as many scales."""
    parts.only({"name": "tok_emb.weight", "kind": "int8", "shape": [2**22, 1], "axis": 0, "classes": 1}, 2**22)


def wide(parts: Parts) -> None:
    """dim 20,000 in the header, the weights of a small model in the file."""
    parts.header["model"] |= {"dim": 20_000}


def deep(parts: Parts) -> None:
    """12,000 layers."""
    parts.header["model"] |= {"layers": 12_000, "xsa_layers": 3}


def deep_in_both(parts: Parts) -> None:
    """12,000 layers, with as many entries."""
    parts.header["model"] |= {"layers": 12_000, "xsa_layers": 3}
    entry = parts.header["tensors"][0]
    parts.header["tensors"] = [{**entry, "name": f"t{index}"} for index in range(12_000)]


def huge_vocabulary(parts: Parts) -> None:
    """A vocabulary of 10^18."""
    parts.header["model"] |= {"vocab_size": 10**18}


def huge_buckets(parts: Parts) -> None:
    """A size of a thousand digits inside a block."""
    parts.header["model"]["bigram"] |= {"buckets": 10**1000}


def nested_header(parts: Parts) -> None:
    """Settings nested a thousand deep."""
    value: Any = 1
    for _ in range(900):
        value = [value]
    parts.header["model"] |= {"dim": value}


def large_header(parts: Parts) -> None:
    """16 MB of JSON in a few kB."""
    parts.header["model"] |= {"note": "x" * 2**24}


HOSTILE = {
    "many weights": (many_weights, "header: declares 268435456 weights, more than the file can hold"),
    "as many as allowed": (as_many_as_allowed, "lacks "),
    "in more rows": (in_more_rows, "header: declares 4194304 rows, more than the file can hold"),
    "wide": (wide, "has shape "),
    "deep": (deep, "header: model: layers is 12000, at most 256 is read"),
    "deep in both": (deep_in_both, "header"),
    "huge vocabulary": (huge_vocabulary, "header: model: vocab_size is 1000000000000000000, at most 65536 is read"),
    "huge buckets": (huge_buckets, "header: "),
    "nested header": (nested_header, "header: "),
    "large header": (large_header, "damaged: the declared header does not fit the file"),
}


Opened = dict[str, tuple[Path, tuple[str, float, int]]]


@pytest.fixture(scope="module")
def opened(study: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Every hostile file and what opening it took, all in one process."""
    folder, paths = tmp_path_factory.mktemp("hostile"), []
    for name, (change, _) in HOSTILE.items():
        parts = Parts(study.artifact)
        change(parts)
        paths.append(parts.write(folder / f"{name}.bin"))
    return dict(zip(HOSTILE, zip(paths, measured(paths, study.artifact), strict=True), strict=True))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_cheaply(name: str, opened: Opened) -> None:
    path, (told, seconds, megabytes) = opened[name]
    assert path.stat().st_size < 30_000
    assert told.startswith(f"{path}: ") and HOSTILE[name][1] in told
    assert len(told) < 400
    assert seconds < 1.0
    assert megabytes < 100


def test_weights_that_no_model_asks_for_are_bounded_too(study: SmallStudy, tmp_path: Path) -> None:
    parts = Parts(study.artifact)
    as_many_as_allowed(parts)
    ((told, seconds, megabytes),) = measured([parts.write(tmp_path / "most.bin")], study.artifact, "alone")
    assert "the decoded integers differ from those that were stored" in told
    assert seconds < 1.0 and megabytes < 100


def test_the_parts_put_together_again_are_read(study: SmallStudy, tmp_path: Path) -> None:
    path = Parts(study.artifact).write(tmp_path / "again.bin")
    assert load_gpt(path)[0].state_dict().keys() == load_gpt(study.artifact)[0].state_dict().keys()


def test_a_weight_too_few_and_one_too_many_are_told(study: SmallStudy, tmp_path: Path) -> None:
    parts = Parts(study.artifact)
    names = [entry["name"] for entry in parts.header["tensors"]]
    parts.header["tensors"][names.index("skip_weights")]["name"] = "skipped"
    with pytest.raises(ValueError, match=r"it\.bin: lacks 1 weights, such as skip_weights"):
        load_gpt(parts.write(tmp_path / "it.bin"))
    parts = Parts(study.artifact)
    parts.header["model"]["smear"] = False
    with pytest.raises(ValueError, match=r"it\.bin: has, beside those of its model, 1 weights, such as smear\.gate"):
        load_gpt(parts.write(tmp_path / "it.bin"))
