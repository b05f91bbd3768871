"""Rule submission_folder: what a pull request to the challenge holds, from the records of a variant's runs."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowgolf.files import replacing, sha256, write_json
from flowgolf.study.settings import RunSettings
from flowgolf.submission.challenge import challenge
from flowgolf.submission.one_file import bundle
from flowgolf.submission.one_file.run_log import log_path
from flowgolf.submission.pages import log, readme
from flowgolf.submission.record import check_schema, submission_record
from flowgolf.submission.seeds import NotFitError, SeedRecords, compliance

READABLE = "train_gpt_readable.py"


def submission_folder(
    variant: str,
    settings: RunSettings,
    about: Mapping[str, Any],
    limits: Mapping[str, Any] | None,
    records: Sequence[Mapping[str, str | Path]],
    seeds: Sequence[int],
    primary_seed: int,
    artifact_path: str | Path,
    schema_path: str | Path,
    folder: str | Path,
) -> None:
    """Write README.md, submission.json, artifact.bin, train_gpt.py and train_seed<seed>.log for every seed.

    Beside a train_gpt.py in its wrapper lies READABLE, the same file as it unpacks.

    `records` has for each seed the paths of its records, `train_csv` and `legal_ttt_csv` among them. ValueError when
    a rule of docs/spec/legality.md is not shown for every seed, and for figures that the schema refuses.
    """
    folder = Path(folder)
    runs = [SeedRecords.read(seed, paths) for seed, paths in zip(seeds, records, strict=True)]
    if dirty := [run.seed for run in runs if run.made_by_uncommitted_code]:
        seeds_told = ", ".join(map(str, dirty))
        print(f"submission {variant}: nobody can check out the code of seeds {seeds_told} (-dirty)", file=sys.stderr)
    primary = runs[list(seeds).index(primary_seed)]
    values = {"variant": variant, "seed": primary_seed, **run_settings(settings, primary)}
    files = code_files(values, settings.export.code_wrapper)
    code = files["train_gpt.py"]
    flags = compliance(runs, len(code.encode()), limits) | challenge(runs)
    if false := [name for name, holds in flags.items() if not holds]:
        print(f"submission {variant}: compliance is false for {', '.join(false)}", file=sys.stderr)
    if sha256(artifact_path) != primary.export["artifact_sha256"]:
        raise NotFitError(
            f"seed {primary_seed}: rule 6: {artifact_path} is not the file that its export.json describes"
        )
    if (size := Path(artifact_path).stat().st_size) != primary.export["bytes_weights"]:
        raise NotFitError(
            f"seed {primary_seed}: rule 11: {artifact_path} has {size} bytes, its export.json says "
            f"{primary.export['bytes_weights']}"
        )
    record = submission_record(runs, primary, variant, about, flags) | {"limits": limits and dict(limits)}
    check_schema(record, schema_path)
    with replacing(folder / "artifact.bin") as temporary:
        shutil.copyfile(artifact_path, temporary)
    texts = {**files, "README.md": readme(record, primary)}
    for run, paths in zip(runs, records, strict=True):
        texts[str(log_path(run.seed))] = log(run, paths["train_csv"], paths["legal_ttt_csv"])
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text)
    write_json(folder / "submission.json", record)


def code_files(values: Mapping[str, Any], wrapper: bool) -> dict[str, str]:
    """train_gpt.py of a run, and with the wrapper the readable file beside it."""
    readable = bundle.train_gpt(values)
    return (
        {"train_gpt.py": bundle.wrapped_train_gpt(values), READABLE: readable}
        if wrapper
        else {"train_gpt.py": readable}
    )


def run_settings(settings: RunSettings, primary: SeedRecords) -> dict[str, Any]:
    """The settings that train_gpt.py carries.

    A matched plan is spelt out, the size of the code is the file's own, and event files would take a fifth package.
    """
    values = settings.model_dump()
    del values["export"]["code_bytes"]
    values["train"]["tensorboard"] = False
    if values["export"]["plan"] == "matched":
        values["export"]["plan"] = {int(layer): bits for layer, bits in primary.export["plan"].items()}
    return values
