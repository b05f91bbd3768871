"""The challenge's rule: 0.005 nats at p < 0.01, one-sided Welch, with the interval."""

import math
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from flowgolf.audit.folder import AuditError
from flowgolf.audit.sample import reference_numbers, reference_of
from flowgolf.audit.verdict import audit

RATIO = 151_080_000 / 40_540_160
BPB = (1.10010203, 1.10130405, 1.10070809)


def nats(values: tuple[float, ...]) -> list[float]:
    """Nats per token."""
    return [value * math.log(2) * RATIO for value in values]


def reference_record(tmp_path: Path, record: Any, shift: float) -> Path:
    """A second record whose figures are larger by `shift` bits per byte."""
    other = type(record)(tmp_path / "reference")
    for seed in other.logs:
        for line in [text for text in other.logs[seed].splitlines() if text.startswith("final_int6_sliding_window")]:
            loss, bpb = (float(word.partition(":")[2]) for word in line.split()[1:3])
            other.logs[seed] = other.logs[seed].replace(
                line, f"{line.split()[0]} val_loss:{loss * (bpb + shift) / bpb:.8f} val_bpb:{bpb + shift:.8f} stride:64"
            )
    other.claims = {"val_bpb": round(sum(BPB) / 3 + shift, 7), "seeds": [7, 11, 13]}
    return Path(other.save())


def test_the_test_is_scipys_on_the_losses_of_the_logs(tmp_path: Path, record: Any) -> None:
    shift = 0.004
    found = audit(record.save(), reference_of(str(reference_record(tmp_path, record, shift)))).significance
    ours, theirs = nats(BPB), nats(tuple(bpb + shift for bpb in BPB))
    right = stats.ttest_ind([value - 0.005 for value in theirs], ours, equal_var=False, alternative="greater")
    both = stats.ttest_ind(theirs, ours, equal_var=False)
    assert found is not None
    assert (found.unit, found.conversion, found.n) == ("nats per token", "val_loss of the logs", (3, 3))
    assert found.p == pytest.approx(right.pvalue, rel=1e-4)
    assert (found.t, found.df) == pytest.approx((right.statistic, right.df), rel=1e-4)
    assert found.interval == pytest.approx(tuple(both.confidence_interval(0.95)), rel=1e-4)
    assert found.lower == pytest.approx(right.confidence_interval(0.99).low + 0.005, rel=1e-3)
    assert found.improvement == pytest.approx(shift * math.log(2) * RATIO, rel=1e-5)


@pytest.mark.parametrize(("shift", "shown"), [(0.004, True), (0.002, False), (-0.004, False)])
def test_the_bound_is_above_the_required_exactly_when_it_is_shown(
    tmp_path: Path, record: Any, shift: float, shown: bool
) -> None:
    found = audit(record.save(), reference_of(str(reference_record(tmp_path, record, shift))))
    assert found.significance is not None
    assert found.significance.passes == (found.significance.lower > 0.005) == shown
    finding = next(each for each in found.findings if each.kind == "significance")
    assert finding.text.startswith("shown: " if shown else "not shown: ")
    assert finding.severity == ("note" if shown else "warning")
    assert len(finding.places) == 3


def test_given_numbers_are_converted_with_the_folders_bytes_a_token(record: Any) -> None:
    theirs = (1.1098, 1.1102, 1.1105)
    found = audit(record.save(), reference_numbers("1.1098, 1.1102,1.1105", "--reference-bpb", "given")).significance
    right = stats.ttest_ind([v - 0.005 for v in nats(theirs)], nats(BPB), equal_var=False, alternative="greater")
    assert found is not None
    assert found.conversion == "bits per byte times ln 2 times 3.7267 bytes a token"
    assert found.p == pytest.approx(right.pvalue, rel=1e-3)


def test_one_value_has_no_spread(record: Any) -> None:
    found = audit(record.save(), reference_numbers("1.11", "--reference-bpb", "given"))
    right = stats.ttest_1samp(nats(BPB), nats((1.11,))[0] - 0.005, alternative="less")
    assert found.significance is not None
    assert found.significance.p == pytest.approx(right.pvalue, rel=1e-3)
    assert any("the spread of the side with one value is not in it" in each.text for each in found.findings)


def test_one_value_on_each_side_is_no_test(record: Any) -> None:
    record.logs = {7: record.logs[7]}
    record.claims = {"val_bpb": BPB[0]}
    found = audit(record.save(), reference_numbers("1.11", "--reference-bpb", "given"))
    assert found.significance is None
    assert "one result on each side: no spread, no test" in {each.text for each in found.findings}


def test_equal_results_are_no_division_by_zero(record: Any) -> None:
    record.logs = {}
    record.claims["seed_results"] = {str(seed): {"val_bpb": 1.1} for seed in (7, 11)}
    found = audit(record.save(), reference_numbers("1.2 1.2", "--reference-bpb", "given")).significance
    assert found is not None and found.p < 1e-50 and found.improvement == pytest.approx(0.1)


def test_without_bytes_a_token_the_rule_cannot_be_judged(record: Any) -> None:
    record.logs = {}
    found = audit(record.save(), reference_numbers("1.2 1.21", "--reference-bpb", "given"))
    assert found.significance is not None and found.significance.unit == "bits per byte"
    finding = next(each for each in found.findings if each.kind == "significance")
    assert finding.severity == "not stated"
    assert "so 0.005 nats cannot be converted: tested against no improvement" in finding.text


def test_another_tokenizer_than_the_references(tmp_path: Path, record: Any) -> None:
    folder = reference_record(tmp_path, record, 0.004)
    for path in folder.glob("*.log"):
        lines = []
        for line in path.read_text().splitlines():
            words = [f"val_loss:{float(w[9:]) / 2:.8f}" if w.startswith("val_loss:") else w for w in line.split(" ")]
            lines.append(" ".join(words))
        path.write_text("\n".join(lines))
    found = audit(record.save(), reference_of(str(folder)))
    texts = [each.text for each in found.findings if each.kind == "significance"]
    assert any(
        text.startswith("another tokenizer or text than the reference's, 3.7267 and 1.8633 bytes") for text in texts
    )
    assert found.significance is not None
    assert found.significance.conversion == "bits per byte times ln 2 times 3.7267 bytes a token"


def test_a_claimed_t_and_difference_are_compared(tmp_path: Path, record: Any) -> None:
    folder = reference_record(tmp_path, record, 0.004)
    plain = stats.ttest_ind(nats(BPB), nats(tuple(bpb + 0.004 for bpb in BPB)), equal_var=False)
    record.claims |= {
        "t_statistic": round(plain.statistic, 3),
        "welch_df": round(plain.df, 3),
        "delta_vs_pr1_bpb": -0.004,
    }
    texts = [
        each.text for each in audit(record.save(), reference_of(str(folder))).findings if each.kind == "significance"
    ]
    assert any("is against no improvement; the rule asks for one of 0.005 nats" in text for text in texts)
    assert not any("against this reference it is" in text for text in texts)
    record.claims |= {"t_statistic": -25.1, "welch_df": 2.5, "delta_vs_pr1_bpb": -0.05}
    found = audit(record.save(), reference_of(str(folder)))
    texts = [each.text for each in found.findings if each.kind == "significance" and each.severity == "error"]
    assert len(texts) == 3 and all("against this reference it is" in text for text in texts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.1,x", r"--reference-bpb: 'x' is not bits per byte; numbers such as 1.0897,1.0901 are expected"),
        ("1.1,nan", r"--reference-bpb: 'nan' is not bits per byte"),
        ("1.1,400", r"--reference-bpb: '400' is not bits per byte"),
        (" , ", r"--reference-bpb: no number; bits per byte such as 1.0897,1.0901 are expected"),
    ],
)
def test_numbers_that_are_none(text: str, message: str) -> None:
    with pytest.raises(AuditError, match=message):
        reference_numbers(text, "--reference-bpb", "given")


def test_a_reference_file_and_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "bpb.txt").write_text("1.11\n1.12\n")
    assert reference_of(str(tmp_path / "bpb.txt")).bpb == (1.11, 1.12)
    with pytest.raises(AuditError, match="neither a folder nor a file; bits per byte go to --reference-bpb"):
        reference_of(str(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(AuditError, match="neither submission.json nor a log with a figure in it"):
        reference_of(str(tmp_path / "empty"))
    (tmp_path / "empty" / "submission.json").write_text("{}")
    with pytest.raises(AuditError, match="neither its logs nor its claims give bits per byte of its seeds"):
        reference_of(str(tmp_path / "empty"))
