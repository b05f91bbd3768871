"""A result that is not what the study asks for now is told, with the reason; nothing of it is counted."""

import json
from pathlib import Path

import pytest

from flowgolf.files import sha256
from flowgolf.report.results.collect import collect_results
from flowgolf.running.origin import Origin
from flowgolf.study.current import outdated
from flowgolf.study.stages import STAGES
from flowgolf.watch.status import status_table
from made_up_study import StudyFolder

CODE = {"scripts/train.py": "aaaaaaaaaaaa"}


class TracedStudy(StudyFolder):
    """A made-up study whose results say what they were made from."""

    def trace(self) -> "TracedStudy":
        """Leave made_from.json beside every record, and say in the manifest that just this is expected."""
        data = self.write("data.json", {"shards": []})
        for run in self.manifest["runs"]:
            run |= {"data": str(data), "made_from": {}, "expected": {}, "jobs": {stage: [] for stage in STAGES}}
            for name, stage in STAGES.items():
                folder = Path(run[name]).parent
                outputs = {key: str(folder / file) for key, file in stage.outputs.items()}
                for key in outputs.keys() & {"model", "artifact"}:
                    Path(outputs[key]).write_text(f"{key} of {run['variant']} {run['seed']}")
                inputs = {} if name == "export" else {"data": data}
                inputs |= {key: Path(run[upstream]).with_name(STAGES[upstream].outputs[output])
                           for key, (upstream, output) in stage.takes.items()}  # fmt: skip
                digests = {key: sha256(path) for key, path in inputs.items()}
                origin = Origin(name, {"points": run["variant"]}, CODE, digests, versions="torch-2")
                run["made_from"][name] = str(folder / "made_from.json")
                run["expected"][name] = origin.label
                origin.write({**outputs, "made_from": run["made_from"][name]})
        return self


@pytest.fixture
def study(tmp_path):
    """A complete study in which everything is current."""
    return TracedStudy(tmp_path).complete().trace()


@pytest.fixture
def nfm(study):
    """The manifest's entry of one run."""
    return study.entry("nfm", 42)


def test_what_the_study_asks_for_is_current(study):
    assert {outdated(run, stage) for run in study.manifest["runs"] for stage in STAGES} == {""}
    frame = collect_results(study.manifest_path).frame
    assert set(frame["legal_ttt_status"]) == {"done"}


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        ("settings 000000000000, code {code}, versions {versions}", "other settings"),
        ("settings {settings}, code 000000000000, versions {versions}", "other code"),
        ("settings 000000000000, code 000000000000, versions {versions}", "other settings and code"),
        ("settings {settings}, code {code}, versions torch-1", "other versions"),
    ],
)
def test_other_settings_or_code_are_told_and_reach_what_follows(nfm, expected, why):
    now = dict(part.split(" ", 1) for part in nfm["expected"]["train"].split(", "))
    nfm["expected"]["train"] = expected.format(**now)
    assert outdated(nfm, "train") == why
    assert outdated(nfm, "export") == "train is outdated"
    assert outdated(nfm, "sliding") == outdated(nfm, "legal_ttt") == "export is outdated"


def test_an_evaluation_of_another_artifact_is_told(study, nfm):
    path = Path(nfm["made_from"]["export"])
    made_from = json.loads(path.read_text())
    made_from["outputs"]["artifact.bin"] = "0" * 64
    path.write_text(json.dumps(made_from))
    assert outdated(nfm, "export") == ""
    assert outdated(nfm, "sliding") == "made from another artifact"


def test_other_data_are_told(study, nfm):
    study.write("data.json", {"shards": ["another"]})
    assert outdated(nfm, "train") == "made from other data"


def test_a_record_that_was_edited_is_told(study, nfm):
    study.change("nfm", 42, "legal_ttt", bpb=1.0)
    assert outdated(nfm, "legal_ttt") == "legal_ttt.json was changed after it was made"


def test_a_result_of_an_older_version_and_one_whose_training_is_gone_are_told(nfm):
    Path(nfm["made_from"]["train"]).unlink()
    assert outdated(nfm, "train") == "made by a version that did not say of what"
    assert outdated(nfm, "export") == "train is gone"


def test_values_of_a_published_study_are_believed(tmp_path):
    study = StudyFolder(tmp_path).complete()
    assert outdated(study.entry("nfm", 42), "sliding") == ""


def test_nothing_outdated_is_counted_in_a_table_or_drawn(study, nfm):
    for run in study.manifest["runs"]:
        if run["variant"] == "nfm":
            run["expected"]["train"] = "settings 000000000000, code 000000000000, versions none"
    results = collect_results(study.manifest_path)
    assert results.values("nfm", "sliding_bpb").empty and not results.values("base", "sliding_bpb").empty
    assert results.status("nfm", "train") == "outdated: other settings and code and versions"
    assert set(results.training["variant"]) == set(results.adaptation["variant"]) == {"base", *study.variants} - {"nfm"}
    shown = status_table(study.manifest, {}, 0.0)
    assert shown.title == "made_up: 8 runs, 5 done, 3 outdated"
    row = shown.frame[shown.frame["variant"] == "nfm"].iloc[0]
    assert row["state"].startswith(
        "train outdated: other settings and code and versions; export outdated: train is outdated"
    )
    assert row["sliding_bpb"] == ""


def test_data_that_could_not_be_made_are_the_reason_of_every_run(study, nfm, tmp_path):
    failure = study.write("failed/tokens.json", {"message": "data: corpus: no text in it"})
    study.remove("nfm", 42, *STAGES)
    nfm["failed_data"] = [str(tmp_path / "failed/tokenizer.json"), str(failure)]
    row = collect_results(study.manifest_path).frame.query("variant == 'nfm' and seed == 42").iloc[0]
    assert {row[f"{stage}_status"] for stage in STAGES} == {"failed: data: corpus: no text in it"}
    shown = status_table(study.manifest, {}, 0.0).frame.query("variant == 'nfm' and seed == '42'").iloc[0]
    assert shown["state"] == "train, export, sliding, legal_ttt failed: data: corpus: no text in it"
