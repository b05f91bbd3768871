from types import SimpleNamespace

import pytest
import torch

from flowgolf.model.initial import Streams
from flowgolf.model.parts.flow_refiner import FlowRefiner, FlowRefinerSettings


@torch.no_grad()
def started(init):
    refiner = FlowRefiner(FlowRefinerSettings(latent_dim=16, hidden_dim=24, init=init), SimpleNamespace(dim=64))
    refiner.start(Streams(0, "flow_refiner"))
    return refiner


def test_starts_as_a_gated_projection():
    refiner = started("orthogonal")
    x = torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(0))
    expected = torch.sigmoid(torch.tensor(-5.0)) * refiner.up_proj(refiner.down_proj(x))
    torch.testing.assert_close(refiner(x), expected)


@pytest.mark.parametrize("layer", ["down_proj", "velocity_net.0", "up_proj"])
def test_init_is_what_it_says_at_every_size(layer):
    singular = torch.linalg.svdvals(started("orthogonal").get_parameter(f"{layer}.weight"))
    torch.testing.assert_close(singular, torch.ones_like(singular), rtol=0, atol=1e-5)
    assert started("normal").get_parameter(f"{layer}.weight").std().item() == pytest.approx(0.01, rel=0.15)
