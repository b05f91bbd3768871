"""Lines of logs that people write in their own ways."""

from pathlib import Path

import pytest

from flowgolf.audit.logs import Log
from flowgolf.audit.reader import read_log


def read(tmp_path: Path, text: str | bytes, name: str = "train.log") -> Log:
    """The facts of a text."""
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_log(path, name)


@pytest.mark.parametrize(
    ("line", "label", "bpb", "loss"),
    [
        (
            "final_int6_roundtrip val_loss:1.9350 val_bpb:1.1460 eval_time:20430ms",
            "final_int6_roundtrip",
            "1.1460",
            "1.9350",
        ),
        (
            "final_int6_roundtrip_exact val_loss:1.93502821 val_bpb:1.14603270",
            "final_int6_roundtrip",
            "1.14603270",
            "1.93502821",
        ),
        ("[rank0]: final val_loss: 1.9 val_bpb: 1.14", "final", "1.14", "1.9"),
        ("2026-03-20 08:45:54,123 INFO: final val_loss=1.9, val_bpb=1.14", "final", "1.14", "1.9"),
        ("0: final val_loss:1.9 val_bpb:1.14", "final", "1.14", "1.9"),
        ("\x1b[32mfinal val_loss:1.9 val_bpb:1.14\x1b[0m", "final", "1.14", "1.9"),
        ("working 3/4\rfinal val_loss:1.9 val_bpb:1.14", "final", "1.14", "1.9"),
        ("val_bpb (int4 roundtrip): 1.60", "val_bpb (int4 roundtrip)", "1.60", None),
        ("Final result: val_bpb 1.1428", "final result", "1.1428", None),
        ("final BPB is 1.1428", "final", "1.1428", None),
        ('{"evaluation": "sliding", "loss": 1.9, "bpb": 1.14}', "sliding", "1.14", "1.9"),
        ("trained_exact validation_loss=8.6 validation_bpb=9.9", "trained", "9.9", "8.6"),
        ("pre-quantization post-ema val_loss:2.5 val_bpb:1.09", "pre-quantization post-ema", "1.09", "2.5"),
    ],
)
def test_a_result(tmp_path: Path, line: str, label: str, bpb: str, loss: str | None) -> None:
    score = read(tmp_path, f"one\ntwo\n{line}\n").scores[0]
    assert (score.label, str(score.bpb), score.loss and str(score.loss)) == (label, bpb, loss)
    assert (score.place.file, score.place.line) == ("train.log", 3)


def test_several_figures_on_a_line_are_labelled_by_their_keys(tmp_path: Path) -> None:
    scores = read(tmp_path, "mixed tokens=5 mix_bpb=1.03 nn_byte_bpb=1.10\n").scores
    assert [(score.label, str(score.bpb), score.loss) for score in scores] == [
        ("mixed mix_bpb", "1.03", None),
        ("mixed nn_byte_bpb", "1.10", None),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "step:100/2000 val_loss:2.1 val_bpb:1.24 train_time:178486ms step_avg:89.24ms",
        "100/2000 val_loss: 2.1 val_bpb: 1.24",
        "step=100 validation_loss=2.1 validation_bpb=1.24",
        "Step 100 | val_loss: 2.1 | val_bpb: 1.24",
        "train step:100 tokens:5 val_loss:2.1 val_bpb:1.24 seconds:7.5",
    ],
)
def test_a_step_is_no_result(tmp_path: Path, line: str) -> None:
    log = read(tmp_path, line + "\n")
    assert log.scores == [] and log.trained
    assert [str(score.bpb) for score in log.validations] == ["1.24"]
    assert log.step is not None and log.step.value == 100


@pytest.mark.parametrize(
    "line",
    [
        "  ttt_chunk [11/1893] bpb=1.14 time=2.7s",
        "legal_ttt chunk:0 running_bpb:1.25",
        "batch: 5 bpb: 1.2",
        "45%|## | bpb=1.2",
    ],
)
def test_a_figure_under_way_is_no_result(tmp_path: Path, line: str) -> None:
    log = read(tmp_path, line + "\n")
    assert log.scores == [] and log.progress is not None


def test_comments_are_no_results(tmp_path: Path) -> None:
    assert read(tmp_path, "# val_loss:1.0 val_bpb:0.5\n    # final val_bpb: 0.4\n").empty


def test_seconds_in_every_unit(tmp_path: Path) -> None:
    text = (
        "a val_bpb:1.1 eval_time:1500ms\nb val_bpb:1.1 time:2.5s\nc val_bpb:1.1 time:2m\nd val_bpb:1.1 seconds:7.25\n"
    )
    seconds = [float(score.seconds.value) for score in read(tmp_path, text).scores if score.seconds]
    assert seconds == [1.5, 2.5, 120.0, 7.25]


def test_a_unit_is_not_the_beginning_of_the_next_word(tmp_path: Path) -> None:
    log = read(tmp_path, "sliding tokens:10 bytes:25 loss:2.0 bpb:1.15 seconds:4.0 steps:3\n")
    assert str(log.scores[0].seconds) == "4.0"
    assert str(log.counts["scored_bytes"]) == "25"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    log = read(tmp_path, "seed:7\r\nfinal val_loss:1.9 val_bpb:1.14\r\n".encode(encoding))
    assert (str(log.scores[0].bpb), log.scores[0].place.line, log.seed and log.seed.value) == ("1.14", 2, 7)


def test_an_environment_of_comments(tmp_path: Path) -> None:
    log = read(tmp_path, "# cmd: torchrun train_gpt.py\n# env:SEED=1337\n# env:MATRIX_LR=0.02\n")
    assert log.settings["matrix_lr"].text == "0.02"
    assert log.seed is not None and log.seed.value == 1337


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("train_seed42.log", 42),
        ("train_s1337.log", 1337),
        ("seed-7.log", 7),
        ("train.log", None),
        ("eval_nflow7k.log", None),
    ],
)
def test_the_seed_of_a_file_name(tmp_path: Path, name: str, seed: int | None) -> None:
    assert read(tmp_path, "x\n", name).file_seed == seed


def test_settings_after_the_first_step_are_those_of_the_evaluation_alone(tmp_path: Path) -> None:
    lines = [
        "lr:0.1 width:5",
        "step:1/9 train_loss:2.0",
        "swa:start step:5550",
        "ttt:start chunks=3 ttt_lr=0.005",
        "qat:on",
    ]
    settings = read(tmp_path, "\n".join(lines)).settings
    assert {key: value.text for key, value in settings.items()} == {
        "lr": "0.1", "width": "5", "ttt.chunks": "3", "ttt.ttt_lr": "0.005",
    }  # fmt: skip


def test_calibration_and_sizes_in_other_words(tmp_path: Path) -> None:
    text = (
        "gptq:generated 64 sequences in 196.7s\nCollected hessians in 3.5 seconds\n"
        "Compressed model int6: 15,800,000 bytes\nTotal artifact size: 15,850,000 bytes\n"
    )
    log = read(tmp_path, text)
    assert [str(number) for number in log.calibration] == ["196.7", "3.5"]
    model, total = log.last("model"), log.last("total")
    assert model is not None and (model.label, str(model.bytes)) == ("int6", "15,800,000")
    assert total is not None and str(total.bytes) == "15,850,000"
