"""Each rule of docs/spec/legality.md that an evaluation can break: a planted violation is caught, by its own check.

Rules 3, 4 and 5 are also enforced by the ledger while the evaluation runs (test_ledger.py, test_adapt.py).
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from evaluate.small_study import SmallStudy, make_artifact
from flowgolf.data.byte_count import ByteTable
from flowgolf.data.dataset import Dataset
from flowgolf.data.shards import write_shard
from flowgolf.evaluate import checks
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.evaluate.checks import CheckError
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.trial_ttt import short_ttt
from flowgolf.evaluate.trials import sample_of, short_slides
from flowgolf.evaluate.verify import RULES, Evidence, verify
from flowgolf.files import sha256
from flowgolf.model.gpt import GPT, TrainingLoss
from flowgolf.model.head import squashed_logits
from flowgolf.scoring.ledger import Event, Ledger
from flowgolf.scoring.referee import Referee
from flowgolf.scoring.refereed_roundtrip import refereed_roundtrip
from flowgolf.scoring.score import TokenStream, total
from flowgolf.scoring.slide import score_batch, slide, windows_of


@pytest.fixture
def evidence(study: SmallStudy) -> Evidence:
    """What an honest sliding evaluation shows."""
    dataset, settings = Dataset.open(study.data_json), study.sliding()
    gpt, artifact_sha256 = load_gpt(study.artifact)
    referee = slide(gpt, dataset.validation, settings)
    roundtrip, second = refereed_roundtrip(gpt, dataset.validation, dataset.byte_table)
    sample = sample_of(dataset.validation, settings.seq_len)
    return Evidence(
        gpt=gpt,
        evaluations={
            **short_slides(gpt, settings, sample),
            **short_ttt(gpt, dataset.byte_table, study.legal_ttt(), sample),
        },
        sample=sample,
        referees={"sliding": referee, "roundtrip": second},
        ledger=referee.ledger,
        span=referee.span,
        score=total(referee.finish(), dataset.byte_table, dataset.validation, 0),
        roundtrip=roundtrip,
        settings=settings,
        artifact_path=str(study.artifact),
        artifact_sha256=artifact_sha256,
        dataset=dataset,
        byte_table=dataset.byte_table,
    )


class SeesTheNextToken(GPT):
    """A model whose hidden state at a position knows the token that it has to predict."""

    def hidden(self, input_ids: Tensor, last: int | None = None) -> Tensor:
        return super().hidden(input_ids, last) + 0.1 * self.tok_emb(input_ids.roll(-1, 1))[:, -(last or 0) :]

    def training_loss(self, input_ids: Tensor, target_ids: Tensor, *_: Any, auxiliary: bool = True) -> TrainingLoss:
        mean = self.token_losses(input_ids, target_ids).mean()
        return TrainingLoss(mean, mean, mean)


class Flatters(GPT):
    """A model that reports smaller losses than its probabilities give, everywhere."""

    def token_losses(self, input_ids: Tensor, target_ids: Tensor, last: int | None = None) -> Tensor:
        return 0.99 * super().token_losses(input_ids, target_ids, last)

    def training_loss(self, input_ids: Tensor, target_ids: Tensor, *_: Any, auxiliary: bool = True) -> TrainingLoss:
        mean = self.token_losses(input_ids, target_ids).mean(dtype=torch.float64).float()
        return TrainingLoss(mean, mean, mean)


class ScoresAnotherWay(GPT):
    """A model that trains with one temperature and is scored with another."""

    def token_losses(self, input_ids: Tensor, target_ids: Tensor, last: int | None = None) -> Tensor:
        softcap = self.settings.softcap
        logits = 0.9 * softcap * squashed_logits(self.hidden(input_ids, last), self.tok_emb.weight, softcap)
        targets = target_ids if last is None else target_ids[:, -last:]
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(
            targets.shape
        )


def as_a(kind: type[GPT], evidence: Evidence) -> Evidence:
    """The evidence with a model of the same weights that misbehaves."""
    gpt = kind(evidence.gpt.settings).eval()
    gpt.load_state_dict(evidence.gpt.state_dict())
    return replace(evidence, gpt=gpt)


def trains_first(stream: TokenStream, evidence: Evidence, study: SmallStudy) -> np.ndarray:
    """Test-time training that has its way with a window before it scores it, and keeps no ledger."""
    gpt, settings = load_gpt(study.artifact)[0], study.legal_ttt(stride=32)
    run = ScoreFirst(gpt, stream, evidence.byte_table, settings)
    run.adapter._step(stream, [run.windows[index] for index in range(3)])
    gpt.eval()
    windows = windows_of(stream, settings)
    return np.concatenate([score_batch(gpt, stream, [windows[index]], 32) for index in range(len(windows))])


def booked(evidence: Evidence, events: list[tuple[str, int, int]]) -> Evidence:
    """The evidence with another event log."""
    ledger = Ledger(len(evidence.ledger.times_scored))
    ledger.times_scored = evidence.ledger.times_scored
    ledger.events = [Event(*event, 1) for event in events]
    return replace(evidence, ledger=ledger)


def refereed(evidence: Evidence, change: Callable[[Referee], None], name: str = "sliding") -> Evidence:
    """The evidence with a referee that says something else."""
    referee = copy.copy(evidence.referees[name])
    referee.chain, referee.replays = copy.copy(referee.chain), copy.copy(referee.replays)
    change(referee)
    return replace(evidence, referees={**evidence.referees, name: referee})


def trained_on(referee: Referee) -> None:
    """Weights that change after the last update."""
    referee.model = copy.deepcopy(referee.model)
    with torch.no_grad():
        referee.model.tok_emb.weight[[0, 1]] = referee.model.tok_emb.weight[[1, 0]]


def with_another_tokenizer(evidence: Evidence, folder: Path) -> Evidence:
    """The evidence with a tokenizer that was replaced while the evaluation ran, and opened before."""
    record = evidence.dataset.record
    dataset = replace(evidence.dataset, record={**record, "tokenizer": {**record["tokenizer"], "sha256": "0" * 64}})
    vars(dataset).update({key: getattr(evidence.dataset, key) for key in ("train", "validation", "tokenizer_path")})
    return replace(evidence, dataset=dataset)


def counted(evidence: Evidence, position: int, times: int) -> Evidence:
    """The evidence with a position scored `times` times."""
    ledger = Ledger(len(evidence.ledger.times_scored))
    ledger.times_scored = evidence.ledger.times_scored.copy()
    ledger.times_scored[position] = times
    ledger.events = evidence.ledger.events
    return replace(evidence, ledger=ledger)


def listed(evidence: Evidence, **parts: Any) -> Evidence:
    """The evidence with another data record."""
    return replace(evidence, dataset=replace(evidence.dataset, record={**evidence.dataset.record, **parts}))


def with_repeated_document(evidence: Evidence, folder: Path) -> Evidence:
    """The evidence with a training shard in which the first validation document stands again."""
    train, validation = (
        shards.read(0, len(shards)) for shards in (evidence.dataset.train, evidence.dataset.validation)
    )
    end = int(np.flatnonzero(validation[1:] == 1)[0]) + 1
    write_shard(folder / "train.bin", np.concatenate([train, validation[:end]]))
    shard = {"path": str(folder / "train.bin"), "tokens": len(train) + end, "sha256": sha256(folder / "train.bin")}
    return listed(evidence, train={**evidence.dataset.record["train"], "shards": [shard]})


def with_shared_shard(evidence: Evidence) -> Evidence:
    """The evidence with a data record that lists the validation shard for training, beside the training shards."""
    record = evidence.dataset.record
    kept = {**record["train"], "shards": record["train"]["shards"] + record["validation"]["shards"]}
    return listed(evidence, train=kept, source={"max_repeats": 10**6})


def with_free_spaces(evidence: Evidence) -> Evidence:
    """The evidence with a byte table that counts the space of a piece twice."""
    table = evidence.byte_table
    return replace(
        evidence, byte_table=ByteTable(table.piece_bytes + table.leading_space, *(table.leading_space, table.boundary))
    )


Plant = Callable[[Evidence, SmallStudy, Path], Evidence]
LENGTH = 400
PLANTS: dict[str, tuple[int, str, Plant]] = {
    "a model that sees the next token": (
        1, "changing tokens from 1 on changes the losses before it", lambda it, *_: as_a(SeesTheNextToken, it),
    ),
    "adaptation on a window before it is scored": (
        1, "in sly, position 0 sees a change of token", lambda it, study, _: replace(
            it, evaluations={"sly": lambda stream: trains_first(stream, it, study)}
        ),
    ),
    "losses smaller than the probabilities": (
        2, "probabilities of all tokens sum to", lambda it, *_: as_a(Flatters, it),
    ),
    "training on positions that are scored later": (
        3, r"training on \[0, 96\) before all of it was scored",
        lambda it, *_: booked(it, [("score", 0, 64), ("update", 0, 96), ("score", 64, LENGTH)]),
    ),
    "a position that is left out": (4, "position 77 was scored 0 times", lambda it, *_: counted(it, 77, 0)),
    "a position that is scored twice": (4, "position 78 was scored 2 times", lambda it, *_: counted(it, 78, 2)),
    "training after the last score": (
        5, "the event log ends with training", lambda it, *_: booked(it, [("score", 0, LENGTH), ("update", 0, LENGTH)]),
    ),
    "an artifact file that was replaced": (
        6, "is not the file that was loaded",
        lambda it, _, folder: replace(it, artifact_path=str(make_artifact(folder / "other.bin", seed=1))),
    ),
    "weights that are not the artifact's": (
        6, "the weights scored are not those of",
        lambda it, *_: refereed(it, lambda referee: setattr(referee.chain, "first", "0" * 64)),
    ),
    "a validation shard among the training shards": (
        7, "a validation shard is read in training", lambda it, *_: with_shared_shard(it),
    ),
    "a tail that is left out": (
        8, "scored .* positions and .* bytes, the data record has",
        lambda it, *_: replace(it, score=replace(it.score, tokens=it.score.tokens - 5)),
    ),
    "bytes that are not those of the text": (
        8, "scored .* positions and .* bytes, the data record has",
        lambda it, *_: replace(it, score=replace(it.score, bytes=it.score.bytes + 1)),
    ),
    "fewer positions than were asked for": (
        8, "99 scored of 100 asked for", lambda it, *_: replace(
            it, score=replace(it.score, tokens=99), settings=it.settings.model_copy(update={"max_positions": 100})
        ),
    ),
    "spaces counted twice": (9, "document 0 counts .* bytes, its text has", lambda it, *_: with_free_spaces(it)),
    "a validation document in training": (
        10, "1 of 31 training documents have the tokens of one of 10",
        lambda it, _, folder: with_repeated_document(it, folder),
    ),
    "a round without a replay": (
        17, "0 positions of sliding in 1 rounds",
        lambda it, *_: refereed(it, lambda referee: setattr(referee.replays, "positions", 0)),
    ),
    "a replay of the roundtrip that gave other nats": (
        17, "a position of roundtrip differs by 0.01 nats",
        lambda it, *_: refereed(it, lambda referee: setattr(referee.replays, "largest", 0.01), "roundtrip"),
    ),
    "a link that no update added": (
        18, "sliding has 2 links for 0 rounds of updates",
        lambda it, *_: refereed(it, lambda referee: setattr(referee.chain, "length", 2)),
    ),
    "rows of the embedding exchanged after the last score": (
        18, "sliding ends with other weights", lambda it, *_: refereed(it, trained_on),
    ),
    "a tokenizer that is not the data record's": (
        19, "tokenizer.model: rule 19: not the file that data.json was written for",
        lambda it, _, folder: with_another_tokenizer(it, folder),
    ),
    "another forward pass for scoring": (12, "training sees .*, scoring", lambda it, *_: as_a(ScoresAnotherWay, it)),
}  # fmt: skip


def test_an_honest_evaluation_passes(evidence: Evidence) -> None:
    book = verify("sliding", evidence)
    assert [check["rule"] for check in book["checks"]] == list(RULES)
    assert all(check["evidence"] for check in book["checks"])


@pytest.mark.parametrize("name", PLANTS)
def test_planted_violation_is_caught_by_its_rule(
    name: str, evidence: Evidence, study: SmallStudy, tmp_path: Path
) -> None:
    rule, message, plant = PLANTS[name]
    with pytest.raises(CheckError, match=f"^rule {rule}, .*{message}"):
        verify("sliding", plant(evidence, study, tmp_path))


@pytest.mark.parametrize("name", PLANTS)
def test_planted_violation_passes_without_its_check(
    name: str, evidence: Evidence, study: SmallStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, _, plant = PLANTS[name]
    monkeypatch.setitem(RULES, rule, (RULES[rule][0], lambda _: "not looked at"))
    assert verify("sliding", plant(evidence, study, tmp_path))["checks"]


def test_planted_rules_are_all_covered() -> None:
    assert {rule for rule, _, _ in PLANTS.values()} == RULES.keys()


def test_planted_difference_of_a_part_scored_alone_is_caught(evidence: Evidence) -> None:
    class DiffersAlone(GPT):
        def token_losses(self, input_ids: Tensor, target_ids: Tensor, last: int | None = None) -> Tensor:
            return super().token_losses(input_ids, target_ids, last) + (0.0 if last is None else 1e-3)

    with pytest.raises(CheckError, match="rule 12, one forward pass: the last 32 positions scored alone differ by"):
        checks.one_forward_pass(as_a(DiffersAlone, evidence).gpt, evidence.sample)
