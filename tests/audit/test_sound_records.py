"""A sound record has no finding that blames it, whatever its logs look like."""

from typing import Any


def test_a_sound_record_is_neither_wrong_nor_doubtful(record_of_each_form: Any) -> None:
    found = record_of_each_form.audit()
    blamed = [(each.severity, each.kind, each.text) for each in found.findings if each.severity in ("error", "warning")]
    assert blamed == []
    assert "The logs give val_bpb 1.10070472: mean over seeds 7, 11 and 13" in found.verdict
