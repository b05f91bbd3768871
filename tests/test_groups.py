"""Tests that share a slow fixture run in one process, whatever versions of pytest and its plugin are installed."""

import os

import pytest


@pytest.mark.xdist_group("together")
def test_the_tests_of_a_group_are_kept_together(request):
    """The plugin knows a group by the end of a test's name; pytest 9.2 with xdist 3.8 drops it without a word."""
    assert request.node.nodeid.endswith("@together") or "PYTEST_XDIST_WORKER" not in os.environ
