import copy

import numpy as np
import pytest
import torch

from flowgolf.train.optimisers.muon import Muon, newton_schulz


def random_matrices(count, rows, columns, seed=0):
    return torch.randn(count, rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def arrays(request):
    with np.load(request.config.rootpath / "tests" / "golden" / "muon_fp32.npz") as file:
        return dict(file)


def test_three_steps_of_four_matrices(arrays):
    weights = [torch.nn.Parameter(torch.from_numpy(arrays[f"weight{index}"])) for index in range(4)]
    muon = Muon(weights, lr=1.0, momentum=0.0, weight_decay=float(arrays["weight_decay"]))
    for step in range(3):
        muon.param_groups[0] |= {"lr": float(arrays["lr"][step]), "momentum": float(arrays["momentum"][step])}
        for index, weight in enumerate(weights):
            weight.grad = torch.from_numpy(arrays[f"grad{index}_step{step}"])
        muon.step()
        for index, weight in enumerate(weights):
            np.testing.assert_allclose(weight.detach(), arrays[f"weight{index}_after{step}"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (16, 48), (64, 200)])
def test_singular_values_end_near_one(rows, columns):
    singular = torch.linalg.svdvals(newton_schulz(random_matrices(3, rows, columns)))
    middle = singular[:, : int(rows * 0.9)]  # the smallest of a square matrix need more iterations
    assert middle.min() > 0.6
    assert singular.max() < 1.25


def test_zero_matrix_stays_zero():
    assert newton_schulz(torch.zeros(1, 4, 8)).abs().max() == 0


def test_a_batch_equals_its_matrices_one_by_one():
    matrices = random_matrices(5, 24, 40)
    single = torch.cat([newton_schulz(matrix[None]) for matrix in matrices])
    torch.testing.assert_close(newton_schulz(matrices), single, rtol=0, atol=1e-6)


def trained(orthogonalise, steps=3):
    weights = [
        torch.nn.Parameter(matrix.clone()) for matrix in (*random_matrices(5, 8, 24), *random_matrices(2, 24, 8))
    ]
    muon = Muon(weights, lr=0.1, momentum=0.9, weight_decay=0.1, orthogonalise=orthogonalise)
    seen = []
    for step in range(steps):
        for index, weight in enumerate(weights):
            weight.grad = random_matrices(1, *weight.shape, seed=10 * step + index)[0]
        muon.step()
        seen.append([weight.detach().clone() for weight in weights])
    return seen


def test_matrices_of_one_shape_or_its_transpose_form_one_batch_that_may_be_shared():
    shapes = []

    def shared(batch):
        shapes.append(tuple(batch.shape))
        return torch.cat([newton_schulz(batch[:3]), newton_schulz(batch[3:])])

    for ours, theirs in zip(trained(newton_schulz), trained(shared), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    assert shapes == [(7, 8, 24)] * 3


def test_tall_matrices_take_longer_steps():
    wide, tall = torch.nn.Parameter(torch.zeros(8, 32)), torch.nn.Parameter(torch.zeros(32, 8))
    wide.grad = random_matrices(1, 8, 32)[0]
    tall.grad = wide.grad.T.clone()
    Muon([wide, tall], lr=0.1, momentum=0.9, weight_decay=0.0).step()
    torch.testing.assert_close(tall.detach(), 2 * wide.detach().T)


def test_without_a_gradient_nothing_moves():
    still, moved = (torch.nn.Parameter(matrix) for matrix in random_matrices(2, 4, 4))
    before = still.detach().clone()
    moved.grad = torch.ones(4, 4)
    muon = Muon([still, moved], lr=0.1, momentum=0.9, weight_decay=0.1)
    muon.step()
    assert torch.equal(still, before)
    moved.grad = None
    muon.step()
    assert torch.equal(still, before)


def test_resumed_state_continues_to_the_bit():
    straight = [torch.nn.Parameter(matrix) for matrix in random_matrices(3, 8, 24)]
    muon = Muon(straight, lr=0.1, momentum=0.9, weight_decay=0.1)

    def step(optimizer, weights, seed):
        for index, weight in enumerate(weights):
            weight.grad = random_matrices(1, 8, 24, seed=seed + index)[0]
        optimizer.step()

    step(muon, straight, 100)
    state = copy.deepcopy(muon.state_dict())
    resumed = [torch.nn.Parameter(weight.detach().clone()) for weight in straight]
    step(muon, straight, 200)
    again = Muon(resumed, lr=9.0, momentum=0.0, weight_decay=0.0)
    again.load_state_dict(state)
    step(again, resumed, 200)
    for ours, theirs in zip(straight, resumed, strict=True):
        assert torch.equal(ours, theirs)


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"Muon updates matrices only, got a parameter of shape \(3,\)"):
        Muon([torch.nn.Parameter(torch.zeros(3))], lr=0.1, momentum=0.9, weight_decay=0.0)
