"""What a run leaves beside its weights: event files, progress, sessions."""

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from flowgolf.data.dataset import Dataset
from flowgolf.train import process
from flowgolf.train.run import TrainingRun
from flowgolf.train.settings import EXECUTION, TrainSettings
from trainings import result, run, training_run


def scalars(folder, name):
    accumulator = EventAccumulator(str(folder / "tensorboard"))
    accumulator.Reload()
    return {event.step: event.value for event in accumulator.Scalars(name)}


def test_event_files_hold_the_curve(tmp_path, data_json, model_settings, settings):
    wanted = settings.model_copy(update={"tensorboard": True})
    run(tmp_path, data_json, model_settings, wanted)
    assert list(scalars(tmp_path, "train_loss")) == list(range(1, 21))
    assert list(scalars(tmp_path, "val_bpb")) == [0, 5, 10, 15, 20]
    assert scalars(tmp_path, "val_bpb")[20] == pytest.approx(result(tmp_path)[2]["train_val_bpb"], rel=1e-6)
    run(tmp_path, data_json, model_settings, wanted.model_copy(update={"steps": 8}))
    assert list(scalars(tmp_path, "train_loss")) == list(range(1, 9))


def test_no_event_files_unless_asked_for(tmp_path, data_json, model_settings, settings):
    run(tmp_path, data_json, model_settings, settings)
    assert not (tmp_path / "tensorboard").exists()


def test_the_record_says_when_where_and_how_fast(tmp_path, data_json, model_settings, settings):
    run(tmp_path, data_json, model_settings, settings)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["started_at"] <= record["ended_at"]
    job = {"slurm_job_id", "slurm_job_partition", "slurmd_nodename", "queue_seconds"}
    assert record["sessions"][0].keys() - job == {
        "from_step", "started_at", "host", "devices", "threads", "compiled",
    }  # fmt: skip
    assert job <= record["sessions"][0].keys() & record.keys()
    assert record["device"] == "cpu"
    assert record["train"]["steps"] == record["steps"] == 20
    assert record["peak_memory_bytes"] > 1_000_000
    assert 0 < record["model_flops_utilisation"] < 1
    assert record["tokens_per_second"] == pytest.approx(20 * 64 / record["elapsed_seconds"], rel=0.01)


def test_progress_is_a_file_too(tmp_path, data_json, model_settings, settings, monkeypatch):
    monkeypatch.setattr(process, "leave_results", interrupted)
    with pytest.raises(InterruptedError):
        run(tmp_path, data_json, model_settings, settings)
    progress = json.loads((tmp_path / "state" / "progress.json").read_text())
    assert (progress["done"], progress["total"]) == (20, 20)
    assert progress.keys() == {"done", "total", "loss", "bpb", "tokens_per_second", "written_at"}


def interrupted(*arguments):
    raise InterruptedError("before the results")


@pytest.mark.parametrize(
    "change", [{"devices": 2}, {"threads": 3}, {"compile": True}, {"tensorboard": True}, {"checkpoint_every": 9}]
)
def test_how_a_run_is_computed_does_not_make_its_state_anothers(tmp_path, data_json, model_settings, settings, change):
    assert change.keys() <= set(EXECUTION)
    data = Dataset.open(data_json)
    plain = training_run(tmp_path, data_json, model_settings, settings).identity(data)
    changed = training_run(tmp_path, data_json, model_settings, settings.model_copy(update=change)).identity(data)
    assert plain == changed


def test_every_other_setting_does(tmp_path, data_json, model_settings, settings):
    data = Dataset.open(data_json)
    keys = training_run(tmp_path, data_json, model_settings, settings).identity(data).keys()
    assert {f"train.{name}" for name in TrainSettings.model_fields.keys() - set(EXECUTION)} <= keys
    assert {"model.dim", "seed", "training shards"} <= keys


def test_a_run_travels_as_json(tmp_path, data_json, model_settings, settings):
    training = training_run(tmp_path, data_json, model_settings, settings)
    assert TrainingRun.model_validate_json(training.model_dump_json()) == training
