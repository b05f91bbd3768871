"""How long a job may take at most, from the size of the study alone: the time limit that a cluster is asked for."""

from flowgolf.model.order import runs
from flowgolf.study.settings import RunSettings

DEVICE_FLOPS = 20e12  # a slow data-centre GPU; too short a limit costs a resubmission, training goes on from its state
MARGIN_MINUTES = 30.0  # start-up and compilation; all there is to a small study
VALIDATION_TOKENS = 62_000_000  # the challenge's validation split, the largest in use


def parameters(run: RunSettings) -> float:
    """Rough number of weights that a position meets: matrices of blocks as often as they run, and embeddings."""
    model = run.model
    block = model.dim**2 * (4 + 2 * model.mlp_ratio)
    return sum(runs(model.layers, model.recurrence)) * block + model.vocab_size * model.dim


def train_minutes(run: RunSettings) -> int:
    """Time limit of a training, minutes."""
    tokens = run.train.steps * run.train.batch_tokens
    seconds = 6 * parameters(run) * tokens / (DEVICE_FLOPS * run.train.devices)
    if run.train.max_seconds is not None:
        seconds = min(seconds, run.train.max_seconds)
    validations = 3 + run.train.steps // run.train.val_every  # before the first step, after the last, of the averages
    seconds += validations * scoring_seconds(run, 1) / run.train.devices
    return round(MARGIN_MINUTES + seconds / 60)


def import_minutes(run: RunSettings) -> int:
    """Time limit of a checkpoint that takes the place of a training, minutes: one validation."""
    return round(MARGIN_MINUTES + scoring_seconds(run, 1) / 60)


def export_minutes(run: RunSettings) -> int:
    """Time limit of an export with a calibration, minutes: forward passes, then GPTQ on the CPU, a second a million."""
    settings = run.export
    tokens = settings.calibration_batches * settings.calibration_rows * run.model.seq_len
    seconds = 2 * parameters(run) * tokens / DEVICE_FLOPS + 2 * parameters(run) / 1e6
    return round(MARGIN_MINUTES + seconds / 60)


def sliding_minutes(run: RunSettings) -> int:
    """Time limit of a sliding-window evaluation, minutes; its parts are as many jobs."""
    settings = run.evaluate.sliding
    passes = settings.seq_len / settings.stride / settings.shards
    return round(MARGIN_MINUTES + scoring_seconds(run, passes) / 60)


def legal_ttt_minutes(run: RunSettings) -> int:
    """Time limit of legal test-time training, minutes: scoring, and three times its work for each epoch."""
    settings = run.evaluate.legal_ttt
    passes = settings.seq_len / settings.stride + 3 * settings.epochs
    return round(MARGIN_MINUTES + scoring_seconds(run, passes) / 60)


def scoring_seconds(run: RunSettings, passes: float) -> float:
    """Seconds for so many forward passes over the validation tokens."""
    return 2 * parameters(run) * VALIDATION_TOKENS * passes / DEVICE_FLOPS
