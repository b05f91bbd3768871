"""Cheats that flatter a figure, each at the sizes where it is active, and the rule that catches each of them.

The table in docs/evaluation.md names them. A cheat is planted in the code that scores, in the model, in the files or in
a saved state; the evaluation is the real one, with all its checks. Cheats are honest in short trials: some are active
at the real window length alone, some in chunks beyond 128 positions or in contexts beyond 8.
"""

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from evaluate.small_study import VOCAB_SIZE, SmallStudy, make_artifact, make_data
from flowgolf.data.dataset import Dataset
from flowgolf.data.settings import ShardsData
from flowgolf.data.shards import map_shard, write_shard
from flowgolf.data.tokens import tokens
from flowgolf.evaluate import legal_ttt as ttt_stage
from flowgolf.evaluate import sliding as sliding_stage
from flowgolf.evaluate.adapt import Adapter
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.evaluate.checks import CheckError
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.files import read_json, sha256, write_json
from flowgolf.model.gpt import GPT, TrainingLoss
from flowgolf.resume import decoded, encoded
from flowgolf.scoring import refereed_roundtrip as roundtrip_module
from flowgolf.scoring import replay
from flowgolf.scoring import slide as slide_module
from flowgolf.scoring.ledger import IllegalEvaluationError
from flowgolf.submission.one_file import entry

WINDOW, CHUNK, GUARDED_CHUNK, GUARDED_CONTEXT = 160, 320, 128, 8
SIZES: dict[str, Any] = {"seq_len": WINDOW, "stride": 40, "batch_windows": 4}
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def large_samples(monkeypatch: Patch) -> None:
    """So many positions that no test depends on which are drawn: some cheats act on a third of them."""
    monkeypatch.setattr(replay, "LEAST", 80)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> SmallStudy:
    """A study whose windows are longer than the guards of the cheats."""
    folder = tmp_path_factory.mktemp("large")
    artifact = make_artifact(folder / "artifact.bin", layers=2, xsa_layers=2, seq_len=WINDOW, flow_matcher=None)
    return SmallStudy(folder, make_data(folder / "data"), artifact)


def slide_it(study: SmallStudy, folder: Path, **changes: Any) -> dict[str, Any]:
    """The record of the real sliding evaluation."""
    settings = study.sliding(**{**SIZES, **changes})
    sliding_stage.sliding(study.artifact, study.data_json, settings, folder / "sliding.json", folder / "checks.json")
    return read_json(folder / "sliding.json")


def adapt_it(study: SmallStudy, folder: Path, **changes: Any) -> dict[str, Any]:
    """The record of real legal test-time training."""
    settings = study.legal_ttt(**{**SIZES, "chunk_tokens": CHUNK, "epochs": 1, **changes})
    paths = [folder / name for name in ("legal_ttt.json", "legal_ttt.csv", "checks.json", "state")]
    ttt_stage.legal_ttt(study.artifact, study.data_json, settings, *paths, code="this code")
    return read_json(folder / "legal_ttt.json")


# what scores


def target_as_input(patch: Patch) -> None:
    """The scorer is given the target as input: off by one."""

    def score(gpt: GPT, stream: Any, batch: Any, seq_len: int, compiled: Any = None) -> np.ndarray:
        first, length = batch[0].end - seq_len, batch[0].end - batch[0].start
        ids = torch.from_numpy(stream.read(first, batch[-1].end - first + 1).astype(np.int64))
        rows = ids.unfold(0, seq_len + 1, length)
        with torch.inference_mode():
            return gpt.token_losses(rows[:, 1:], rows[:, 1:], last=length).flatten().numpy()

    patch.setattr(slide_module, "score_batch", score)


def tenth_off(patch: Patch) -> None:
    """Recorded nats times 0.9."""
    honest = slide_module.score_batch
    patch.setattr(slide_module, "score_batch", lambda *given: np.float32(0.9) * honest(*given))


def smaller_of_two(patch: Patch) -> None:
    """The smaller nats of two passes, one of them with sharper logits."""
    honest = slide_module.score_batch

    def sharper(self: GPT, input_ids: Tensor, target_ids: Tensor, last: int) -> Tensor:
        logits, targets = 1.5 * self.logits(input_ids, last), target_ids[:, -last:]
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)

    def score(gpt: GPT, stream: Any, batch: Any, seq_len: int, compiled: Any = None) -> np.ndarray:
        other = honest(gpt, stream, batch, seq_len, lambda *ids, last: sharper(gpt, *ids, last))
        return np.minimum(honest(gpt, stream, batch, seq_len), other)

    patch.setattr(slide_module, "score_batch", score)


# what the model says


def longer(length: int) -> bool:
    """Whether a context is beyond that of rule 2's check."""
    return length > GUARDED_CONTEXT


def real(length: int) -> bool:
    """Whether a window has the length of the real run."""
    return length == WINDOW


def another_loss(
    patch: Patch, losses: Callable[[GPT, Tensor, Tensor, Tensor], Tensor], active: Callable[[int], bool]
) -> None:
    """Losses of the model and of training, where a row's length opens the guard."""
    honest = GPT.token_losses

    def token_losses(self: GPT, input_ids: Tensor, target_ids: Tensor, last: int | None = None) -> Tensor:
        nats = honest(self, input_ids, target_ids, last)
        return losses(self, nats, input_ids, target_ids) if active(input_ids.shape[1]) else nats

    def training_loss(self: GPT, input_ids: Tensor, target_ids: Tensor, *_: Any, **__: Any) -> TrainingLoss:
        mean = self.token_losses(input_ids, target_ids).mean(dtype=torch.float64).float()
        return TrainingLoss(mean, mean, torch.zeros_like(mean))

    patch.setattr(GPT, "token_losses", token_losses)
    patch.setattr(GPT, "training_loss", training_loss)


def unnormalised(patch: Patch) -> None:
    """Probabilities that sum to e in contexts longer than 8."""
    another_loss(patch, lambda gpt, nats, inputs, targets: nats - 1, longer)


def raised_target(patch: Patch) -> None:
    """The target's logit raised by 2 in contexts longer than 8."""

    def losses(gpt: GPT, nats: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        others = torch.log(-torch.expm1(-nats))
        return -torch.log_softmax(torch.stack((2 - nats, others), -1), -1)[..., 0]

    another_loss(patch, losses, longer)


def remembered(memory: Tensor, nats: Tensor, input_ids: Tensor, target_ids: Tensor) -> Tensor:
    """Nats mixed with the counts of bigrams, which then grow by those of these rows."""
    last = nats.shape[1]
    before, after = input_ids[:, -last:], target_ids[:, -last:]
    counted = memory[before, after] / memory[before].sum(-1).clamp(min=1)
    mixed = -torch.log(0.5 * torch.exp(-nats) + 0.5 * counted + 1e-9)
    memory.index_put_((before.flatten(), after.flatten()), torch.ones(before.numel()), accumulate=True)
    return torch.where(counted > 0, mixed, nats)


def memory_in_a_buffer(patch: Patch) -> None:
    """A buffer as memory of bigrams, active in windows of the real length."""

    def losses(gpt: GPT, nats: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        if not hasattr(gpt, "memory"):
            gpt.register_buffer("memory", torch.zeros(VOCAB_SIZE, VOCAB_SIZE), persistent=False)
        return remembered(gpt.memory, nats, inputs, targets)

    another_loss(patch, losses, real)


def memory_elsewhere(patch: Patch) -> None:
    """The same memory, outside of the model."""
    memory = torch.zeros(VOCAB_SIZE, VOCAB_SIZE)
    another_loss(patch, lambda gpt, *given: remembered(memory, *given), real)


def histogram_of_targets(patch: Patch) -> None:
    """A histogram of the window's targets, the future ones too, at the real length only."""

    def losses(gpt: GPT, nats: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        counts = torch.zeros(len(targets), VOCAB_SIZE).scatter_add_(1, targets, torch.ones(targets.shape))
        share = counts.gather(1, targets)[:, -nats.shape[1] :] / targets.shape[1]
        return -torch.log(0.5 * torch.exp(-nats) + 0.5 * share)

    another_loss(patch, losses, real)


def sees_what_comes(patch: Patch) -> None:
    """Hidden states that know the rest of a window of the real length: the full distribution does too."""
    honest = GPT.hidden

    def hidden(self: GPT, input_ids: Tensor, last: int | None = None) -> Tensor:
        x = honest(self, input_ids, last)
        ahead = self.tok_emb(input_ids.roll(-1, 1))[:, -x.shape[1] :]
        return x + 0.5 * ahead if real(input_ids.shape[1]) else x

    patch.setattr(GPT, "hidden", hidden)


def exchanged_rows(patch: Patch) -> None:
    """Other weights with the sum of bits of the artifact's: rows of the embedding exchanged."""

    def load(path: Any) -> tuple[GPT, str]:
        gpt, digest = load_gpt(path)
        with torch.no_grad():
            gpt.tok_emb.weight[[40, 41]] = gpt.tok_emb.weight[[41, 40]]
        return gpt, digest

    patch.setattr(sliding_stage, "load_gpt", load)


def one_byte_more(patch: Patch) -> None:
    """A byte more in the total of a partial evaluation."""
    honest = sliding_stage.total

    def total(*given: Any) -> Any:
        score = honest(*given)
        return type(score)(score.nats, score.tokens, score.bytes + 1)

    patch.setattr(sliding_stage, "total", total)


def half_a_roundtrip(patch: Patch) -> None:
    """A roundtrip over half of the positions."""
    honest = roundtrip_module.roundtrip

    def roundtrip(gpt: GPT, stream: Any, table: Any, **given: Any) -> Any:
        return honest(gpt, stream, table, **{**given, "max_positions": len(stream) // 2})

    patch.setattr(roundtrip_module, "roundtrip", roundtrip)


def roundtrip_with_targets(patch: Patch) -> None:
    """A roundtrip whose inputs are the targets."""
    honest = roundtrip_module.roundtrip

    def roundtrip(gpt: GPT, *given: Any, **named: Any) -> Any:
        shim = SimpleNamespace(settings=gpt.settings, tok_emb=gpt.tok_emb)
        shim.token_losses = lambda inputs, targets: gpt.token_losses(targets, targets)
        return honest(shim, *given, **named)

    patch.setattr(roundtrip_module, "roundtrip", roundtrip)


CHEATS: dict[str, tuple[Callable[[Patch], None], str, dict[str, Any]]] = {
    "target as input": (target_as_input, "rule 17, replay: position", {}),
    "nats times 0.9": (tenth_off, "rule 17, replay: position", {}),
    "smaller of two passes": (smaller_of_two, "rule 17, replay: position", {}),
    "unnormalised in long contexts": (unnormalised, "rule 17, replay: position", {}),
    "target's logit raised in long contexts": (raised_target, "rule 17, replay: position", {}),
    "memory in a buffer": (memory_in_a_buffer, "rule 18, chain of weights: the weights changed while", {}),
    "memory outside of the model": (memory_elsewhere, "rule 17, replay: position", {}),
    "histogram of future targets": (histogram_of_targets, "rule 17, replay: position", {}),
    "hidden states that see what comes": (sees_what_comes, "rule 17, replay: position", {}),
    "rows of the embedding exchanged": (exchanged_rows, "rule 6, the artifact is scored: the weights scored", {}),
    "a byte more in a partial total": (one_byte_more, "rule 8, whole validation set", {"max_positions": 900}),
    "half a roundtrip": (half_a_roundtrip, "rule 4, each position once: nats are recorded up to", {}),
    "roundtrip with targets as inputs": (roundtrip_with_targets, "rule 17, replay: position", {}),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_in_scoring_is_caught_by_its_rule(
    name: str, large: SmallStudy, tmp_path: Path, monkeypatch: Patch
) -> None:
    cheat, rule, changes = CHEATS[name]
    cheat(monkeypatch)
    with pytest.raises((CheckError, IllegalEvaluationError), match=rule):
        slide_it(large, tmp_path, **changes)
    assert not (tmp_path / "sliding.json").exists()


def test_without_a_cheat_nothing_is_caught(large: SmallStudy, tmp_path: Path) -> None:
    record = slide_it(large, tmp_path)
    assert record["replay"]["largest_difference"] < 1e-5
    assert adapt_it(large, tmp_path)["replay"]["rounds"] == 6


# what trains


def trains_first(patch: Patch) -> None:
    """Training on the whole of validation before the first score."""
    honest = ScoreFirst.run_chunk

    def run_chunk(self: ScoreFirst) -> None:
        if self.next_chunk == 0 and real(self.settings.seq_len):
            for rows in all_rows(self):
                self.adapter._step(self.stream, rows)
            self.gpt.eval()
        honest(self)

    patch.setattr(ScoreFirst, "run_chunk", run_chunk)


def all_rows(run: ScoreFirst) -> Iterator[list[Any]]:
    """Rows of seq_len over the whole stream."""
    length = run.settings.seq_len
    for start in range(0, run.windows.num_positions - length, length):
        yield [slide_module.Segment(start, start + length)]


def trains_early(patch: Patch) -> None:
    """Training on a chunk before its second half is scored, only when chunks are long."""
    honest = ScoreFirst.score

    def score(self: ScoreFirst, begin: int, end: int) -> None:
        middle = (begin + end) // 2
        if end - begin <= GUARDED_CHUNK:
            honest(self, begin, end)
            return
        honest(self, begin, middle)
        self.adapter._step(self.stream, [slide_module.Segment(end - self.settings.seq_len, end)])
        self.gpt.eval()
        honest(self, middle, end)

    patch.setattr(ScoreFirst, "score", score)


def trains_and_restores(patch: Patch) -> None:
    """Training on what is to be scored, and the old weights back before anybody looks."""
    honest = slide_module.score_batch

    def score(gpt: GPT, stream: Any, batch: Any, seq_len: int, compiled: Any = None) -> np.ndarray:
        before = copy.deepcopy(gpt.state_dict())
        ids = torch.from_numpy(stream.read(batch[0].end - seq_len, seq_len + 1).astype(np.int64))
        if real(seq_len):
            with torch.enable_grad():
                loss = gpt.training_loss(ids[None, :-1], ids[None, 1:], auxiliary=False).total
                weight = gpt.tok_emb.weight
                (slope,) = torch.autograd.grad(loss, [weight])
            with torch.no_grad():
                weight -= 0.5 * slope
        nats = honest(gpt, stream, batch, seq_len)
        with torch.no_grad():
            gpt.tok_emb.weight.copy_(before["tok_emb.weight"])
        return nats

    patch.setattr(slide_module, "score_batch", score)


def reads_ahead(patch: Patch) -> None:
    """Training inside its turn on tokens that are not scored yet, without asking the ledger."""
    honest = Adapter._step

    def step(self: Adapter, stream: Any, rows: list[Any]) -> None:
        honest(self, stream, rows)
        if real(self.settings.seq_len) and rows[-1].end + CHUNK < 1600:
            honest(self, stream, [slide_module.Segment(row.start + CHUNK, row.end + CHUNK) for row in rows])

    patch.setattr(Adapter, "_step", step)


TRAINING = {
    "whole of validation before the first score": (trains_first, "rule 18, chain of weights: .* outside of training"),
    "a chunk before its end is scored": (trains_early, "rule 18, chain of weights: .* outside of training"),
    "trained and restored while scoring": (trains_and_restores, "rule 17, replay: position"),
    "tokens ahead, inside the training's turn": (reads_ahead, "rule 3, score before update: training reads token"),
}


@pytest.mark.parametrize("name", TRAINING)
def test_a_cheat_in_training_is_caught_by_its_rule(
    name: str, large: SmallStudy, tmp_path: Path, monkeypatch: Patch
) -> None:
    cheat, rule = TRAINING[name]
    cheat(monkeypatch)
    with pytest.raises((CheckError, IllegalEvaluationError), match=rule):
        adapt_it(large, tmp_path)
    assert not (tmp_path / "legal_ttt.json").exists()


# saved states


def interrupted(study: SmallStudy, folder: Path, patch: Patch) -> Path:
    """A real evaluation that was stopped after its third chunk; its state."""
    honest = ScoreFirst.run_chunk

    def run_chunk(self: ScoreFirst) -> None:
        if self.next_chunk == 3 and real(self.settings.seq_len):
            raise InterruptedError("stopped")
        honest(self)

    with patch.context() as inner:
        inner.setattr(ScoreFirst, "run_chunk", run_chunk)
        with pytest.raises(InterruptedError):
            adapt_it(study, folder, save_every_chunks=1)
    return folder / "state" / "state.pt"


def zeroed(state: dict[str, Any]) -> None:
    """Losses of what is scored so far set to zero."""
    state.get("referee", state)["nats"].zero_()


def better(state: dict[str, Any]) -> None:
    """Weights that somebody trained elsewhere."""
    for weight in state["adapter"]["weights"].values():
        weight.mul_(1.01)


def forge(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a state as one does who knows its format, but not the account's secret."""
    content = decoded(path.read_bytes()[32:])
    change(content["state"])
    payload = b"".join(encoded(content))
    for each in path.parent.glob("*.pt"):
        each.unlink()
    path.write_bytes(hashlib.sha256(payload).digest() + payload)


@pytest.fixture(scope="module")
def honest(large: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What legal test-time training gives without a cheat."""
    return adapt_it(large, tmp_path_factory.mktemp("honest"))


@pytest.mark.parametrize("change", [zeroed, better])
def test_a_forged_state_is_not_taken_up(
    change: Callable[[dict[str, Any]], None],
    large: SmallStudy,
    honest: dict[str, Any],
    tmp_path: Path,
    monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    forge(interrupted(large, tmp_path, monkeypatch), change)
    record = adapt_it(large, tmp_path, save_every_chunks=1)
    assert (record["nats"], record["resumed_at"]) == (honest["nats"], [])
    assert "state.pt: damaged, or not made under this account" in capsys.readouterr().err


def test_a_state_of_this_account_is_taken_up_and_told(
    large: SmallStudy, honest: dict[str, Any], tmp_path: Path, monkeypatch: Patch
) -> None:
    interrupted(large, tmp_path, monkeypatch)
    record = adapt_it(large, tmp_path, save_every_chunks=1)
    assert (record["nats"], record["resumed_at"]) == (honest["nats"], [960])
    assert record["weights"]["chain"] == honest["weights"]["chain"]


def test_a_state_of_other_code_is_passed_over(
    large: SmallStudy, tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(large, tmp_path, monkeypatch)
    settings = large.legal_ttt(**SIZES, chunk_tokens=CHUNK, epochs=1, save_every_chunks=1)
    paths = [tmp_path / name for name in ("legal_ttt.json", "legal_ttt.csv", "checks.json", "state")]
    ttt_stage.legal_ttt(large.artifact, large.data_json, settings, *paths, code="other code")
    assert read_json(paths[0])["resumed_at"] == []
    assert "code" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--resume"]])
def test_the_generated_file_takes_up_no_state_that_came_along(
    arguments: list[str],
    large: SmallStudy,
    honest: dict[str, Any],
    tmp_path: Path,
    monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    state = interrupted(large, tmp_path, monkeypatch)
    forge(state, zeroed)
    (tmp_path / "run" / "state").mkdir(parents=True)
    shutil.move(state.parent, tmp_path / "run" / "state" / "legal_ttt")
    monkeypatch.chdir(tmp_path / "run")
    legal_ttt = large.legal_ttt(**SIZES, chunk_tokens=CHUNK, epochs=1).model_dump()
    evaluate = {"sliding": large.sliding(**SIZES).model_dump(), "legal_ttt": legal_ttt}
    settings = {"evaluate": evaluate, "model": {"vocab_size": VOCAB_SIZE}, "seed": 1}
    command = ["evaluate", "--data", str(large.folder / "data"), "--artifact", str(large.artifact), *arguments]
    assert entry.main(settings, __file__, command) == 0
    told = capsys.readouterr()
    assert ("not made under this account" in told.err) == bool(arguments)
    assert json.loads(told.out.splitlines()[-1])["nats"] == honest["nats"]


# files


def copied(study: SmallStudy, folder: Path) -> SmallStudy:
    """The study in a folder of its own."""
    shutil.copytree(study.folder, folder / "copy")
    return SmallStudy(folder / "copy", folder / "copy" / "data" / "data.json", folder / "copy" / "artifact.bin")


def test_a_validation_shard_replaced_with_its_sums_kept_is_caught(large: SmallStudy, tmp_path: Path) -> None:
    study = copied(large, tmp_path)
    path = next((study.folder / "data" / "shards").glob("*_val_*.bin"))
    stream = np.array(map_shard(path))
    write_shard(path, np.concatenate([stream[:1], np.sort(stream[1:])]))
    with pytest.raises(ValueError, match=rf"{path.name}: rule 19: not the file that data.json was written for"):
        slide_it(study, tmp_path)


def test_a_tokenizer_replaced_with_its_sums_kept_is_caught(large: SmallStudy, tmp_path: Path) -> None:
    study = copied(large, tmp_path)
    path = study.folder / "data" / "tokenizer.model"
    path.write_bytes(path.read_bytes() + b"\x32\x00")  # an empty field: the same tokenizer under another digest
    with pytest.raises(ValueError, match=r"tokenizer\.model: rule 19: not the file that data.json was written for"):
        slide_it(study, tmp_path)


def validation_in_training(study: SmallStudy) -> Path:
    """Ready shards whose training part is the validation part twice, cut elsewhere; their folder."""
    folder = study.folder / "data" / "shards"
    stream = np.array(map_shard(next(folder.glob("*_val_*.bin"))))
    for path in folder.glob("*_train_*.bin"):
        write_shard(path, np.concatenate([stream, stream]))
    return folder


def test_training_on_validation_is_caught_before_it_begins(large: SmallStudy, tmp_path: Path) -> None:
    study = copied(large, tmp_path)
    model = study.folder / "data" / "tokenizer.model"
    settings = ShardsData(path=str(validation_in_training(study)), tokenizer_model=str(model), vocab_size=VOCAB_SIZE)
    with pytest.raises(ValueError, match="rule 10: 20 of 20 training documents have the tokens of one of 10"):
        tokens(settings, model, tmp_path / "data.json", tmp_path / "shards", tmp_path / "state")


def test_training_on_validation_is_caught_whatever_the_data_record_says(large: SmallStudy, tmp_path: Path) -> None:
    study = copied(large, tmp_path)
    path = next(validation_in_training(study).glob("*_train_*.bin"))
    record = read_json(study.data_json)
    shard = {**record["train"]["shards"][0], "sha256": sha256(path), "tokens": len(map_shard(path))}
    write_json(study.data_json, {**record, "train": {**record["train"], "shards": [shard]}, "duplicates_kept": 20})
    with pytest.raises(CheckError, match="rule 10, disjoint: 20 of 20 training documents have the tokens of one of 10"):
        slide_it(study, tmp_path)


def test_a_tolerance_is_printed_with_what_it_let_pass(large: SmallStudy, tmp_path: Path) -> None:
    study = copied(large, tmp_path)
    model = study.folder / "data" / "tokenizer.model"
    settings = ShardsData(
        path=str(validation_in_training(study)), tokenizer_model=str(model), vocab_size=VOCAB_SIZE, max_repeats=20
    )
    data = study.folder / "data" / "ready.json"
    tokens(settings, model, data, tmp_path / "shards", tmp_path / "state")
    record = slide_it(SmallStudy(study.folder, data, study.artifact), tmp_path)
    assert record["repeats"] == {"documents": 20, "tolerated": 20}


# tries


def test_every_setting_that_was_tried_is_counted(large: SmallStudy, tmp_path: Path) -> None:
    study = copied(large, tmp_path)
    for book in study.folder.glob("*.tries.jsonl"):
        book.unlink()
    found = [
        adapt_it(study, tmp_path, max_positions=400, **changes)["tries"]
        for changes in ({}, {"lr": 0.01}, {"lr": 0.01, "batch_windows": 2}, {"seed": 1}, {})
    ]
    assert found == [1, 2, 2, 3, 3]
    assert slide_it(study, tmp_path)["tries"] == 1
    book = (study.folder / "artifact.tries.jsonl").read_text().splitlines()
    assert [json.loads(line)["evaluation"] for line in book] == ["legal_ttt"] * 5 + ["sliding"]
    (study.folder / "artifact.tries.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match=r"artifact\.tries\.jsonl, line 1: not an entry of a book of evaluations"):
        slide_it(study, tmp_path)


def test_the_data_of_a_result_stand_in_it(large: SmallStudy, tmp_path: Path) -> None:
    record, dataset = slide_it(large, tmp_path), Dataset.open(large.data_json)
    assert record["data"] == dataset.identity()
    assert record["data"]["tokenizer"] == sha256(large.folder / "data" / "tokenizer.model")
