"""Memory and disks that are too small end a run with a sentence and leave what was saved."""

import errno
import resource
import subprocess

import pytest
import torch

from flowgolf.data.dataset import Dataset
from flowgolf.model.checkpoint import save_weights
from flowgolf.model.gpt import GPT
from flowgolf.resume import StateFolder
from flowgolf.train.distributed import Ranks
from flowgolf.train.process import run_process
from flowgolf.train.trainer import Trainer
from trainings import LABEL, training_run

KB = 1024


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 400 kB; where mounting is not allowed, a folder of this process's own limit."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True, check=False
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if mounted.returncode:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400 * KB, before[1]))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    if not mounted.returncode:
        subprocess.run(["umount", folder], check=True)


MEMORY = (
    r"train nfm seed 7: out of memory at step 1 with 2 rows of 16 tokens at a time: raise train.passes_per_micro_batch "
    r"\(now 1\), which changes no result, and run again; what was saved is kept"
)
FULL = r"(No space left on device|File too large) while saving 0\.[5-9] MB; the state saved before is kept"


def test_a_full_disk_while_saving_keeps_the_state_before(small_disk):
    states = StateFolder(small_disk, {"seed": 1})
    states.save({"step": 1, "weight": torch.zeros(10 * KB)})
    with pytest.raises(OSError, match=FULL) as caught:
        states.save({"step": 2, "weight": torch.zeros(150 * KB)})
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
    assert caught.value.filename == str(states.current)
    assert states.load()["step"] == 1
    assert [path.name for path in small_disk.iterdir()] == ["state.pt"]


def test_a_full_disk_stops_a_training_with_that_sentence(tmp_path, data_json, model_settings, settings, small_disk):
    wide = model_settings.model_copy(update={"dim": 48})
    training = training_run(tmp_path, data_json, wide, settings).model_copy(update={"state_dir": str(small_disk)})
    with pytest.raises(OSError, match=FULL):
        run_process(training, Ranks())
    assert not (tmp_path / "model.safetensors").exists()


def test_weights_on_a_full_disk_are_an_os_error(small_disk, data_json, model_settings):
    gpt = GPT(model_settings.model_copy(update={"dim": 128}))
    with pytest.raises(OSError, match="No space left on device|File too large"):
        save_weights(small_disk / "model.safetensors", gpt)
    assert not list(small_disk.iterdir())


def allocate(count):
    """Ask torch for more than this machine has."""
    return torch.empty(count)


def test_what_torch_says_without_memory_becomes_a_sentence(data_json, model_settings, settings, monkeypatch):
    trainer = Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))
    monkeypatch.setattr(Trainer, "gradient", lambda trainer: allocate(2**55))
    with pytest.raises(MemoryError, match=MEMORY):
        trainer.take_step()


def test_what_a_gpu_says_becomes_the_same_sentence(data_json, model_settings, settings, monkeypatch):
    trainer = Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))

    def full(trainer):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(Trainer, "gradient", full)
    with pytest.raises(MemoryError, match=MEMORY):
        trainer.take_step()


def test_without_memory_for_one_row_there_is_nothing_left_to_raise(data_json, model_settings, settings, monkeypatch):
    settings = settings.model_copy(update={"passes_per_micro_batch": 2})
    trainer = Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))
    monkeypatch.setattr(Trainer, "gradient", lambda trainer: allocate(2**55))
    with pytest.raises(MemoryError, match="with 1 rows of 16 tokens at a time: take a device with more memory"):
        trainer.take_step()


def test_another_error_of_torch_stays_what_it_is(data_json, model_settings, settings, monkeypatch):
    trainer = Trainer(model_settings, settings, LABEL, 7, Dataset.open(data_json))
    monkeypatch.setattr(Trainer, "gradient", lambda trainer: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        trainer.take_step()
