"""The parts of the record of 9 April against reference vectors of its own script (docs/spec/model.md, M20 and M21)."""

import numpy as np
import pytest
import torch

from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings

PLAIN = {"bigram": None, "smear": False, "value_residual": False, "gated_attention": False}
RECORD = {
    **PLAIN, "vocab_size": 96, "seq_len": 20, "layers": 7, "dim": 32, "heads": 4, "kv_heads": 2, "mlp_ratio": 2,
    "rope_dims": 4, "xsa_layers": 7, "q_gain": 5.0, "skip_gates": True, "parallel_from": 5,
    "recurrence": {"start": 2, "end": 3, "repeats": 2},
}  # fmt: skip
FORMS = {"plain": False, "loop": True}


@pytest.fixture
def arrays(golden):
    return golden("record_model")


@pytest.fixture
def gpt(arrays):
    gpt = GPT(ModelSettings(**RECORD))
    gpt.load_state_dict({key[6:]: torch.from_numpy(arrays[key]) for key in arrays if key.startswith("param/")})
    return gpt


def ids(arrays):
    return torch.from_numpy(arrays["input_ids"]), torch.from_numpy(arrays["target_ids"])


def test_the_order_of_the_blocks(arrays, gpt):
    assert gpt.looping
    assert gpt.looped_order == (tuple(arrays["first"]), tuple(arrays["second"]))
    assert gpt.plain_order == ((0, 1, 2), (3, 4, 5, 6))


@pytest.mark.parametrize("form", FORMS)
def test_logits_and_loss_in_both_forms(form, arrays, gpt, logits_of):
    gpt.looping = FORMS[form]
    inputs, targets = ids(arrays)
    np.testing.assert_allclose(logits_of(gpt, inputs).detach(), arrays[f"logits_{form}"], rtol=0, atol=1e-5)
    loss = gpt.training_loss(inputs, targets).total.item()
    assert loss == pytest.approx(float(arrays[f"loss_{form}"]), abs=1e-6)


def test_gradients_of_the_looping_form(arrays, gpt):
    gpt.training_loss(*ids(arrays)).total.backward()
    names = {f"grad/{name}" for name, _ in gpt.named_parameters()}
    assert names == {key for key in arrays if key.startswith("grad/")}
    for name, weight in gpt.named_parameters():
        np.testing.assert_allclose(weight.grad, arrays[f"grad/{name}"], rtol=0, atol=1e-5, err_msg=name)
