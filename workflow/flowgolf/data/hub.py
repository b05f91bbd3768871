"""The challenge's export on the Hugging Face hub, downloaded once and checked (docs/spec/data.md, D4)."""

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils.tqdm import disable_progress_bars

from flowgolf.data.settings import HubData
from flowgolf.files import read_json, sha256
from flowgolf.running.progress import Progress

ATTEMPTS = 6
FIRST_WAIT_SECONDS = 1.0
"""Doubled after each attempt; huggingface_hub's own shorter retries come on top."""
GIT_DIGITS = 40
"""Length of git's own checksums, SHA-1 in hex."""

AT_ONCE = 8
"""Downloads side by side: one connection to the hub seldom fills the line."""

Result = TypeVar("Result")


class HubFiles(TypedDict):
    """Where the files of an export lie on this machine, and the commit that they belong to."""

    commit: str
    tokenizer: str
    train: list[str]
    validation: list[str]


class HubExport:
    """Files of one data set of the export: `manifest.json` says how many shards there are and whose tokenizer they use.

    Downloads go to the hub's cache, where a broken one is taken up again, and every file is compared with the
    checksum that the hub gives for it. All of them belong to one `commit`.
    """

    def __init__(self, settings: HubData, first_wait_seconds: float = FIRST_WAIT_SECONDS) -> None:
        """Name the export; nothing is downloaded yet."""
        self.settings = settings
        self.first_wait_seconds = first_wait_seconds
        self.name = f"hub dataset {settings.repository}"

    @cached_property
    def commit(self) -> str:
        """The commit that `revision` stands for now."""
        api = HfApi(endpoint=self.settings.endpoint)
        found = self._retry(
            "commit", lambda: api.dataset_info(self.settings.repository, revision=self.settings.revision)
        )
        return str(found.sha)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Content of manifest.json."""
        return read_json(self._file("manifest.json"))

    def tokenizer(self) -> Path:
        """The SentencePiece .model of the data set."""
        name = self._entry("datasets", self.settings.dataset).get("tokenizer_name")
        entry = self._entry("tokenizers", str(name))
        path = entry.get("model_path") or entry.get("path")
        if not isinstance(path, str):
            raise ValueError(f"{self.name}: manifest.json gives no model_path for tokenizer '{name}'")
        return self._file(path)

    def shards(self) -> tuple[list[Path], list[Path]]:
        """The first `train_shards` training shards, and all validation shards; ValueError when the export has fewer."""
        available, asked = self._count("files_train"), self.settings.train_shards
        if asked > available:
            raise ValueError(f"{self.name}: train_shards is {asked}, but {self.settings.dataset} has {available}")
        names = [*self._names("train", asked), *self._names("val", self._count("files_val"))]
        paths = self._files(names)
        return paths[:asked], paths[asked:]

    def fetch(self) -> HubFiles:
        """Download everything; afterwards nobody has to ask the hub for anything."""
        tokenizer = self.tokenizer()
        train, validation = ([str(path) for path in part] for part in self.shards())
        return HubFiles(commit=self.commit, tokenizer=str(tokenizer), train=train, validation=validation)

    def _entry(self, kind: str, name: str) -> dict[str, Any]:
        entries = {entry["name"]: entry for entry in self.manifest.get(kind, [])}
        if name not in entries:
            known = ", ".join(entries) or "none"
            raise ValueError(f"{self.name}: manifest.json has no '{name}' among its {kind}: {known}")
        return dict(entries[name])

    def _count(self, key: str) -> int:
        count = self._entry("datasets", self.settings.dataset).get("stats", {}).get(key)
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"{self.name}: manifest.json gives stats.{key} of {self.settings.dataset} as {count}")
        return count

    def _names(self, part: str, count: int) -> list[str]:
        numbered = (f"{self.settings.prefix}_{part}_{index:06d}.bin" for index in range(count))
        return [f"datasets/{self.settings.dataset}/{name}" for name in numbered]

    def _files(self, names: list[str]) -> list[Path]:
        """Download files, some at a time, with one progress line for all; the first one that fails stops the rest."""
        progress = Progress("shards from the hub", len(names), "files")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            downloads = [pool.submit(self._file, name) for name in names]
            try:
                for done, download in enumerate(as_completed(downloads), start=1):
                    download.result()
                    progress.update(done)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return [download.result() for download in downloads]

    def _file(self, name: str) -> Path:
        """Download a file below `root`, or find it in the cache."""
        name = f"{self.settings.root}/{name}" if self.settings.root else name
        commit = self.commit
        return self._retry(name, lambda: self._download(name, commit))

    def _download(self, name: str, commit: str) -> Path:
        """One attempt; a file that differs from its checksum is removed and raises OSError."""
        disable_progress_bars()
        repository, endpoint = self.settings.repository, self.settings.endpoint
        url = hf_hub_url(repository, name, repo_type="dataset", revision=commit, endpoint=endpoint)
        path = Path(
            hf_hub_download(
                repository,
                name,
                repo_type="dataset",
                revision=commit,
                endpoint=endpoint,
                cache_dir=self.settings.cache_dir,
            )
        )
        expected = get_hf_file_metadata(url, endpoint=endpoint).etag
        found = checksum(path, expected)
        if found != expected:
            path.resolve().unlink()
            raise OSError(f"checksum {expected} expected, found {found}")
        return path

    def _retry(self, what: str, action: Callable[[], Result]) -> Result:
        """Run `action`, again after a pause when connection or server fail; ValueError when that does not help."""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self.first_wait_seconds * 2 ** (attempt - 1))
            try:
                return action()
            except (RepositoryNotFoundError, RevisionNotFoundError, RemoteEntryNotFoundError):
                where = f"at revision {self.settings.revision}"
                raise ValueError(f"{self.name}: {what} {where} does not exist, or needs a login or HF_TOKEN") from None
            except Exception as error:  # huggingface_hub lets the errors of its HTTP library through
                problem = error
        reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise ValueError(f"{self.name}: {what} not downloaded after {ATTEMPTS} attempts ({reason})")


def files_of_the_hub(settings: HubData, hub_record: str | Path | None) -> HubFiles:
    """What rule download has left in the JSON `hub_record`; without one the files are downloaded now."""
    return HubExport(settings).fetch() if hub_record is None else cast(HubFiles, read_json(hub_record))


def checksum(path: Path, expected: str | None) -> str:
    """Checksum of a file in the form of `expected`: SHA-256 of large files, git's blob SHA-1 of small ones."""
    if expected is not None and len(expected) == GIT_DIGITS:
        content = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return sha256(path)
