"""A whole study, every rule of it, through `snakemake --profile slurm` as typed."""

import re
from collections import Counter

import pandas as pd
import pytest

pytestmark = pytest.mark.xdist_group("cluster")
ON_GPUS = {"train", "sliding", "sliding_part", "legal_ttt"}
JOBS = {
    "tokenizer": 1, "tokens": 1, "train": 3, "export": 3, "sliding": 2, "sliding_part": 2, "legal_ttt": 3,
}  # fmt: skip


def rule_of(job):
    return re.fullmatch(r"rule_(\w+?)(_wildcards_.*)?", job.comment)[1]


def test_every_stage_is_a_job_and_the_small_rules_are_not(finished):
    assert Counter(map(rule_of, finished.jobs)) == JOBS
    assert {job.state for job in finished.jobs} == {"COMPLETED"}
    assert (finished.clone.results / "report.html").exists()


def test_a_job_gets_what_its_stage_needs(finished, slurm):
    shown = {job.comment: slurm.asked(job) for job in finished.jobs}
    on_gpus = {job.comment for job in finished.jobs if rule_of(job) in ON_GPUS}
    for comment, job in shown.items():
        on_gpu = comment in on_gpus
        assert job["Partition"] == ("gpu" if on_gpu else "cpu"), comment
        assert job["NumNodes"] == "1", comment
        assert job["TimeLimit"] == ("00:30:00" if on_gpu else "01:00:00"), comment
    one, two = shown["rule_train_wildcards_nfm_1"], shown["rule_train_wildcards_pair_1"]
    assert (one["NumCPUs"], one["MinMemoryNode"], one["TresPerJob"]) == ("1", "1508M", "gres:gpu:1")
    assert (two["NumCPUs"], two["MinMemoryNode"], two["TresPerJob"]) == ("2", "3016M", "gres:gpu:2")
    assert shown["rule_tokens"]["NumCPUs"] == "8"


def test_two_devices_share_a_training(finished):
    record = finished.clone.record("pair")
    assert record["devices"] == 2
    assert [session["devices"] for session in record["sessions"]] == [2]


@pytest.mark.parametrize("stage", ["train/run", "export/export", "sliding/sliding", "legal_ttt/legal_ttt"])
def test_a_record_names_job_node_and_wait(finished, stage):
    nodes = {str(job.identifier): job.node for job in finished.jobs}
    record = finished.clone.record("nfm", f"{stage}.json")
    assert record["slurmd_nodename"] == nodes[record["slurm_job_id"]]
    assert record["slurm_job_partition"] == ("cpu" if "export" in stage else "gpu")
    assert 0 <= record["queue_seconds"] < 300


def test_the_tables_name_the_jobs(finished):
    results = finished.clone.results
    trainings = {job.comment: str(job.identifier) for job in finished.jobs if rule_of(job) == "train"}
    seeds = pd.read_csv(results / "tables/seeds.csv", dtype=str).query("seed == '1'").set_index("variant")["job"]
    assert {f"rule_train_wildcards_{variant}_1": job for variant, job in seeds.items()} == trainings
    page = (results / "report.html").read_text()
    for job in trainings.values():
        assert f">{job}</td>" in page
    parts = sorted((job.comment, str(job.identifier)) for job in finished.jobs if rule_of(job) == "sliding_part")
    assert f">{' '.join(job for _, job in parts)}</td>" in page
