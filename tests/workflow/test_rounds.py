"""Seeds that claims ask for, launch by launch, on the finished tiny study."""

import pytest

from flowgolf.files import read_json

pytestmark = pytest.mark.xdist_group("workflow")
STAGES = {"train", "export", "sliding", "legal_ttt"}
CLAIM = {"arm": "nfm", "against": "base", "value": "legal_ttt", "smallest": 1.0e-9}


def test_an_undecided_claim_adds_a_seed_of_its_arms_to_the_next_launch(clone):
    """Two seeds bound nothing, so that the first round cannot decide; no result of it is made again."""
    config = {**clone.config, "claims": {"helps": CLAIM}, "seeds": {"start": 2, "most": 3}}
    config["variants"] = {**clone.config["variants"], "idle": clone.config["variants"]["base"]}
    clone.write_config(config)
    assert not STAGES & clone.planned().keys()
    done = clone.snakemake()
    assert done.returncode == 0, done.stderr
    assert "undecided: helps; the same command goes on with base seed 3, nfm seed 3" in done.stdout + done.stderr
    record = read_json(clone.results / "claims.json")
    assert [look["verdict"] for look in record["claims"]["helps"]] == ["undecided"]
    assert "| helps " in (clone.results / "tables" / "summary.md").read_text()

    planned = clone.planned()
    assert {stage: planned[stage] for stage in STAGES} == dict.fromkeys(STAGES, 2)
    config["claims"] = {"helps": {**CLAIM, "smallest": 2.0e-9}}
    clone.write_config(config)
    assert not STAGES & clone.planned().keys()
    assert "rounds of seeds begin again" in clone.snakemake("-n").stderr
    clone.write_config(clone.config)
    assert clone.snakemake().returncode == 0  # the page of the study as the other tests expect it
