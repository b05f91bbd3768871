"""Claims and the rule for seeds, as a study writes them down: accepted, refused in one sentence, resolved into runs."""

from typing import Any

import pytest

from flowgolf.files import write_json
from flowgolf.study.errors import ConfigError
from flowgolf.study.layout import Layout
from flowgolf.study.manifest import manifest
from flowgolf.study.rounds import claimed, reached
from flowgolf.study.study import Study

CLAIM: dict[str, Any] = {"arm": "nfm", "against": "base", "value": "sliding", "smallest": 0.005}
RULE = {"start": 3, "most": 6}


def with_claim(config: dict[str, Any], seeds: Any = None, **changes: Any) -> dict[str, Any]:
    claim = {key: value for key, value in {**CLAIM, **changes}.items() if value is not None}
    return {**config, "sweeps": {}, "submission": None, "claims": {"helps": claim}, "seeds": seeds or [1, 2, 3]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"arm": "nmf"}, "claims.helps: no variant 'nmf'; did you mean nfm?"),
        ({"against": "bass"}, "claims.helps: no variant 'bass'; did you mean base?"),
        ({"against": "nfm"}, "claims.helps.against: nfm is compared with itself"),
        ({"bar": 2.0}, "claims.helps: a claim has either against (a variant) or bar (a number)"),
        ({"against": None}, "claims.helps: a claim has either against (a variant) or bar (a number)"),
        ({"smallest": 0}, "claims.helps.smallest: input should be greater than 0, found 0"),
        ({"error_rate": 0.5}, "claims.helps.error_rate: input should be less than 0.5, found 0.5"),
        ({"test": "z"}, "claims.helps.test: z does not compare with a variant; accepted: anytime or welch"),
        ({"test": "welch", "against": None, "bar": 2.0},
         "claims.helps.test: welch does not compare with a bar; accepted: anytime, one_sample_t or z"),
        ({"test": "z", "against": None, "bar": 2.0}, "claims.helps.sigma: test z needs it, and no other test takes it"),
        ({"sigma": 0.1}, "claims.helps.sigma: test z needs it, and no other test takes it"),
        ({"preset": "mine"}, "claims.helps.preset: input should be 'challenge' or 'speedrun', found 'mine'"),
    ],
)  # fmt: skip
def test_a_claim_that_cannot_be_decided_is_one_sentence(
    config: dict[str, Any], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        Study(with_claim(config, **changes), "study.yaml")
    assert str(refused.value) == f"study.yaml: {sentence}"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seeds": {"start": 3, "most": 2}}, "seeds.most: 2 is below start, 3"),
        ({"seeds": {"start": 1, "most": 2}}, "seeds.start: input should be greater than or equal to 2, found 1"),
        ({"seeds": {"start": 3, "mots": 4}}, "seeds.most: missing"),
        ({"seeds": []}, "seeds: list should have at least 1 item after validation, not 0, found []"),
        ({"claims": {}}, "seeds.by: claim, but the study has no claims"),
        ({"claims": {"helps": {**CLAIM, "preset": "challenge"}}},
         "claims.helps.test: welch holds at one number of seeds, and seeds are added; accepted: anytime"),
        ({"report": {"reference": "base", "two_by_two": ["base", "nfm"], "matched_plan": True}},
         "report.matched_plan: true, but the plan follows from all seeds, and seeds are added"),
    ],
)  # fmt: skip
def test_a_rule_for_seeds_that_cannot_end_is_one_sentence(
    config: dict[str, Any], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        Study({**with_claim(config, RULE), **changes}, "study.yaml")
    assert f"study.yaml: {sentence}" in str(refused.value).splitlines()


def test_a_preset_says_what_the_claim_does_not(config: dict[str, Any]) -> None:
    claim = Study(with_claim(config, preset="challenge", smallest=None)).settings.claims["helps"]
    assert (claim.smallest, claim.unit, claim.error_rate, claim.test) == (0.005, "nats", 0.01, "welch")
    own = Study(with_claim(config, preset="challenge", smallest=0.01)).settings.claims["helps"]
    assert own.smallest == 0.01


def test_arms_have_the_seeds_that_claims_have_asked_for_and_others_those_of_the_first_round(
    config: dict[str, Any],
) -> None:
    given = with_claim(config, RULE)
    given["variants"] = {**given["variants"], "other": {"train": {"weight_decay": 0.07}}}
    study = Study(given, reached={"base": 5, "nfm": 5})
    counts = {arm: sum(run.variant == arm for run in study.runs) for arm in study.variants}
    assert counts == {"base": 5, "nfm": 5, "other": 3}
    assert [run.seed for run in study.runs if run.variant == "nfm"] == [1, 2, 3, 4, 5]
    written = manifest(Layout(study), lambda stage, variant: "")
    assert (written["seeds"], written["seed_rule"]) == ([1, 2, 3], {**RULE, "by": "claim"})


def test_variants_with_different_numbers_of_seeds_are_not_submitted(config: dict[str, Any]) -> None:
    given = {**with_claim(config, RULE), "submission": {**config["submission"], "author": "A", "github_id": "a"}}
    study = Study(given, reached={"nfm": 4})
    with pytest.raises(ConfigError, match="claims gave them different numbers of seeds: base 3, nfm 4"):
        study.check_submitter()


class TestRounds:
    @pytest.fixture(autouse=True)
    def no_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FLOWGOLF_ROUND", "")

    @staticmethod
    def label(stage: str, variant: str) -> str:
        return f"{stage} of {variant}"

    def leave(self, folder: Any, study: Study, **changes: Any) -> None:
        record = {"made_from": claimed(study, self.label), "seeds": {"base": 4, "nfm": 4}, **changes}
        write_json(folder / "claims.json", record)

    def test_listed_seeds_and_a_first_launch_have_no_round(self, config: dict[str, Any], tmp_path: Any) -> None:
        for study in (Study(with_claim(config)), Study(with_claim(config, RULE))):
            assert reached(study, claimed(study, self.label), tmp_path) == {}

    def test_the_next_launch_has_what_the_last_asked_for(self, config: dict[str, Any], tmp_path: Any) -> None:
        study = Study(with_claim(config, RULE))
        self.leave(tmp_path, study)
        assert reached(study, claimed(study, self.label), tmp_path) == {"base": 4, "nfm": 4}

    def test_processes_of_a_launch_keep_its_round(self, config: dict[str, Any], tmp_path: Any) -> None:
        study = Study(with_claim(config, RULE))
        assert reached(study, claimed(study, self.label), tmp_path) == {}
        self.leave(tmp_path, study)
        assert reached(study, claimed(study, self.label), tmp_path) == {}
        other = Study({**with_claim(config, RULE), "name": "other"})
        assert reached(other, claimed(other, self.label), tmp_path) == {"base": 4, "nfm": 4}

    @pytest.mark.parametrize(
        ("left", "told"),
        [
            ({"made_from": "0"}, "looks at other settings or code; rounds of seeds begin again"),
            (None, "not readable as JSON"),
        ],
    )
    def test_looks_at_other_code_or_a_torn_record_begin_again(
        self, config: dict[str, Any], tmp_path: Any, capsys: Any, left: dict[str, Any] | None, told: str
    ) -> None:
        study = Study(with_claim(config, RULE))
        self.leave(tmp_path, study, **(left or {}))
        if left is None:
            (tmp_path / "claims.json").write_text("{")
        assert reached(study, claimed(study, self.label), tmp_path) == {}
        assert told in capsys.readouterr().err

    def test_no_record_gives_more_than_the_most(self, config: dict[str, Any], tmp_path: Any) -> None:
        study = Study(with_claim(config, RULE))
        self.leave(tmp_path, study, seeds={"base": 400, "nfm": 4, "gone": 5})
        assert reached(study, claimed(study, self.label), tmp_path) == {"base": 6, "nfm": 4}
