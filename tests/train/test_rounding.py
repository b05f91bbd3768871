"""Quantisation-aware training: it acts, on what the export would store, and leaves everything else as it was.

That compiled code sees it too is looked at in test_compile.py.
"""

import pytest
import torch

from flowgolf.data.dataset import Dataset
from flowgolf.export.dequantize import dequantize
from flowgolf.export.kinds import grid_of
from flowgolf.export.quantize import quantise
from flowgolf.export.settings import ExportSettings
from flowgolf.train.trainer import Trainer
from trainings import LABEL

EXPORT = ExportSettings(passthrough_max_elements=100, matrix_bits=4, mlp_bits=5, scale_floor=False, code_bytes=0)


@pytest.fixture
def trainer_of(data_json, model_settings, settings):
    """A trainer that warms down from step 2 of 6 on, rounding below a factor."""

    def make(below, export=EXPORT, **changes):
        values = {"steps": 6, "warmdown_steps": 4, "qat_below": below, **changes}
        data, grid = Dataset.open(data_json), export.grid.model_dump(mode="json")
        trainer = Trainer(model_settings, settings.model_copy(update=values), LABEL, 7, data, grid=grid)
        spread_out(trainer)
        return trainer

    return make


def spread_out(trainer):
    """Weights of some size everywhere: where a matrix starts at zero, nothing of the others reaches the loss."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.3)


def weights_of(trainer):
    return {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}


def read_back(trainer, name, weight, export):
    """What an artifact of this weight would be read as, if it is a matrix of a block."""
    stored = trainer.model.known[name].stored
    if stored.storage != "block" or weight.numel() <= export.passthrough_max_elements:
        return weight
    bits, k = grid_of(stored, export)
    quantised = quantise(weight, bits, export.scale_floor, export.clip, k)
    return dequantize(quantised.q, quantised.scale)


@pytest.mark.parametrize(
    "changes", [{}, {"clip": "search"}, {"clip": "spread", "attention_k": 3.0, "mlp_k": 4.0}, {"matrix_bits": 8}]
)
def test_inside_the_matrices_of_blocks_are_what_an_artifact_is_read_as_and_afterwards_their_own(trainer_of, changes):
    export = EXPORT.model_copy(update=changes)
    trainer = trainer_of(0.5, export)
    own = weights_of(trainer)
    with trainer.rounding.rounded():
        for name, weight in trainer.model.named_parameters():
            assert torch.equal(weight, read_back(trainer, name, own[name], export)), name
        changed = {name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, own[name])}
    assert {"blocks.0.attn.c_q.weight", "blocks.1.mlp.proj.weight"} <= changed
    assert all(torch.equal(weight, own[name]) for name, weight in trainer.model.named_parameters())


def test_a_step_has_loss_and_gradient_of_the_rounded_weights_and_moves_the_own(trainer_of):
    trainer, by_hand = trainer_of(1.0), trainer_of(None)
    trainer.step = by_hand.step = 3  # factor 0.75
    own = weights_of(by_hand)
    with torch.no_grad():
        for name, weight in by_hand.model.named_parameters():
            weight.copy_(read_back(by_hand, name, own[name], EXPORT))
    expected, plain = by_hand.gradient(), trainer_of(None)
    plain.step = 3
    with trainer.rounded(0.75):
        losses = trainer.gradient()
    assert torch.equal(losses, expected) and not torch.equal(losses, plain.gradient())
    gradients = zip(trainer.model.parameters(), by_hand.model.parameters(), strict=True)
    assert all(torch.equal(each.grad, other.grad) for each, other in gradients if other.grad is not None)
    assert all(torch.equal(weight, own[name]) for name, weight in trainer.model.named_parameters())


def test_it_acts_below_its_factor_and_not_before(trainer_of):
    rows = {}
    for below in (None, 0.6):
        trainer = trainer_of(below)
        rows[below] = [trainer.take_step() for _ in range(6)]
        rows[below, "weights"] = weights_of(trainer)
    losses = [[row["train_loss"] for row in rows[below]] for below in (None, 0.6)]
    assert [row["rate"] for row in rows[0.6]] == [1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    assert losses[0][:4] == losses[1][:4]
    assert losses[0][4] != losses[1][4] and losses[0][5] != losses[1][5]
    before, after = rows[None, "weights"], rows[0.6, "weights"]
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_a_step_that_fails_leaves_the_own_weights(trainer_of, monkeypatch):
    trainer = trainer_of(1.0)
    trainer.step, own = 3, weights_of(trainer)
    monkeypatch.setattr(trainer, "gradient", lambda: (_ for _ in ()).throw(RuntimeError("out of memory")))
    with pytest.raises(MemoryError, match="out of memory at step 4"):
        trainer.take_step()
    assert all(torch.equal(weight, own[name]) for name, weight in trainer.model.named_parameters())
