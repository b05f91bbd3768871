"""The published export, downloaded from a stand-in server that fails in every way a network does."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import huggingface_hub.file_download
import pytest

from data.made_up_corpus import VOCAB_SIZE, text_data
from data.stand_in_hub import COMMIT, StandInHub
from flowgolf.data.dataset import Dataset
from flowgolf.data.hub import ATTEMPTS, HubExport
from flowgolf.data.settings import HubData
from flowgolf.data.tokenizer import tokenizer
from flowgolf.data.tokens import tokens
from flowgolf.files import read_json, sha256, write_json

REPOSITORY = "someone/export"
FOLDER = "datasets/datasets/words"
FIRST = f"{FOLDER}/fineweb_train_000000.bin"
SECRET = "hf_" + "s" * 34


@pytest.fixture(scope="module")
def export_files(corpus: Path, model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the repository holds: a manifest, a tokenizer, several training shards and a validation shard."""
    made = tmp_path_factory.mktemp("export")
    settings = text_data(corpus, shard_tokens=5000)
    tokens(settings, model_path, made / "data.json", made / "shards", made / "state")
    shards = {f"{FOLDER}/{path.name}": path.read_bytes() for path in (made / "shards").iterdir()}
    stats = {f"files_{part}": sum(f"_{part}_" in name for name in shards) for part in ("train", "val")}
    assert stats["files_train"] > 3
    manifest = {
        "datasets": [
            {"name": "words", "tokenizer_name": "sp320", "stats": stats},
            {"name": "unfinished", "tokenizer_name": "bare", "stats": {}},
            {"name": "orphan", "tokenizer_name": "gone", "stats": stats},
        ],
        "tokenizers": [{"name": "sp320", "model_path": "tokenizers/sp320.model"}, {"name": "bare"}],
    }
    return {
        "datasets/manifest.json": json.dumps(manifest).encode(),
        "datasets/tokenizers/sp320.model": model_path.read_bytes(),
        **shards,
    }


@pytest.fixture
def hub(export_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    """The stand-in; the library's own pauses are cut short."""
    monkeypatch.setattr(huggingface_hub.file_download.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with StandInHub(REPOSITORY, dict(export_files)) as server:
        yield server


def hub_data(hub: StandInHub, cache: Path, **changes: object) -> HubData:
    """Settings for the stand-in: two training shards."""
    chosen: dict[str, object] = {"repository": REPOSITORY, "dataset": "words", "train_shards": 2}
    chosen |= {"vocab_size": VOCAB_SIZE, "endpoint": hub.endpoint, "cache_dir": str(cache), **changes}
    return HubData.model_validate(chosen)


def export(hub: StandInHub, cache: Path, **changes: object) -> HubExport:
    """The export without long pauses."""
    return HubExport(hub_data(hub, cache, **changes), first_wait_seconds=0.001)


def test_the_export_becomes_a_data_set(hub: StandInHub, model_path: Path, tmp_path: Path) -> None:
    settings = hub_data(hub, tmp_path / "cache")
    study = tmp_path / "study"
    tokenizer(settings, study / "t.model")
    tokens(settings, study / "t.model", study / "data.json", study / "shards", study / "state")
    assert sha256(study / "t.model") == sha256(model_path)
    record = read_json(study / "data.json")
    assert record["revision"] == COMMIT
    assert record["train"]["tokens"] == 10_000
    data = Dataset.open(study / "data.json")
    assert len(data.train) == 10_000
    assert data.byte_table.total(data.validation.read(0, len(data.validation))) == record["validation"]["bytes_scored"]
    downloaded = {name.rpartition("/")[2] for method, name, _ in hub.requests if method == "GET" and "resolve" in name}
    assert downloaded >= {"manifest.json", "sp320.model", "fineweb_train_000000.bin", "fineweb_train_000001.bin"}
    assert "fineweb_train_000002.bin" not in downloaded


def test_what_was_downloaded_is_used_without_asking_the_hub(hub: StandInHub, tmp_path: Path) -> None:
    settings = hub_data(hub, tmp_path / "cache")
    write_json(tmp_path / "hub.json", {**export(hub, tmp_path / "cache").fetch()})
    asked = len(hub.requests)
    tokenizer(settings, tmp_path / "t.model", tmp_path / "hub.json")
    arguments = (settings, tmp_path / "t.model", tmp_path / "data.json", tmp_path / "shards", tmp_path / "state")
    tokens(*arguments, hub_record=tmp_path / "hub.json")
    assert len(hub.requests) == asked
    assert read_json(tmp_path / "data.json")["revision"] == COMMIT


def test_shards_come_several_at_a_time_under_one_progress_line(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    together = threading.Barrier(2, timeout=30)  # nobody passes alone
    download = HubExport._download

    def meet(self: HubExport, name: str, commit: str) -> Path:
        if "_train_" in name:
            together.wait()
        return download(self, name, commit)

    monkeypatch.setattr(HubExport, "_download", meet)
    train, validation = export(hub, tmp_path).shards()
    assert [path.name[-10:] for path in train] == ["000000.bin", "000001.bin"]
    count = len(train) + len(validation)
    assert capsys.readouterr().err.startswith(f"shards from the hub  100% ({count}/{count} files)")


def test_what_is_in_the_cache_is_not_downloaded_again(hub: StandInHub, tmp_path: Path) -> None:
    for _ in range(2):
        export(hub, tmp_path).shards()
    assert hub.downloads(FIRST) == [None]


@pytest.mark.parametrize(
    "faults", [[503], [429, 429], [500, 503, 502], ["truncate"], ["damage"], ["damage", 503, "truncate"]], ids=str
)
def test_a_fault_that_passes_leaves_whole_files(
    hub: StandInHub, export_files: dict[str, bytes], tmp_path: Path, faults: list[str | int]
) -> None:
    hub.faults[FIRST] = [*faults]
    paths, _ = export(hub, tmp_path).shards()
    assert hub.faults[FIRST] == []
    assert [path.read_bytes() for path in paths] == [export_files[FIRST], export_files[FIRST.replace("00.", "01.")]]


def test_a_broken_connection_is_taken_up_where_it_broke(
    hub: StandInHub, export_files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.faults[FIRST] = ["break", "break", 503]
    path = export(hub, tmp_path, train_shards=1).shards()[0][0]
    assert path.read_bytes() == export_files[FIRST]
    assert len(path.read_bytes()) == 11_024
    assert hub.downloads(FIRST)[:3] == [None, "bytes=5000-", "bytes=8000-"]


def test_faults_of_the_information_request_pass_too(hub: StandInHub, tmp_path: Path) -> None:
    hub.faults["commit"] = [503, 429]
    assert export(hub, tmp_path).commit == COMMIT


@pytest.mark.parametrize(("fault", "reason"), [("damage", "checksum [0-9a-f]{64} expected, found"), (503, ".+")])
def test_a_fault_that_stays_is_told_in_one_sentence(
    hub: StandInHub, tmp_path: Path, fault: str | int, reason: str
) -> None:
    hub.faults[FIRST] = [fault] * 100
    message = rf"hub dataset someone/export: {FIRST} not downloaded after {ATTEMPTS} attempts \({reason}"
    with pytest.raises(ValueError, match=message) as failure:
        export(hub, tmp_path).shards()
    assert "\n" not in str(failure.value)
    assert not any(path.exists() for path in tmp_path.rglob("fineweb_train_000000.bin"))


def test_an_unreachable_server_is_told(hub: StandInHub, tmp_path: Path) -> None:
    nowhere = HubData(repository=REPOSITORY, endpoint="http://127.0.0.1:9", cache_dir=str(tmp_path))
    with pytest.raises(ValueError, match=rf"someone/export: commit not downloaded after {ATTEMPTS} attempts \(.+\)"):
        HubExport(nowhere, first_wait_seconds=0.001).shards()


def test_the_token_is_used_and_never_shown(
    hub: StandInHub, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    hub.faults[FIRST] = ["break", 503, "damage"] * 20
    with pytest.raises(ValueError) as failure:
        export(hub, tmp_path).shards()
    assert f"Bearer {SECRET}" in hub.authorizations
    assert SECRET not in str(failure.value) + "".join(capfd.readouterr()) + caplog.text
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "other"}, "manifest.json has no 'other' among its datasets: words, unfinished, orphan"),
        ({"dataset": "unfinished"}, "manifest.json gives stats.files_train of unfinished as None"),
        ({"train_shards": 99}, r"train_shards is 99, but words has \d"),
        (
            {"root": "elsewhere"},
            "elsewhere/manifest.json at revision main does not exist, or needs a login or HF_TOKEN",
        ),
        ({"revision": "old"}, "commit at revision old does not exist, or needs a login or HF_TOKEN"),
        ({"repository": "no/body"}, "hub dataset no/body: commit at revision main does not exist, or needs a login"),
        ({"prefix": "other"}, r"other_\w+_\d{6}\.bin at revision main does not exist"),  # whichever is asked for first
    ],
)
def test_what_the_export_does_not_have_is_told(
    hub: StandInHub, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        export(hub, tmp_path, **changes).shards()


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("unfinished", "manifest.json gives no model_path for tokenizer 'bare'"),
        ("orphan", "manifest.json has no 'gone' among its tokenizers: sp320, bare"),
    ],
)
def test_a_tokenizer_that_the_export_does_not_have_is_told(
    hub: StandInHub, tmp_path: Path, dataset: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        export(hub, tmp_path, dataset=dataset).tokenizer()


def test_a_published_tokenizer_of_another_size_is_told(hub: StandInHub, tmp_path: Path) -> None:
    settings = hub_data(hub, tmp_path / "cache", vocab_size=1024)
    with pytest.raises(ValueError, match=r"sp320\.model: the tokenizer has 320 pieces, .* say vocab_size 1024"):
        tokenizer(settings, tmp_path / "t.model")
