"""Snakemake asks less for each job, and gets the same answers."""

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.common import get_function_params

from flowgolf.running.planning import once_a_rule, one_of, quick

NAMES = st.sets(st.text("ab0.+=-_", min_size=1, max_size=4), max_size=12)


@given(names=NAMES, others=NAMES)
def test_a_pattern_matches_its_names_and_nothing_else(names, others):
    pattern = re.compile(f"x/(?P<name>{one_of(names)})/y")
    for name in names | others:
        assert bool(pattern.fullmatch(f"x/{name}/y")) == (name in names)
    assert not pattern.fullmatch("x//y")


def test_names_that_begin_alike_share_a_branch():
    assert one_of(range(12)) == "(?:0|1(?:0|1)?|2|3|4|5|6|7|8|9)"
    assert one_of(["base", "base-2"]) == r"base(?:\-2)?"


def test_a_quick_function_has_its_parameters():
    assert list(get_function_params(quick(lambda wildcards, attempt: None))) == ["wildcards", "attempt"]


def test_a_check_is_made_once_a_rule_and_again_where_it_failed():
    asked = []

    def check(processor, job):
        asked.append(job.rule)
        if asked == ["lost"]:
            raise ValueError("no such script")

    check_first = once_a_rule(check)
    jobs = [SimpleNamespace(rule=rule) for rule in ("lost", "lost", "train", "train", "lost")]
    with pytest.raises(ValueError, match="no such script"):
        check_first(None, jobs[0])
    for job in jobs:
        check_first(None, job)
    assert asked == ["lost", "lost", "train"]
