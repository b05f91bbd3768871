import torch

from flowgolf.model.initial import Streams
from flowgolf.model.mlp import MLP


def test_squared_leaky_relu():
    mlp = MLP(2, 2)
    with torch.no_grad():
        mlp.fc.weight.copy_(torch.eye(2))
        mlp.proj.weight.copy_(torch.eye(2))
    torch.testing.assert_close(mlp(torch.tensor([[3.0, -3.0]])), torch.tensor([[9.0, 2.25]]))


@torch.no_grad()
def test_starts_as_nothing():
    mlp = MLP(64, 192)
    mlp.start(Streams(0, "mlp"))
    assert mlp(torch.randn(3, 64)).abs().max() == 0
    torch.testing.assert_close(mlp.fc.weight.T @ mlp.fc.weight, torch.eye(64), rtol=0, atol=1e-5)
