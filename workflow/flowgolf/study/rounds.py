"""Rounds of seeds: how many each arm has by now, as the last launch's claims.json left it (docs/claims.md).

A launch that is running fixes its round for every process that it starts, so that claims.json may change meanwhile.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flowgolf.files import read_json
from flowgolf.provenance import digest
from flowgolf.study.stages import STAGES
from flowgolf.study.study import Study

VARIABLE = "FLOWGOLF_ROUND"
RECORD = "claims.json"


def reached(study: Study, made_from: str, folder: Path) -> dict[str, int]:
    """Seeds of each arm of a claim in this round; the first round's where nothing more has been asked for.

    `made_from` is the study's `claimed`, `folder` holds its results. A record of other settings or code begins the
    rounds again, with a line on stderr.
    """
    rule = study.rule
    if rule is None:
        return {}
    name, _, fixed = os.environ.get(VARIABLE, "").partition("=")
    if name != f"{study.settings.name} {made_from}":
        wanted = recorded(made_from, folder / RECORD)
        fixed = ",".join(f"{arm}:{min(count, rule.most)}" for arm, count in wanted.items() if arm in study.variants)
        os.environ[VARIABLE] = f"{study.settings.name} {made_from}={fixed}"
    pairs = (each.rpartition(":") for each in fixed.split(",") if each)
    return {arm: int(count) for arm, _, count in pairs}


def recorded(made_from: str, path: Path) -> dict[str, int]:
    """What claims.json asks for; nothing where there is none, or where it is about other settings or code."""
    if not path.exists():
        return {}
    try:
        record: Mapping[str, Any] = read_json(path)
    except ValueError as error:
        print(f"{error}; rounds of seeds begin again", file=sys.stderr)
        return {}
    if record.get("made_from") != made_from:
        print(f"{path}: looks at other settings or code; rounds of seeds begin again", file=sys.stderr)
        return {}
    return dict(record["seeds"])


def claimed(study: Study, label: Callable[[str, str], str]) -> str:
    """Hash of the claims, and of the settings and code that every result of their arms follows from."""
    claims = {name: claim.model_dump() for name, claim in study.settings.claims.items()}
    arms = sorted({arm for claim in study.settings.claims.values() for arm in claim.arms})
    labels = {f"{arm} {stage}": label(stage, study.owner(stage, arm)) for arm in arms for stage in STAGES}
    return digest([claims, study.rule and study.rule.model_dump(), labels])
