import pytest
import torch

from flowgolf.train.ema import EMA


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))


@pytest.mark.parametrize("decay", [0.9, 0.3])
def test_average_follows_the_formula(model, decay):
    ema = EMA(model, decay)
    expected = {name: weight.detach().double() for name, weight in model.named_parameters()}
    for _ in range(5):
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight))
        ema.update(model)
        expected = {
            name: decay * expected[name] + (1 - decay) * weight.detach().double()
            for name, weight in model.named_parameters()
        }
    for name, average in ema.weights.items():
        torch.testing.assert_close(average.double(), expected[name], rtol=0, atol=1e-6)
        assert not average.requires_grad  # or every step would hang on the one before


def test_starts_as_a_copy_that_training_does_not_touch(model):
    ema = EMA(model, decay=0.9)
    before = model[0].weight.detach().clone()
    with torch.no_grad():
        model[0].weight.zero_()
    assert torch.equal(ema.weights["0.weight"], before)
    ema.copy_to(model)
    assert torch.equal(model[0].weight, before)
    with torch.no_grad():
        model[0].weight.zero_()
    assert torch.equal(ema.weights["0.weight"], before)


def test_loaded_averages_continue(model):
    ema, other = (
        EMA(model, decay=0.9),
        EMA(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)), decay=0.9),
    )
    other.load(ema.weights)
    with torch.no_grad():
        model[1].bias.add_(1.0)
    ema.update(model)
    other.update(model)
    assert all(torch.equal(average, other.weights[name]) for name, average in ema.weights.items())
    other.load(dict(model.named_parameters()))
    assert not any(average.requires_grad for average in other.weights.values())
