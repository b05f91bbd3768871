"""Rule `legal_ttt`: score a chunk, then train on it, and so on to the end (docs/spec/evaluation.md, E5)."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from flowgolf import files
from flowgolf.data.dataset import Dataset
from flowgolf.evaluate.artifact import check_vocabulary, load_gpt
from flowgolf.evaluate.nats import nats_path, write_nats
from flowgolf.evaluate.record import result
from flowgolf.evaluate.score_first import ScoreFirst
from flowgolf.evaluate.settings import SCORING_EXECUTION, LegalTTTSettings
from flowgolf.evaluate.trial_ttt import short_ttt
from flowgolf.evaluate.trials import sample_of
from flowgolf.evaluate.tries import enter_try
from flowgolf.evaluate.verify import Evidence, Trial, beforehand, verify
from flowgolf.resume import StateFolder, seal_key, stop_requests
from flowgolf.running.progress import Progress
from flowgolf.scoring.score import total

COLUMNS = ("chunk", "positions", "running_bpb", "chunk_bpb", "rate", "seconds")


def legal_ttt(
    artifact_path: str | Path,
    data_json: str | Path,
    settings: LegalTTTSettings,
    result_path: str | Path,
    curve_path: str | Path,
    checks_path: str | Path,
    state_dir: str | Path,
    code: str,
) -> None:
    """Score an artifact with legal test-time training and leave the result, its curve and its checks.

    Goes on from `state_dir` when an earlier process of the same `code` was stopped there. Raises ValueError for an
    artifact that is damaged or made for another vocabulary, for more frozen blocks than blocks and for a validation
    set shorter than a window; InterruptedError when asked to stop.
    """
    torch.set_num_threads(settings.threads)
    dataset = Dataset.open(data_json)
    gpt, artifact_sha256 = load_gpt(artifact_path)
    check_vocabulary(gpt, dataset, artifact_path)
    stream, byte_table = dataset.validation, dataset.byte_table
    sample = sample_of(stream, settings.seq_len)
    tries = enter_try(artifact_path, artifact_sha256, "legal_ttt", settings)
    trial = Trial(gpt, short_ttt(gpt, byte_table, settings, sample), sample)
    before = beforehand(trial)
    folder = StateFolder(state_dir, identity(artifact_sha256, settings, dataset, code), seal_key())
    run = run_to_end(ScoreFirst(gpt, stream, byte_table, settings), folder)
    nats = run.referee.finish()
    score = total(nats, byte_table, stream, 0)
    evidence = Evidence(
        **vars(trial),
        before=before,
        referees={"legal_ttt": run.referee},
        ledger=run.ledger,
        span=run.referee.span,
        score=score,
        roundtrip=None,
        settings=settings,
        artifact_path=str(artifact_path),
        artifact_sha256=artifact_sha256,
        dataset=dataset,
        byte_table=byte_table,
    )
    files.write_json(checks_path, verify("legal_ttt", evidence))
    record = result("legal_ttt", score, settings, artifact_sha256, run.seconds, dataset, gpt, tries)
    record |= {**run.referee.proof(run.seconds), "repeats": evidence.repeats.record()}
    files.write_csv(curve_path, COLUMNS, run.rows)
    if settings.keep_nats:
        write_nats(nats_path(result_path), nats, byte_table, stream, 0, dataset.bos_id)
    files.write_json(result_path, record)
    folder.remove()


def run_to_end(
    run: ScoreFirst, folder: StateFolder, told: Callable[[dict[str, Any]], None] | None = None
) -> ScoreFirst:
    """Run the chunks that are left after what `folder` keeps, saving now and then and when asked to stop.

    Each chunk's row of the curve is given to `told`.
    """
    saved = folder.load()
    if saved is not None:
        run.restore(saved)
    progress = Progress("legal_ttt", run.windows.num_positions, "positions")
    if saved is not None:
        print(progress.label, f"goes on from chunk {run.next_chunk} of {run.num_chunks}", file=sys.stderr)
    with stop_requests() as stop:
        while not run.finished:
            run.run_chunk()
            if told:
                told(run.rows[-1])
            done, bpb = run.ledger.frontier, run.rows[-1]["running_bpb"]
            if progress.update(done, bpb=f"{bpb:.4f}"):
                total_positions = run.windows.num_positions
                files.write_json(folder.folder / "progress.json", {"done": done, "total": total_positions, "bpb": bpb})
            asked = stop.signal
            if run.next_chunk % run.settings.save_every_chunks == 0 or asked:
                folder.save(run.state())
            if asked:
                raise InterruptedError(
                    f"stopped by {asked} after chunk {run.next_chunk} of {run.num_chunks}; "
                    "the state is kept, run again to go on"
                )
    return run


def identity(artifact_sha256: str, settings: LegalTTTSettings, dataset: Dataset, code: str) -> dict[str, Any]:
    """What a saved state belongs to: artifact, data, code, and one entry a setting.

    How it is computed (SCORING_EXECUTION) is left out.
    """
    parts = {f"data {name}": digest for name, digest in dataset.identity().items()}
    kept = {key: value for key, value in settings.model_dump(mode="json").items() if key not in SCORING_EXECUTION}
    return {"artifact": artifact_sha256, "code": code, **parts, **kept}
