"""What holds of every audit: of made-up records, and of the public ones where they lie beside the repository."""

import time
from pathlib import Path
from typing import Any

from flowgolf.audit.page import markdown
from flowgolf.audit.verdict import Audit, audit
from repository import ROOT

PUBLIC = [
    path for above in ROOT.parents[:2] for path in sorted((above / "shared" / "records").glob("*")) if path.is_dir()
]
KNOWN = {
    "2026-03-17_NaiveBaseline": {("warning", "coverage")},
    "2026-03-20_10L_Int5MLP_MuonWD04_SWA50": {("error", "score-name"), ("error", "size"), ("error", "spread")},
    "2026-03-23_LeakyReLU_LegalTTT_ParallelMuon": set(),
    "2026-03-25_ValCalib_GPTQ_XSA_BigramHash3072": {("warning", "train-time")},
    "2026-03-31_11L_NativeFlowMatcher_LegalTTT": {
        ("error", "code"), ("error", "size"), ("error", "spread"), ("warning", "artifact"), ("warning", "score-seed"),
    },
    "2026-04-03_MuonEqR_DepthRecurrence_WD090_AllInt6": {("warning", "score-name")},
    "2026-04-05_SP8192_GPTQ-Embeddings_SDClip_Loop45x2": set(),
    "2026-04-09_SP8192_3LayerRecur_ParResid_QK525_LegalTTT": {
        ("error", "code"), ("error", "settings"), ("warning", "train-time"),
    },
}  # fmt: skip
"""What each public record is blamed for, checked line by line by hand."""


def check_places(found: Audit, folder: Path) -> None:
    """Every place is a line that the file has."""
    for finding in found.findings:
        for place in finding.places:
            if place.line is not None:
                assert 1 <= place.line <= len((folder / place.file).read_text(errors="replace").split("\n")), place


def test_every_audit_takes_seconds_and_names_lines_that_are_there(record_of_each_form: Any) -> None:
    record_of_each_form.claims["val_bpb"] = 1.05
    for folder in [record_of_each_form.save(), *PUBLIC]:
        began = time.perf_counter()
        found = audit(folder)
        assert time.perf_counter() - began < 10
        assert markdown(found).startswith(f"# Audit of {folder.name}")
        check_places(found, folder)


def test_what_the_public_records_are_blamed_for(record: Any) -> None:
    record.claims["val_bpb_std"] = 0.1
    expected = KNOWN | {"record": {("error", "spread")}}
    for folder in [record.save(), *PUBLIC]:
        found = audit(folder).findings
        blamed = {(each.severity, each.kind) for each in found if each.severity in ("error", "warning")}
        assert blamed == expected.get(folder.name, blamed), folder.name
