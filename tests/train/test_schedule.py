import numpy as np
import pytest

from flowgolf.data.dataset import Dataset
from flowgolf.named import named_class
from flowgolf.train.optimisers.muon import muon_momentum
from flowgolf.train.schedule import Point, rate_multiplier, rate_multiplier_in_time
from flowgolf.train.settings import TrainSettings
from flowgolf.train.trainer import Trainer
from repository import ROOT


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


@pytest.mark.parametrize(("step", "warmdown_steps"), [(10, 0), (10, 3), (12, 0), (12, 3)])
def test_after_the_last_step_the_rate_is_nought(step, warmdown_steps):
    assert rate_multiplier(step, 10, warmdown_steps) == 0


def test_a_warm_down_of_one_step_lowers_nothing():
    assert [rate_multiplier(step, 10, 1) for step in (8, 9, 10)] == [1, 1, 0]


def test_warm_down_of_the_whole_run():
    assert [rate_multiplier(step, 4, 4) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(
    ("elapsed_seconds", "expected"), [(0, 1.0), (80, 1.0), (90, 0.5), (99, 0.05), (100, 0.0), (101, 0.0)]
)
def test_warm_down_placed_in_time(elapsed_seconds, expected):
    multiplier = rate_multiplier_in_time(elapsed_seconds, max_seconds=100, seconds_per_step=2, warmdown_steps=10)
    assert multiplier == pytest.approx(expected)


@pytest.mark.parametrize("elapsed_seconds", [0.0, 100.0, 101.0])
def test_without_a_measured_pace_there_is_no_warm_down_in_time(elapsed_seconds):
    assert rate_multiplier_in_time(elapsed_seconds, max_seconds=100, seconds_per_step=0.0, warmdown_steps=10) == 1.0


HEAD = "from flowgolf.train.schedule import RateSchedule\n\n\nclass Mine(RateSchedule):\n"


def rates_of(own_ideas, name, data_json, model_settings, settings):
    """The rates of a whole training."""
    trainer = Trainer(model_settings, with_schedule(settings, name), "mine seed 1", 1, Dataset.open(data_json))
    return [trainer.take_step()["rate"] for _ in range(settings.steps)], trainer


def with_schedule(settings, name):
    return TrainSettings.model_validate({**settings.model_dump(), "schedule": name})


def test_an_idea_sets_the_rates_of_every_step_and_the_floor_holds(own_ideas, data_json, model_settings, settings):
    name = own_ideas.write(HEAD + "    def multiplier(self, at):\n        return at.step / at.steps\n")
    settings = settings.model_copy(update={"steps": 4, "warmdown_steps": 4, "min_rate": 0.3})
    rates, trainer = rates_of(own_ideas, name, data_json, model_settings, settings)
    assert rates == [0.3, 0.3, 0.5, 0.75]
    for optimizer in trainer.optimizers.values():
        for group in optimizer.param_groups:
            assert group["lr"] == pytest.approx(0.75 * group["base_lr"])


def test_an_idea_that_says_nothing_else_is_what_the_settings_say(own_ideas, data_json, model_settings, settings):
    name = own_ideas.write(HEAD + "    pass\n")
    settings = settings.model_copy(update={"steps": 4, "warmdown_steps": 2})
    rates, _ = rates_of(own_ideas, name, data_json, model_settings, settings)
    assert rates == [1.0, 1.0, 1.0, 0.5]


def test_the_cosine_of_the_examples_rises_and_falls_to_nothing(own_ideas):
    own_ideas.know(ROOT / "ideas" / "cosine.py")
    cosine = named_class("rate schedule", "cosine")(None)
    for allowed in (None, 200.0):
        rates = [cosine.multiplier(Point(step, 100, 2.0 * step, allowed)) for step in range(101)]
        assert rates.index(max(rates)) == 5 and rates[5] == 1.0
        assert rates[:6] == sorted(rates[:6]) and rates[5:] == sorted(rates[5:], reverse=True)
        assert 0 < rates[0] < 0.2 and rates[100] == pytest.approx(0)


@pytest.mark.parametrize("given", ["-0.1", "float('nan')", "float('inf')", "None"])
def test_a_factor_that_can_be_none_is_one_sentence(given, own_ideas, data_json, model_settings, settings):
    name = own_ideas.write(HEAD + f"    def multiplier(self, at):\n        return {given}\n")
    message = (
        rf"mine seed 1: train.schedule {name}: the factor on the rates of step 1 is \S+; it has to be a finite num"
    )
    with pytest.raises(ValueError, match=message):
        rates_of(own_ideas, name, data_json, model_settings, settings)


def test_a_schedule_that_is_no_idea_is_one_sentence(own_ideas, settings):
    with pytest.raises(ValueError, match="schedule: 'cosine' is no rate schedule; `ideas:` names none"):
        with_schedule(settings, "cosine")
