"""Memory that the host of a job needs, from the size of the model: what a cluster is asked for at the first attempt."""

from flowgolf.study.settings import RunSettings
from flowgolf.study.time_limits import parameters

BASE_MB = 6000  # Python, torch, the context of a GPU and the workers of torch.compile
PARAMETER_BYTES = 120  # weights, gradients, averages, moments; all of it twice more while a state is saved; room


def train_mb(run: RunSettings) -> int:
    """Memory of a training, MB; the activations of a training on a CPU may need more, which a second attempt gets."""
    return run.train.devices * model_mb(run)


def sliding_mb(run: RunSettings) -> int:
    """Memory of a sliding-window evaluation, or of one part of it, MB."""
    return model_mb(run) + run.evaluate.sliding.memory_mb


def legal_ttt_mb(run: RunSettings) -> int:
    """Memory of legal test-time training, MB."""
    return model_mb(run) + run.evaluate.legal_ttt.memory_mb


def model_mb(run: RunSettings) -> int:
    """Memory of a process that holds the model and trains it, MB."""
    return round(BASE_MB + PARAMETER_BYTES * parameters(run) / 1e6)
