"""One run under two names, and the seeds that a study declares."""

from typing import Any

from flowgolf.report.results.collect import collect_results
from flowgolf.report.results.declared_runs import canonical, declared_seeds, read_manifest
from flowgolf.report.tables.tables import tables


def share_files(study: Any, second: str, first: str) -> None:
    """Let a variant's seed 42 have the files of another's, as the study does with equal settings."""
    study.entry(second, 42).update({**study.entry(first, 42), "variant": second})


def test_the_default_value_of_a_sweep_is_the_variant_it_sweeps(study: Any) -> None:
    share_files(study, "nfm-loss_weight=0.1", "nfm")
    manifest = read_manifest(study.manifest_path)
    assert manifest["sweeps"]["loss_weight"]["variants"] == ["nfm-loss_weight=0.05", "nfm"]
    assert [run["variant"] for run in manifest["runs"]] == ["base"] * 3 + ["nfm"] * 3 + ["nfm-loss_weight=0.05"]
    assert declared_seeds(manifest) == {
        "base": [42, 1337, 2025],
        "nfm": [42, 1337, 2025],
        "nfm-loss_weight=0.05": [42],
    }


def test_a_run_under_two_names_stands_once_in_the_tables(study: Any, tmp_path: Any) -> None:
    share_files(study, "nfm-loss_weight=0.1", "nfm")
    tables(study.manifest_path, tmp_path)
    assert "nfm-loss_weight=0.1" not in (tmp_path / "seeds.csv").read_text()
    assert "| 0.1         | nfm  " in (tmp_path / "sweep_loss_weight.md").read_text()


def test_a_shared_training_alone_does_not_make_one_run_of_two(study: Any) -> None:
    shared = study.entry("nfm", 42)
    study.entry("nfm-loss_weight=0.1", 42).update(train=shared["train"], export=shared["export"])
    assert len(read_manifest(study.manifest_path)["runs"]) == len(study.manifest["runs"])


def test_main_variants_are_those_not_made_by_a_sweep(study: Any) -> None:
    assert canonical(study.manifest)["main_variants"] == ["base", "nfm"]
    study.manifest["sweeps"]["loss_weight"]["variants"][1] = "nfm"
    assert "nfm" in canonical(study.manifest)["main_variants"]


def test_a_frame_row_per_run(study: Any) -> None:
    frame = collect_results(study.manifest_path).frame
    assert list(zip(frame["variant"], frame["seed"], strict=True))[:4] == [
        ("base", 42),
        ("base", 1337),
        ("base", 2025),
        ("nfm", 42),
    ]
