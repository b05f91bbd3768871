"""The state that a killed run resumes from: two generations, each with its digest (docs/spec/training.md, T14)."""

import hmac
import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from torch import Tensor

from flowgolf.files import replacing
from flowgolf.model import weights_file

SHORT = 80
"""Characters of two values that are still worth showing: digests of many shards are not."""
# a cluster or an operator, SLURM before a time limit, Ctrl-C, a terminal that is closed
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)
SEAL_BYTES = 32
LENGTH_BYTES = 8


class StateFolder:
    """Holds `state.pt` and the one before it, `previous.pt`; either is complete at any moment.

    A file is a seal of the rest (32 bytes: its HMAC-SHA256), the length of a JSON text (8 bytes), that text, and the
    tensors that it speaks of in the format safetensors: nothing in it can run code. Without a key the seal tells
    damage only; with one, that nobody else has made the state.
    """

    def __init__(self, folder: str | Path, identity: dict[str, Any], key: bytes = b"") -> None:
        """`identity` names what the state belongs to, key by key; a state of another identity is passed over."""
        self.key = key
        self.folder = Path(folder)
        self.identity = identity
        self.current = self.folder / "state.pt"
        self.previous = self.folder / "previous.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Write the state; at no moment is there less than one complete file."""
        parts = encoded({"identity": self.identity, "state": state})
        seal = hmac.new(self.key, digestmod="sha256")
        for part in parts:
            seal.update(part)
        try:
            with replacing(self.folder / "new.pt") as temporary, temporary.open("wb") as file:
                file.writelines([seal.digest(), *parts])
        except OSError as error:
            size = sum(map(len, parts)) / 1e6
            reason = f"{error.strerror} while saving {size:.1f} MB; the state saved before is kept"
            raise OSError(error.errno, reason, str(self.current)) from error
        if self.current.exists():
            self.current.replace(self.previous)
        (self.folder / "new.pt").replace(self.current)

    def load(self) -> dict[str, Any] | None:
        """The newest state of this identity under the right seal, or None; a line on stderr tells what was not it."""
        for path in (self.folder / "new.pt", self.current, self.previous):
            if not path.exists():
                continue
            saved = read(path, self.key)
            if saved is None:
                why = "damaged, or not made under this account" if self.key else "damaged"
                print(f"{path}: {why}, going back to the state before it", file=sys.stderr)
                continue
            if saved["identity"] != self.identity:
                print(f"{path}: {self._difference(saved['identity'])}: starting afresh", file=sys.stderr)
                return None
            state: dict[str, Any] = saved["state"]
            return state
        return None

    def _difference(self, found: dict[str, Any]) -> str:
        """What a state of another identity belongs to, in words."""
        keys = sorted(key for key in self.identity.keys() | found.keys() if self.identity.get(key) != found.get(key))
        ours, theirs = (repr(each.get(keys[0])) for each in (self.identity, found))
        values = f" was {theirs} there and is {ours} here" if len(ours + theirs) <= SHORT else ""
        return f"saved by a run with other {', '.join(keys)}{values}"

    def remove(self) -> None:
        """Forget everything: the run is complete."""
        for path in self.folder.glob("*"):
            path.unlink()
        if self.folder.exists():
            self.folder.rmdir()


def read(path: Path, key: bytes = b"") -> dict[str, Any] | None:
    """The content of a state file, or None when it is not what was written under this key.

    Its tensors lie on the CPU, whatever wrote them: a GPU's state goes on without one, and takes no GPU's memory twice.
    """
    data = path.read_bytes()
    if not hmac.compare_digest(hmac.digest(key, data[32:], "sha256"), data[:32]):
        return None
    try:
        return decoded(data[32:])
    except (ValueError, KeyError, TypeError):  # of an older version
        return None


def encoded(content: dict[str, Any]) -> list[bytes]:
    """Dictionaries, lists, tuples, numbers, texts and tensors as pieces of bytes."""
    tensors: list[Tensor] = []
    text = json.dumps(described(content, tensors)).encode()
    weights = {str(number): tensor.detach().cpu().contiguous() for number, tensor in enumerate(tensors)}
    return [len(text).to_bytes(LENGTH_BYTES, "little"), text, weights_file.packed(weights)]


def decoded(payload: bytes) -> dict[str, Any]:
    """What `encoded` made bytes of; tensors are on the CPU."""
    end = LENGTH_BYTES + int.from_bytes(payload[:LENGTH_BYTES], "little")
    content: dict[str, Any] = restored(json.loads(payload[LENGTH_BYTES:end]), weights_file.unpacked(payload[end:]))
    return content


def described(value: Any, tensors: list[Tensor]) -> Any:
    """A value as JSON has it: dictionaries as pairs, because keys may be numbers, and tensors by their place."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if isinstance(value, dict):
        return {"pairs": [[key, described(each, tensors)] for key, each in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [described(each, tensors) for each in value]}
    return [described(each, tensors) for each in value] if isinstance(value, list) else value


def restored(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value that was `described`."""
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[str(value["tensor"])]
        if "tuple" in value:
            return tuple(restored(each, tensors) for each in value["tuple"])
        return {key: restored(each, tensors) for key, each in value["pairs"]}
    return [restored(each, tensors) for each in value] if isinstance(value, list) else value


def seal_key() -> bytes:
    """The account's secret, made on first use; `FLOWGOLF_SEAL` names another file than the one in its home.

    It lies outside every study, so that a state folder that comes with a study, or was edited, bears no right seal.
    ValueError for a file that holds no secret.
    """
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    path = Path(os.environ.get("FLOWGOLF_SEAL") or Path(home) / "flowgolf" / "seal")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SEAL_BYTES))
        with suppress(FileExistsError):  # another process was first: one secret, whoever wins
            os.link(temporary, path)
        temporary.unlink()
    key = path.read_bytes()
    if len(key) < SEAL_BYTES:
        raise ValueError(f"{path}: a secret of at least {SEAL_BYTES} bytes is expected, found {len(key)}")
    return key


class StopRequest:
    """Whether a signal has asked to stop: this process, or with `file` any of the processes that share it."""

    def __init__(self, file: Path | None = None) -> None:
        """Nothing asked yet."""
        self.file = file
        self.noted = 0

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: note the signal; the loop saves and stops after its step."""
        self.noted = number
        if self.file is not None:
            self.file.write_text(str(number))

    @property
    def number(self) -> int:
        """Number of the signal, 0 for none."""
        if self.file is not None and not self.noted and self.file.exists():
            self.noted = int(self.file.read_text() or 0)
        return self.noted

    @property
    def signal(self) -> str | None:
        """Name of the signal, None for none."""
        return signal.Signals(self.number).name if self.number else None


@contextmanager
def stop_requests(file: Path | None = None) -> Iterator[StopRequest]:
    """Turn the signals that ask a process to end into a request to save and stop; one that is ignored stays ignored."""
    request = StopRequest(file)
    asked = [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores SIGHUP
    before = [signal.signal(number, request.ask) for number in asked]
    try:
        yield request
    finally:
        for number, handler in zip(asked, before, strict=True):
            signal.signal(number, handler)
