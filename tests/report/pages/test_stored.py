"""A kept page whose statistics are made again from the figures beside it."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowgolf.files import read_json, write_json
from flowgolf.report.pages.markdown_page import result_page
from flowgolf.report.pages.stored import main, remake, with_sections
from flowgolf.report.results.kept import FIGURES, kept_figures
from flowgolf.report.results.names import PLOTS, sweep_name
from flowgolf.report.tables.tables import study_tables
from repository import ROOT

MIDDLE = ROOT / "docs" / "results" / "middle"
COUNTED = {"documents": 12, "bytes_original": 527_531, "tokens": 179_529}


@pytest.fixture
def page(study: Any, tmp_path: Path) -> Path:
    """The page of the made-up study in a folder of its own."""
    for variant, seeds in study.variants.items():
        for seed in seeds:
            model = {"layers": 5, "dim": 128, "seq_len": 256}
            study.change(variant, seed, "train", model=model, train={"batch_tokens": 2048, "threads": 1})
    data = study.write("data.json", {"source": {"source": "sample"}, "train": COUNTED, "validation": COUNTED})
    bootstrap = study.write("bootstrap.json", {"comparisons": {}, "not_offered": "Too few documents."})
    for name in (*PLOTS, sweep_name("loss_weight")):
        (tmp_path / f"{name}.svg").write_text(f"<svg>{name}</svg>")
    path = tmp_path / "pages" / "README.md"
    result_page(study.manifest_path, data, bootstrap, tmp_path, "config/made_up.yaml", path)
    return path


def test_a_page_is_made_again_as_it_was(page: Path) -> None:
    text = page.read_text()
    page.write_text(text.replace("not resolved", "resolved").replace("p (Holm)", "p"))
    assert page.read_text() != text
    others = {path: path.read_bytes() for path in page.parent.iterdir() if path.name not in (page.name, "effects.svg")}
    remake(page.parent)
    assert page.read_text() == text
    assert (page.parent / "effects.svg").read_text().startswith("<?xml")
    assert others == {path: path.read_bytes() for path in others} and len(others) == len(PLOTS) + 1


def test_what_a_person_wrote_and_tables_without_tests_stay(page: Path) -> None:
    text = (
        page.read_text()
        .replace("## What was run", "A remark.\n\n## What was run")
        .replace("## Export\n", "## Export\n!")
    )
    page.write_text(text)
    remake(page.parent)
    assert page.read_text() == text


def test_a_section_of_a_newer_version_finds_its_place() -> None:
    text = "# study\n\n## a\n\nold\n\n## c\n\nold\n\n## kept\n"
    made = ["## a\n\nnew\n", "## b\n\nnew\n", "## c\n\nnew\n"]
    assert with_sections(text, made) == "# study\n\n## a\n\nnew\n\n## b\n\nnew\n\n## c\n\nnew\n\n## kept\n"


def test_figures_keep_every_digit_and_what_was_scored(study: Any, page: Path) -> None:
    kept = kept_figures(page.with_name(FIGURES)).results
    record = read_json(study.entry("nfm", 1337)["sliding"])
    assert kept.values("nfm", "sliding_bpb")[1337] == pytest.approx(record["bpb"], abs=1e-14)
    assert kept.runs["nfm"].loc[1337, "sliding_basis"]["text"] == "b" * 64
    effects = next(table for table in study_tables(kept, None) if table.name == "effects")
    assert effects.frame["verdict"].str.startswith("effect").any()


def test_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path / "figures.json", {"manifest": {}, "figures": []})
    with pytest.raises(ValueError, match=r"figures.json: not the figures of a study: num_documents, bootstrap missing"):
        remake(tmp_path)
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nowhere")])
    assert "nowhere: no figures.json in it" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(path.name for path in MIDDLE.parent.iterdir()))
def test_our_studies_are_what_the_code_makes_of_their_figures(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(MIDDLE.with_name(name), tmp_path / name)
    main([str(folder)])
    assert (folder / "README.md").read_text() == (MIDDLE.with_name(name) / "README.md").read_text()


def test_the_resolved_difference_of_our_middle_study_is_in_its_tables() -> None:
    kept = kept_figures(MIDDLE / FIGURES).results
    effects = next(table for table in study_tables(kept, None) if table.name == "effects").frame.set_index("what")
    row = effects.loc["logit_scale - base, TTT gain"]
    shown = f"{row['difference']:+.5f} [{row['difference_low']:+.5f}, {row['difference_high']:+.5f}]"
    assert (shown, row["n"], f"{row['p']:.4f}") == ("-0.00261 [-0.00341, -0.00181]", "5", "0.0008")
    assert row["verdict"] == "effect at n = 5: lower bpb"
    resolved = [what for what in effects.index if effects.loc[what, "verdict"].startswith("effect")]
    gains = [f"TTT on {arm}" for arm in ("base", "nfm", "logit_scale")]
    assert resolved == ["logit_scale - base, TTT gain", "nfm - logit_scale, TTT gain", *gains]
    text = (ROOT / "README.md").read_text()
    for what in ("logit_scale - base, TTT gain", "nfm - logit_scale, sliding", "nfm - logit_scale, legal TTT"):
        found = effects.loc[what]
        interval = f"[{found['difference_low']:+.5f}, {found['difference_high']:+.5f}]"
        assert f"{found['difference']:+.5f} {interval}, n = 5" in text, what
    assert pd.notna(effects.loc[gains, "p_holm"]).all()
