import numpy as np
import pytest

from flowgolf.train.optimisers.muon import muon_momentum
from flowgolf.train.schedule import rate_multiplier, rate_multiplier_in_time


@pytest.fixture
def arrays(request):
    with np.load(request.config.rootpath / "tests" / "golden" / "schedule.npz") as file:
        return dict(file)


def test_rates_of_the_published_run(arrays):
    steps, warmdown = int(arrays["iterations"]), int(arrays["warmdown"])
    assert [rate_multiplier(int(step), steps, warmdown) for step in arrays["steps"]] == arrays["lr_mul"].tolist()


def test_momentum_of_the_published_run(arrays):
    momenta = [muon_momentum(int(step), 0.92, 0.99, 1500) for step in arrays["momentum_steps"]]
    assert momenta == arrays["momentum"].tolist()


def test_momentum_without_warm_up():
    assert muon_momentum(0, 0.92, 0.99, 0) == 0.99


def test_no_warm_down():
    assert [rate_multiplier(step, 10, 0) for step in range(10)] == [1.0] * 10


def test_warm_down_of_the_whole_run():
    assert [rate_multiplier(step, 4, 4) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(
    ("elapsed_seconds", "expected"), [(0, 1.0), (80, 1.0), (90, 0.5), (99, 0.05), (100, 0.0), (101, 0.0)]
)
def test_warm_down_placed_in_time(elapsed_seconds, expected):
    multiplier = rate_multiplier_in_time(elapsed_seconds, max_seconds=100, seconds_per_step=2, warmdown_steps=10)
    assert multiplier == pytest.approx(expected)


def test_first_step_in_time_has_no_measured_pace():
    assert rate_multiplier_in_time(0.0, max_seconds=100, seconds_per_step=0.0, warmdown_steps=10) == 1.0
