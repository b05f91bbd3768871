"""The generated train_gpt.py: one size for all runs, four packages, no illegal option, the same digits."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from flowgolf.model import registry, weights_file
from flowgolf.study.docs import ROOT
from flowgolf.study.extends import whole
from flowgolf.study.settings import RunSettings
from flowgolf.study.study import Study
from flowgolf.submission.one_file import bundle
from flowgolf.submission.one_file.registries import Needed

WEIGHTS_ROOM = 201_968  # of the quick study: base fits in int6, nfm needs two blocks in int5 (README)


def studies() -> dict[str, Study]:
    paths = sorted((ROOT / "config").glob("*.yaml"))
    return {path.stem: Study(whole(yaml.safe_load(path.read_text()), [path])) for path in paths}


def test_every_run_of_every_shipped_study_has_a_file_of_the_counted_size() -> None:
    for study in studies().values():
        for name, settings in study.variants.items():
            text = bundle.train_gpt({"variant": name, "seed": 42, **settings.model_dump()})
            compile(text, "train_gpt.py", "exec")
            assert len(text.encode()) == bundle.size_bytes(settings.model_dump()), name


def test_the_quick_studys_cap_leaves_the_room_that_its_table_was_made_with() -> None:
    cap = studies()["config"].settings.base.export.cap_bytes
    right = WEIGHTS_ROOM + bundle.size_bytes(studies()["config"].variants["nfm"].model_dump(), in_wrapper=True)
    assert cap == right, f"set config.yaml's cap_bytes to {right}"


def code(settings: RunSettings) -> str:
    return bundle.code(Needed.of(settings.model_dump()))


def test_a_file_has_the_parts_and_optimisers_of_its_arm_alone(nfm: RunSettings) -> None:
    assert "class FlowMatcher(" in code(nfm) and "class Muon(" in code(nfm)
    assert "class ValueEmbedding(" not in code(nfm) and "class LogitScale(" not in code(nfm)
    without = nfm.model_copy(update={
        "model": nfm.model.model_copy(update={"flow_matcher": None, "smear": False}),
        "train": nfm.train.model_copy(update={"matrix_optimizer": "adamw"}),
    })  # fmt: skip
    assert not any(f"class {name}(" in code(without) for name in ("FlowMatcher", "Smear", "Muon"))


def test_only_the_file_of_a_training_that_rounds_can_round(nfm: RunSettings) -> None:
    rounds = nfm.model_copy(update={"train": nfm.train.model_copy(update={"qat_below": 0.15})})
    assert "class Rounding:" in code(rounds) and "class Rounding:" not in code(nfm)


def test_a_part_more_in_the_package_changes_no_file_of_others(
    nfm: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundle.train_gpt({"variant": "nfm", "seed": 42, **nfm.model_dump()})
    text = (registry.FOLDER / "logit_scale.py").read_text()
    (tmp_path / "another.py").write_text(text.replace("class LogitScale", "class Another"))
    monkeypatch.setitem(registry.further, "another", tmp_path / "another.py")
    bundle.code.cache_clear()
    assert bundle.train_gpt({"variant": "nfm", "seed": 42, **nfm.model_dump()}) == before


def test_nothing_is_imported_besides_four_packages_and_the_standard_library(nfm: RunSettings) -> None:
    imported = set()
    for node in ast.walk(ast.parse(code(nfm))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names == {*bundle.PACKAGES, *bundle.OPTIONAL}


def test_brotli_is_imported_only_by_what_reads_or_writes_it(nfm: RunSettings) -> None:
    tree = ast.parse(code(nfm))
    importers = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and "import brotli" in ast.unparse(node)
    }
    assert importers == {"brotli_compress", "brotli_decompress"}
    assert not any(isinstance(node, ast.Import) and node.names[0].name == "brotli" for node in tree.body)


def test_nothing_is_pickled(nfm: RunSettings) -> None:
    assert not [word for word in ("pickle", "torch.load", "torch.save", "shelve", "marshal") if word in code(nfm)]
    calls = [node.func for node in ast.walk(ast.parse(code(nfm))) if isinstance(node, ast.Call)]
    assert not {"eval", "exec", "compile", "__import__"} & {call.id for call in calls if isinstance(call, ast.Name)}


def test_weights_are_what_safetensors_reads_and_writes(generated: ModuleType, tmp_path: Any) -> None:
    weights = {
        "b": torch.arange(6, dtype=torch.float32).view(2, 3), "a": torch.tensor([1.5], dtype=torch.bfloat16),
        "s": torch.tensor(7), "empty": torch.zeros(0, 4), "mask": torch.tensor([True, False]),
    }  # fmt: skip
    generated.weights_file_save(tmp_path / "theirs.safetensors", weights, "a text")
    weights_file.save(tmp_path / "ours.safetensors", weights, "a text")
    for path in tmp_path.iterdir():
        for load in (generated.weights_file_load, weights_file.load):
            text, loaded = load(path)
            assert (text, list(loaded)) == ("a text", sorted(weights))
            torch.testing.assert_close(loaded, dict(sorted(weights.items())), rtol=0, atol=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 40,
        bytes(8),
        b"\x02" + bytes(7) + b"[]",
        b"\x20" + bytes(7) + b'{"w":{"dtype":"F32","shape":[9]}}',
    ],
)
def test_what_is_no_file_of_weights_is_told(generated: ModuleType, tmp_path: Any, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"model.safetensors: not in the format safetensors \("):
        generated.weights_file_load(tmp_path / "model.safetensors")


def test_docstrings_are_left_out_but_for_the_files_own(nfm: RunSettings) -> None:
    tree = ast.parse(code(nfm))
    inner = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert len(inner) > 200
    assert [node.name for node in inner if ast.get_docstring(node)] == []
    assert "train_gpt.py evaluate --data FOLDER" in (ast.get_docstring(tree) or "")


def test_generating_it_imports_no_library() -> None:
    call = "bundle.code(bundle.Needed(('bigram', 'smear'), ('adamw', 'muon')))"
    script = f"import sys; from flowgolf.submission.one_file import bundle; {call}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "flowgolf.submission.one_file.flatten" in loaded
    assert not {"torch", "numpy", "pandas", "pydantic", "zstandard"} & set(loaded)


def test_settings_that_leave_no_room_are_refused(nfm: RunSettings) -> None:
    with pytest.raises(ValueError, match=r"train_gpt.py: the settings of a+ take \d+ bytes, 8192 are kept for them"):
        bundle.train_gpt({"variant": "a" * 8192, "seed": 42, **nfm.model_dump()})


def test_no_option_touches_what_the_rules_are_about(generated: ModuleType) -> None:
    commands = next(
        action for action in generated.parser(generated.SETTINGS)._actions if action.dest == "command"
    ).choices
    options = {
        name: {text for action in each._actions for text in action.option_strings} for name, each in commands.items()
    }
    common = {"-h", "--help", "--data", "--tokenizer", "--device", "--resume"}
    assert options == {"run": {*common, "--seed"}, "evaluate": {*common, "--artifact"}, "train": {*common, "--seed"}}


@pytest.mark.parametrize(
    "option", ["--freeze-blocks", "--epochs", "--chunk-tokens", "--no-ledger", "--order", "--stride"]
)
def test_an_option_that_would_change_an_evaluation_is_unknown(
    generated: ModuleType, option: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        generated.main(generated.SETTINGS, "train_gpt.py", ["evaluate", "--data", ".", option, "0"])
    assert f"unrecognized arguments: {option}" in capsys.readouterr().err


def ledger_after(module: ModuleType, *entries: tuple[str, int, int]) -> Any:
    ledger = module.Ledger(8)
    for kind, start, end in entries:
        getattr(ledger, kind)([module.Segment(start, end)])
    return ledger


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("score", 0, 4), ("score", 3, 6)], "position 3 is scored a second time"),
        ([("update", 0, 4)], "training on .0, 4. before position 0 is scored"),
        ([("score", 0, 4), ("update", 2, 6)], "before position 4 is scored"),
        ([("score", 6, 9)], "do not lie in"),
    ],
)
def test_planted_violations_raise_in_the_generated_ledger(
    generated: ModuleType, entries: list[tuple[str, int, int]], message: str
) -> None:
    with pytest.raises(generated.IllegalEvaluationError, match=message):
        ledger_after(generated, *entries)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("score", 0, 7)], "rule 4, each position once: position 7 was scored 0 times"),
        ([("score", 0, 8), ("update", 0, 8)], "rule 5, no update after the last score"),
    ],
)
def test_planted_violations_raise_before_the_generated_file_gives_a_score(
    generated: ModuleType, entries: list[tuple[str, int, int]], message: str
) -> None:
    score = generated.Score(nats=1.0, tokens=8, bytes=8)
    settings = generated.EvaluateSettings.model_validate(generated.SETTINGS["evaluate"]).sliding
    with pytest.raises(generated.CheckError, match=message):
        generated.lawful(ledger_after(generated, *entries), score, settings, 9)


def test_weights_that_change_while_scoring_raise_in_the_generated_file(generated: ModuleType) -> None:
    gpt = generated.GPT(generated.ModelSettings.model_validate(generated.SETTINGS["model"]))
    gpt.init_weights(0)
    stream = np.arange(20)
    referee = generated.Referee(gpt, stream, generated.Segment(0, 19), 19)
    with referee.scoring():
        gpt.tok_emb.weight.data[0] += 1
    with pytest.raises(generated.IllegalEvaluationError, match="the weights changed"), referee.updating():
        pass


def test_a_failure_is_one_sentence(generated: ModuleType, tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    assert generated.main(generated.SETTINGS, "train_gpt.py", ["evaluate", "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"evaluate failed: {tmp_path}: one SentencePiece .model of 1024 pieces is expected here or below, found none\n"
    )


def test_an_artifact_of_a_range_coder_is_refused(generated: ModuleType) -> None:
    with pytest.raises(ValueError, match="which train_gpt.py cannot read; export with zstd"):
        generated.range_decompress(b"", [1])
    with pytest.raises(ValueError, match="export.codec: a range coder needs the package constriction"):
        generated.range_compress([np.zeros(1, np.uint8)])
