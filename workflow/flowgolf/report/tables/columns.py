"""Printed columns of the values that a study compares."""

from flowgolf.report.results.collect import Results
from flowgolf.report.results.metrics import METRICS, label
from flowgolf.report.tables.render import Column


def column(results: Results, metric: str) -> Column:
    """The printed column of a figure."""
    return Column(metric, label(results, metric), METRICS[metric].spec)
