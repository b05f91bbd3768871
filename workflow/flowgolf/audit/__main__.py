"""`python -m flowgolf.audit FOLDER`: a page of findings on a record folder, without running any of its code."""

import argparse
import json
import sys
from collections.abc import Sequence

from flowgolf.audit.folder import AuditError
from flowgolf.audit.page import markdown, values
from flowgolf.audit.sample import Sample, reference_numbers, reference_of
from flowgolf.audit.verdict import audit


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page; 0 without errors, 1 with errors, 2 when the folder or the reference cannot be read."""
    chosen = parser().parse_args(arguments)
    try:
        found = audit(chosen.folder, reference(chosen))
    except AuditError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(json.dumps(values(found), indent=1) if chosen.json else markdown(found), end="")
    return 1 if found.counts["error"] else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(prog="python -m flowgolf.audit", description=__doc__)
    whole.add_argument("folder", help="a record folder: submission.json, logs, train_gpt.py, README.md")
    sides = whole.add_mutually_exclusive_group()
    sides.add_argument("--reference", help="record folder, or file of bits per byte, that the folder is to beat")
    sides.add_argument("--reference-bpb", metavar="BPB,BPB,...", help="bits per byte of the reference's seeds")
    whole.add_argument("--json", action="store_true", help="print values for a program instead of a page")
    return whole


def reference(chosen: argparse.Namespace) -> Sample | None:
    """The reference that was asked for."""
    if chosen.reference_bpb is not None:
        return reference_numbers(chosen.reference_bpb, "--reference-bpb", "the given values")
    return None if chosen.reference is None else reference_of(chosen.reference)


if __name__ == "__main__":
    sys.exit(main())
