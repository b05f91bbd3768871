"""TTT methods of ideas: each hook acts, and whatever one does stays under the ledger, the chain and the replays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluate.small_study import SmallStudy
from flowgolf import ideas
from flowgolf.data.dataset import Dataset
from flowgolf.evaluate.artifact import load_gpt
from flowgolf.evaluate.checks import CheckError
from flowgolf.evaluate.legal_ttt import legal_ttt
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.files import read_json
from flowgolf.scoring.ledger import IllegalEvaluationError
from repository import ROOT

HEAD = """
import torch
from flowgolf.evaluate.method import TTTMethod
from flowgolf.scoring.windows import Segment


class Mine(TTTMethod):
"""
LAST_FIRST = (
    "    def rows(self, begin, end, seen):\n        yield from reversed(list(super().rows(begin, end, seen)))\n"
)
RESETS = "    def resets(self, chunk):\n        return chunk % 2 == 1\n"
ADAM = "    def optimizer(self, weights):\n        return torch.optim.Adam(weights, lr=1.0)\n"
EARLIER = (
    "    def rows(self, begin, end, seen):\n"
    "        assert len(seen.read(0, end)) == end\n"
    "        yield [Segment(0, 16), Segment(40, 56)]\n"
)


@pytest.fixture
def named(own_ideas: Any) -> Callable[[str], str]:
    """Make a method of the body of its class; gives its name."""
    return lambda body: own_ideas.write(HEAD + body)


def run_of(study: SmallStudy, **changes: Any) -> ScoreFirst:
    """A run over all positions, or up to 450 of them."""
    data, settings = Dataset.open(study.data_json), study.legal_ttt(**{"max_positions": 450, **changes})
    return ScoreFirst(load_gpt(study.artifact)[0], data.validation, data.byte_table, settings)


def finish(run: ScoreFirst) -> np.ndarray:
    """Nats of all positions, once the referee has looked at everything."""
    while not run.finished:
        run.run_chunk()
    return run.referee.finish()


@pytest.mark.parametrize("body", [LAST_FIRST, RESETS, ADAM, EARLIER])
def test_each_hook_reaches_the_figures_and_only_after_the_first_chunk(
    body: str, study: SmallStudy, named: Callable[[str], str]
) -> None:
    plain, own = finish(run_of(study)), finish(run_of(study, method=named(body)))
    first_chunk = study.legal_ttt().chunk_tokens
    assert np.array_equal(plain[:first_chunk], own[:first_chunk])
    assert not np.array_equal(plain, own)


def test_a_method_that_says_nothing_else_gives_the_digits_of_the_settings(
    study: SmallStudy, named: Callable[[str], str]
) -> None:
    assert np.array_equal(finish(run_of(study)), finish(run_of(study, method=named("    pass\n"))))


def test_after_a_reset_a_chunk_is_trained_on_as_if_it_were_the_first(
    study: SmallStudy, named: Callable[[str], str]
) -> None:
    always = named("    def resets(self, chunk):\n        return True\n")
    changes = {"aux_loss": False, "lr_warmup": False}
    long, short = run_of(study, method=always, **changes), run_of(study, **changes)
    for _ in range(2):
        long.run_chunk()
    rate = long.rows[-1]["rate"]
    short.ledger.times_scored[:] = 1  # so that the second chunk may be trained on at once
    short.ledger._frontier = 450
    short.adapter.train(short.stream, 100, 200, rate, short.ledger)
    for name, weight in short.gpt.state_dict().items():
        assert torch.equal(weight, long.gpt.state_dict()[name]), name


def test_norms_only_moves_scales_and_gates_alone(study: SmallStudy, own_ideas: Any) -> None:
    run = run_of(study, method=own_ideas.know(ROOT / "ideas" / "norms_only_ttt.py"), freeze_blocks=0, lr=0.01)
    before = {name: weight.clone() for name, weight in run.gpt.named_parameters()}
    finish(run)
    moved = {name for name, weight in run.gpt.named_parameters() if not torch.equal(weight, before[name])}
    assert {"blocks.0.attn_scale", "blocks.2.mlp_scale", "blocks.1.attn.q_gain", "skip_weights"} <= moved
    assert all(run.gpt.known[name].role.storage == "control" for name in moved)


def test_a_killed_run_of_a_method_goes_on_to_the_same_nats(study: SmallStudy, named: Callable[[str], str]) -> None:
    name = named(RESETS + ADAM.replace("1.0", "0.1"))
    whole, before, after = (run_of(study, method=name) for _ in range(3))
    for _ in range(2):
        before.run_chunk()
    after.restore(before.state())
    assert np.array_equal(finish(after), finish(whole))


# what changes the order of things


NEXT = "    def rows(self, begin, end, seen):\n        yield [Segment(end, end + self.settings.seq_len)]\n"
READS_ON = "    def rows(self, begin, end, seen):\n        seen.read(end, 64)\n        yield from ()\n"
UNLEDGERED = (
    "    def rows(self, begin, end, seen):\n"
    "        with torch.no_grad():\n            self.gpt.skip_weights.add_(0.01)\n"
    "        yield from ()\n"
)
TRAINS_THEN_SCORES = """
    def __init__(self, gpt, settings):
        super().__init__(gpt, settings)
        score = gpt.token_losses

        def token_losses(input_ids, target_ids, last=None):
            with torch.enable_grad(), torch.inference_mode(False):
                loss = gpt.training_loss(input_ids.clone(), target_ids.clone(), None, False).total
                (slope,) = torch.autograd.grad(loss, [gpt.skip_weights])
            with torch.no_grad():
                gpt.skip_weights -= 0.1 * slope
            return score(input_ids, target_ids, last)

        gpt.token_losses = token_losses
"""
SCORES_WITH_TARGETS = """
    def __init__(self, gpt, settings):
        super().__init__(gpt, settings)
        score = gpt.token_losses
        gpt.token_losses = lambda inputs, targets, last=None: score(targets, targets, last)
"""


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (NEXT, r"training on \[\d+, \d+\) before position \d+ is scored"),
        (READS_ON, "rule 3, score before update: training reads token"),
        (UNLEDGERED, "rule 18, chain of weights: the weights changed outside of training"),
        (TRAINS_THEN_SCORES, "rule 18, chain of weights: the weights changed while positions were scored"),
        (SCORES_WITH_TARGETS, "rule 17, replay: position|rule 1, causal"),
    ],
)
def test_a_method_that_changes_the_causal_order_is_refused_and_leaves_no_figure(
    body: str, rule: str, study: SmallStudy, named: Callable[[str], str], tmp_path: Path
) -> None:
    with pytest.raises((IllegalEvaluationError, CheckError), match=rule):
        evaluated(study, named(body), tmp_path)
    assert not (tmp_path / "legal_ttt.json").exists()


def test_an_honest_method_passes_all_rules_and_its_name_is_recorded(
    study: SmallStudy, named: Callable[[str], str], tmp_path: Path
) -> None:
    name = named(LAST_FIRST + RESETS)
    evaluated(study, name, tmp_path)
    record, checks = read_json(tmp_path / "legal_ttt.json"), read_json(tmp_path / "checks.json")
    assert record["settings"]["method"] == name and record["weights"]["links"] > 2
    assert {check["rule"] for check in checks["checks"]} >= {1, 3, 4, 5, 17, 18}


def evaluated(study: SmallStudy, method: str, folder: Path) -> None:
    """The real evaluation with a method."""
    paths = [folder / name for name in ("legal_ttt.json", "legal_ttt.csv", "checks.json", "state")]
    legal_ttt(study.artifact, study.data_json, study.legal_ttt(method=method), *paths, code="this code")


# bad input


def test_a_method_that_is_no_idea_is_one_sentence(study: SmallStudy, named: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match="method: 'norms' is no TTT method; `ideas:` names none"):
        study.legal_ttt(method="norms")
    name = named(RESETS)
    with pytest.raises(ValueError, match=f"method: 'norms' is no TTT method; there are {name}"):
        study.legal_ttt(method="norms")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("    def trains(self, name, weight):\n        return False\n", "trains none of the artifact's weights"),
        ("    def rows(self, begin, end, seen):\n        yield []\n", "a step has rows of one length, .*; found none"),
        (
            "    def rows(self, begin, end, seen):\n        yield [Segment(0, 8), Segment(8, 24)]\n",
            "a step has rows of one length, at least one row; found rows of 8, 16",
        ),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(
    body: str, message: str, study: SmallStudy, named: Callable[[str], str]
) -> None:
    with pytest.raises(ValueError, match=rf"evaluate\.legal_ttt\.method \w+: {message}"):
        finish(run_of(study, method=named(body)))


def test_two_methods_in_one_file_are_refused(study: SmallStudy, named: Callable[[str], str]) -> None:
    name = named(RESETS + "\n\nclass Second(TTTMethod):\n    pass\n")
    with pytest.raises(ideas.IdeaError, match="an idea is one class that is a TTT method, found Mine, Second"):
        run_of(study, method=name)
