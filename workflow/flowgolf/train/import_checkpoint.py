"""A checkpoint of the published script in place of a training."""

from pathlib import Path

from flowgolf.data.dataset import Dataset
from flowgolf.files import sha256, write_csv, write_json
from flowgolf.model import published
from flowgolf.model.checkpoint import save_weights
from flowgolf.model.gpt import GPT
from flowgolf.model.settings import ModelSettings
from flowgolf.running.facts import run_record
from flowgolf.scoring.precision import device_of, fastest_device, precision_on
from flowgolf.scoring.roundtrip import roundtrip
from flowgolf.train.groups import tensor_facts
from flowgolf.train.process import COLUMNS
from flowgolf.train.run import check_vocabulary


def import_checkpoint(
    checkpoint_path: str | Path,
    model_settings: ModelSettings,
    variant: str,
    seed: int,
    data_json: str | Path,
    model_path: str | Path,
    curve_path: str | Path,
    record_path: str | Path,
) -> None:
    """Leave what a training leaves, with the weights of a `.pt` or `.int6.ptz` file and an empty curve.

    ValueError when the file does not hold exactly the weights of `model_settings`, or for another vocabulary.
    """
    data = Dataset.open(data_json)
    check_vocabulary(model_settings, data)
    gpt = GPT(model_settings)
    gpt.load_state_dict(published.read(checkpoint_path, model_settings))
    gpt.to(fastest_device()).eval()
    score = roundtrip(gpt, data.validation, data.byte_table)
    save_weights(model_path, gpt)
    write_csv(curve_path, COLUMNS, [])
    record = {
        "variant": variant,
        "seed": seed,
        "model": model_settings.model_dump(mode="json"),
        "parameters": sum(parameter.numel() for parameter in gpt.parameters()),
        "tensors": tensor_facts(gpt, None),
        "imported_from": str(checkpoint_path),
        "imported_sha256": sha256(checkpoint_path),
        "ema_roundtrip_bpb": score.bpb,
        "precision": precision_on(device_of(gpt)),
        **run_record(),
    }
    write_json(record_path, record)
