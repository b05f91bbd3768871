"""The audits of a study's own submission folders: written for each, and judged together."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowgolf.audit.folder import AuditError
from flowgolf.audit.page import markdown, values
from flowgolf.audit.verdict import audit
from flowgolf.files import read_json, replacing, write_json


def write(folder: str | Path, page_path: str | Path, findings_path: str | Path) -> None:
    """Audit a folder; leave the page for people and the findings for programs. AuditError when it cannot be read."""
    found = audit(folder)
    with replacing(page_path) as temporary:
        temporary.write_text(markdown(found))
    write_json(findings_path, values(found))


def judge(findings_paths: Sequence[str | Path]) -> None:
    """Print the verdict on each folder and its errors; AuditError if there is any."""
    wrong = []
    for path in map(Path, findings_paths):
        found = read_json(path)
        print(f"{path.with_suffix('.md')}: {found['verdict']}", file=sys.stderr)
        errors = [finding for finding in found["findings"] if finding["severity"] == "error"]
        for finding in errors:
            print(f"  {finding['kind']}: {finding['text']} ({where(finding)})", file=sys.stderr)
        wrong += [f"{len(errors)} in {path.with_suffix('.md')}"] if errors else []
    if wrong:
        raise AuditError(f"errors: {', '.join(wrong)}")


def where(finding: dict[str, Any]) -> str:
    """The places of a finding, as `file:line`."""
    places = [place["file"] + (f":{place['line']}" if place["line"] else "") for place in finding["places"]]
    return ", ".join(places) or "no file"
