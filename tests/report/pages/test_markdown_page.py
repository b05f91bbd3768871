"""The page of a finished study that is kept under version control."""

from pathlib import Path
from typing import Any

import pytest

from flowgolf.report.pages.markdown_page import document_lines, facts, limits, order_follows_seed, result_page
from flowgolf.report.results.collect import collect_results
from flowgolf.report.results.names import PLOTS, sweep_name

COUNTED = {"documents": 12, "bytes_original": 527_531, "tokens": 179_529}
UNKNOWN_TEXT = {**COUNTED, "bytes_original": None}  # as ready shards leave it
COMPARISON = {"difference_bpb": 0.00123, "low": -0.001, "high": 0.003, "confidence": 0.95, "num_documents": 40}


@pytest.fixture
def made(study: Any, tmp_path: Path) -> Path:
    """The page of the made-up study."""
    model = {"layers": 5, "dim": 128, "seq_len": 256}
    for variant, seeds in study.variants.items():
        for seed in seeds:
            study.change(variant, seed, "train", model=model, train={"batch_tokens": 2048, "threads": 1})
    data = study.write("data.json", {"source": {"source": "sample"}, "train": UNKNOWN_TEXT, "validation": COUNTED})
    bootstrap = study.write("bootstrap.json", {"comparisons": {"sliding seed 42": COMPARISON}, "not_offered": None})
    for name in (*PLOTS, sweep_name("loss_weight")):
        (tmp_path / f"{name}.svg").write_text(f"<svg>{name}</svg>")
    page = tmp_path / "pages" / "README.md"
    result_page(study.manifest_path, data, bootstrap, tmp_path, "config/made_up.yaml", page)
    return page


def test_it_says_how_it_was_made(made: Path) -> None:
    text = made.read_text()
    assert text.startswith("# made_up\n\nDoes it?\n")
    assert "snakemake --configfile config/made_up.yaml -- result_page" in text
    assert "- base: 700,000 parameters, 5 blocks of width 128; 250 steps of 2,048 tokens, sequences of 256." in text
    assert "12 documents, 527,531 bytes, 179,529 tokens" in text
    assert "- Training text (source `sample`): 12 documents, 179,529 tokens." in text
    assert "at commit `abc123`" in text


def test_found_and_not_found_stand_apart(study: Any, made: Path) -> None:
    found, _, rest = made.read_text().partition("## What it cannot say")
    limits = rest.partition("## The same text")[0]
    assert "- TTT on base: " in found and "effect at n = 3: lower bpb." in found
    effects = [line for line in found.splitlines() if line.startswith("- ") and "not resolved" in line]
    assert effects
    for line in effects:
        assert line.removeprefix("- ").partition(": ")[0] in limits
    assert "TTT on base" not in limits


def test_documents_tables_and_plots_are_there(made: Path) -> None:
    text = made.read_text()
    assert (
        "- nfm - base, sliding seed 42: +0.00123 bpb, 95% of resamples of 40 documents in [-0.00100, +0.00300]" in text
    )
    for heading in ("## Seeds", "## 2x2: variant and legal TTT", "## The arms", "## Sweep: loss_weight", "## Export"):
        assert heading in text
    assert "Beside the published figures" not in text
    for name in PLOTS:
        assert (made.parent / f"{name}.svg").read_text() == f"<svg>{name}</svg>"
        assert f"]({name}.svg)" in text


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (
            {"order": "shuffled", "data_seed": "run"},
            "the random draws and the order of the training text. The split of",
        ),
        (
            {"order": "shuffled", "data_seed": "fixed"},
            "the random draws. The order of the training text, its split and",
        ),
        ({"order": "stream", "data_seed": "run"}, "the random draws. The order of the training text, its split and"),
    ],
)
def test_what_no_interval_covers_follows_from_the_settings(train: dict[str, str], said: str, study: Any) -> None:
    study.change_all("train", train=train)
    varies = order_follows_seed(collect_results(study.manifest_path))
    assert said in " ".join(limits([], 12, varies))


def test_other_points_are_told_of_sweeps_alone(new_study: Any) -> None:
    study = new_study(0).complete()
    study.change_all("train", model={"layers": 5, "dim": 128, "seq_len": 256}, train={"batch_tokens": 9, "threads": 1})
    data = {"source": {"source": "sample"}, "train": COUNTED, "validation": COUNTED}
    assert next(facts(collect_results(study.manifest_path), data)) == "6 runs: base, nfm under seeds 42, 1337, 2025."
    study.manifest["seeds"] = [42, 1337]  # of the first round; claims have asked for one more
    assert next(facts(collect_results(study.manifest_path), data)) == "6 runs: base, nfm under seeds 42, 1337, 2025."


def test_too_few_documents_are_said_in_place_of_intervals(study: Any) -> None:
    results = collect_results(study.manifest_path)
    record = {"comparisons": {}, "not_offered": "The bootstrap would rest on 12 documents."}
    assert list(document_lines(results, record)) == ["The bootstrap would rest on 12 documents."]


def test_records_that_break_a_rule_are_refused(study: Any, tmp_path: Path) -> None:
    study.change("nfm", 1337, "sliding", settings={"stride": 32})
    with pytest.raises(ValueError, match=r"break a rule of docs/spec/legality.md: variant nfm, sliding: seq_len"):
        result_page(study.manifest_path, tmp_path, tmp_path, tmp_path, "study.yaml", tmp_path / "page.md")
