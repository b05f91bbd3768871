"""What the generated file takes from the environment: its place among torchrun's processes, seed and data."""

from types import ModuleType
from typing import Any

import pytest

from flowgolf.submission.one_file.processes import VARIABLES, Processes, processes, shared_settings
from flowgolf.train import rank


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "SEED", "DATA_PATH", "TOKENIZER_PATH"):
        monkeypatch.delenv(name, raising=False)


def launch(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_without_a_launcher_a_process_is_alone_and_shares_steps_as_the_settings_say() -> None:
    assert processes() == Processes(0, 0, 1)
    assert shared_settings({"micro_batches": 8, "devices": 4}) == {"micro_batches": 8, "devices": 4}


def test_the_launchers_number_of_processes_is_that_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    launch(monkeypatch, RANK="5", LOCAL_RANK="1", WORLD_SIZE="8")
    assert processes() == Processes(5, 1, 8)
    assert not processes().first
    assert shared_settings({"micro_batches": 8, "devices": 1})["devices"] == 8


def test_a_number_of_processes_that_does_not_divide_the_micro_batches_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launch(monkeypatch, RANK="0", LOCAL_RANK="0", WORLD_SIZE="4")
    told = r"4 processes cannot share the 6 micro-batches of a step: --nproc_per_node takes 1, 2, 3, 6 here"
    with pytest.raises(ValueError, match=told):
        shared_settings({"micro_batches": 6, "devices": 1})


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RANK": "1"}, "RANK='1', LOCAL_RANK='', WORLD_SIZE='': torchrun sets all three to whole numbers"),
        ({"RANK": "-1", "LOCAL_RANK": "0", "WORLD_SIZE": "two"}, "RANK='-1', LOCAL_RANK='0', WORLD_SIZE='two': torch"),
    ],
)
def test_an_environment_that_is_no_launchers_is_told(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    launch(monkeypatch, **variables)
    with pytest.raises(ValueError, match=told):
        processes()


def test_more_processes_than_gpus_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(rank, "joined", lambda: "joined")
    assert Processes(5, 1, 8).joined() == "joined"
    with pytest.raises(ValueError, match="torchrun started a process for each of 3 GPUs, this machine has 2"):
        Processes(2, 2, 3).joined()


def test_seed_and_data_come_from_the_command_line_the_environment_or_the_submission(
    generated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(*arguments: str) -> tuple[Any, ...]:
        given = generated.parser(generated.SETTINGS).parse_args(["run", *arguments])
        return given.seed, given.data, given.tokenizer

    assert chosen() == (42, "data", None)
    launch(monkeypatch, SEED="7", DATA_PATH="shards", TOKENIZER_PATH="t.model")
    assert chosen() == (7, "shards", "t.model")
    assert chosen("--seed", "9", "--data", "here") == (9, "here", "t.model")


def test_a_seed_that_is_no_number_is_told(
    generated: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    launch(monkeypatch, SEED="first")
    with pytest.raises(SystemExit):
        generated.main(generated.SETTINGS, "train_gpt.py", [])
    assert "argument --seed: invalid int value: 'first'" in capsys.readouterr().err


def test_without_a_command_everything_is_done_and_a_failure_is_one_sentence(
    generated: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train_gpt.py").write_text("")
    assert generated.main(generated.SETTINGS, "train_gpt.py", []) == 1
    assert capsys.readouterr().err == (
        f"run failed: {tmp_path}/data: one SentencePiece .model of 1024 pieces is expected here or below, found none\n"
    )
