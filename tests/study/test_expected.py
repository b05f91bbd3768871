"""Which code a result has to be made from: the parts of its model and its optimisers, and no others."""

import pytest

from flowgolf.study.expected import Expected
from flowgolf.study.study import Study
from repository import ROOT

PARTS = "flowgolf.model.parts."
BASE = tuple(f"{PARTS}{name}" for name in ("bigram", "gated_attention", "smear"))
OPTIMISERS = tuple(f"flowgolf.train.optimisers.{name}" for name in ("adamw", "muon"))


@pytest.fixture
def modules(config):
    """Modules of a stage of a variant, after changes of the baseline's settings."""

    def of(stage, variant, **changes):
        for block, values in changes.items():
            config["base"][block] |= values
        return Expected(Study(config), lambda run, wrapped: 0).modules(stage, variant)

    return of


def test_a_training_has_the_parts_of_its_arm_and_its_optimisers(modules):
    assert modules("train", "base") == (*BASE, *OPTIMISERS)
    assert set(modules("train", "nfm")) == {*BASE, *OPTIMISERS, f"{PARTS}flow_matcher"}


def test_a_part_that_is_switched_off_or_null_has_no_say(modules):
    off = {"smear": False, "bigram": None}
    assert modules("train", "base", model=off) == (f"{PARTS}gated_attention", *OPTIMISERS)


def test_an_optimiser_that_no_group_uses_has_no_say(modules):
    assert modules("train", "base", train={"matrix_optimizer": "adamw"}) == (*BASE, OPTIMISERS[0])


def test_a_training_that_rounds_depends_on_the_grid_of_its_export_and_no_other_training_does(config):
    rounding = {"train": {"qat_below": 0.15}}
    config["variants"] |= {
        "wide": {"export": {"matrix_bits": 5}}, "qat": rounding, "larger": rounding | {"export": {"levels": [3]}},
        "qat_wide": rounding | {"export": {"matrix_bits": 5}},
    }  # fmt: skip
    study = Study(config)
    expected = Expected(study, lambda run, wrapped: 0)
    owners = [study.owner("train", name) for name in ("base", "wide", "qat", "larger", "qat_wide")]
    assert owners == ["base", "base", "qat", "qat", "qat_wide"]
    assert expected.settings("train", "qat_wide")["grid"]["matrix_bits"] == 5
    for name, rounds in (("base", False), ("qat", True)):
        assert ("flowgolf.train.rounding" in expected.modules("train", name)) == rounds
        assert "flowgolf.train.rounding" not in expected.modules("export", name)


def test_an_idea_is_code_of_the_stage_that_runs_it_and_of_no_other(config, own_ideas):
    names = [own_ideas.know(ROOT / "ideas" / f"{name}.py") for name in ("cosine", "fitted_scale", "norms_only_ttt")]
    config["variants"]["all"] = {
        "train": {"schedule": names[0]}, "export": {"quantiser": names[1]},
        "evaluate": {"legal_ttt": {"method": names[2]}},
    }  # fmt: skip
    expected = Expected(Study(config), lambda run, wrapped: 0)
    users = {"train": names[0], "export": names[1], "legal_ttt": names[2], "sliding": None}
    for stage, own in users.items():
        found = [each for each in expected.modules(stage, "all") if each.startswith("flowgolf_ideas.")]
        assert found == ([f"flowgolf_ideas.{own}"] if own else [])
        assert not [each for each in expected.modules(stage, "base") if each.startswith("flowgolf_ideas.")]


def test_an_arm_with_a_method_has_an_export_of_its_own_unless_the_size_of_the_code_is_given(config, own_ideas):
    method = own_ideas.know(ROOT / "ideas" / "norms_only_ttt.py")
    config["variants"]["norms"] = {"evaluate": {"legal_ttt": {"method": method}}}
    owners = {stage: Study(config).owner(stage, "norms") for stage in ("train", "export", "legal_ttt")}
    assert owners == {"train": "base", "export": "norms", "legal_ttt": "norms"}
    config["base"]["export"]["code_bytes"] = 80_000
    assert Study(config).owner("export", "norms") == Study(config).owner("sliding", "norms") == "base"


def test_an_evaluation_has_the_parts_alone_and_an_export_nothing(modules):
    assert modules("sliding", "base") == modules("legal_ttt", "base") == BASE
    assert modules("export", "base") == ()


def test_an_export_that_calibrates_runs_the_model_by_a_script_of_its_own(modules, config):
    plain = Expected(Study(config), lambda run, wrapped: 0)
    assert plain.script("export", "base").stem == "export"
    assert modules("export", "base", export={"calibration_batches": 2}) == BASE
    calibrated = Expected(Study(config), lambda run, wrapped: 0)
    assert calibrated.script("export", "base").stem == "calibrated_export"
    assert calibrated.label("export", "base") != plain.label("export", "base")
    assert calibrated.label("train", "base") == plain.label("train", "base")


def test_the_code_that_counts_is_that_of_the_wrapper_where_there_is_one(config):
    config["base"]["export"]["code_bytes"] = None
    sizes = []
    for wrapper in (False, True):
        config["base"]["export"]["code_wrapper"] = wrapper
        expected = Expected(Study(config), lambda run, wrapped: 57 if wrapped else 180)
        blocks = expected.settings("export", "base"), expected.identity("export", "base")
        sizes.append([block["export"]["code_bytes"] for block in blocks])
    assert sizes == [[180, 180], [57, 57]]


def test_settings_that_came_later_do_not_identify_an_export_that_has_none_of_them(config):
    config["base"]["export"]["code_wrapper"] = False
    identified = Expected(Study(config), lambda run, wrapped: 0).identity("export", "base")["export"]
    assert identified.keys() == {
        "cap_bytes", "code_bytes", "passthrough_max_elements", "levels", "scale_floor", "clip", "codec", "plan",
    }  # fmt: skip


def test_an_imported_checkpoint_has_no_optimiser(modules, config):
    config["imports"] = {"imported": {"checkpoint": "model.pt", "seed": 7, "model": {"smear": False}}}
    assert modules("train", "imported") == (f"{PARTS}bigram", f"{PARTS}gated_attention")
