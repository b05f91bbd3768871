"""What the report says about where a value comes from."""

from flowgolf.report.pages.evidence import provenance_row

RUN = {"variant": "nfm", "seed": 42, "sliding": "runs/nfm/sliding.json"}
PART = {"slurm_job_id": "17", "slurmd_nodename": "g1", "host": "login", "queue_seconds": 5}


def shown(record):
    row = provenance_row(RUN, "sliding", record)
    return row["job"], row["host"], row["queue_seconds"]


def test_a_job_is_shown_with_its_node_and_its_wait():
    assert shown(PART) == ("17", "g1", 5)


def test_without_slurm_the_machine_is_shown():
    assert shown({**dict.fromkeys(PART), "host": "desk"}) == ("-", "desk", None)


def test_a_merged_evaluation_shows_the_jobs_of_its_parts_and_the_longest_wait():
    merged = {**dict.fromkeys(PART), "parts": [PART, {**PART, "slurm_job_id": "18", "queue_seconds": 60}]}
    assert shown(merged) == ("17 18", "g1", 60)


def test_tries_and_repeats_of_an_evaluation_are_shown_and_missing_ones_are_not_invented():
    row = provenance_row(RUN, "sliding", {**PART, "tries": 3, "repeats": {"documents": 7, "tolerated": 9}})
    assert (row["tries"], row["repeats"]) == ("3", "7")
    row = provenance_row(RUN, "sliding", PART)
    assert (row["tries"], row["repeats"]) == ("-", "-")
