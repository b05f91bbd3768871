"""How a process of several starts over NCCL, as far as a machine without a GPU can show it."""

import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch

from flowgolf.train import rank


@pytest.fixture
def done(monkeypatch):
    """What is done in which order on a machine with two GPUs, as the process of the second one."""
    order = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: order.append(("device", str(device))))
    group = {
        "init_process_group": lambda backend, **given: order.append((backend, given)),
        "get_rank": lambda: 1,
        "get_world_size": lambda: 2,
    }
    monkeypatch.setattr(rank, "dist", SimpleNamespace(**group))
    monkeypatch.setenv("LOCAL_RANK", "1")
    for name in rank.NCCL:
        monkeypatch.delenv(name, raising=False)
    return order


def test_the_gpu_is_chosen_before_nccl_starts_and_nccl_is_told_it(done):
    rank.joined()
    (first, device), (backend, given) = done
    assert (first, device, backend) == ("device", "cuda:1", "nccl")
    assert given == {"timeout": rank.EXCHANGE_TIMEOUT, "device_id": torch.device("cuda", 1)}
    assert timedelta(minutes=5) < rank.EXCHANGE_TIMEOUT < timedelta(hours=1)


def test_errors_in_the_background_are_raised_unless_the_study_says_otherwise(done, monkeypatch):
    monkeypatch.setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "3")
    rank.joined()
    assert os.environ["TORCH_NCCL_ASYNC_ERROR_HANDLING"] == "3"
    assert int(os.environ.pop("TORCH_NCCL_HEARTBEAT_TIMEOUT_SEC")) == rank.EXCHANGE_TIMEOUT.total_seconds()
    monkeypatch.delenv("TORCH_NCCL_ASYNC_ERROR_HANDLING")
    rank.joined()
    assert os.environ.pop("TORCH_NCCL_ASYNC_ERROR_HANDLING") == "1"
    os.environ.pop("TORCH_NCCL_HEARTBEAT_TIMEOUT_SEC")


def test_without_a_gpu_it_is_gloo(done, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rank.joined()
    assert done == [("gloo", {"timeout": rank.EXCHANGE_TIMEOUT})]
