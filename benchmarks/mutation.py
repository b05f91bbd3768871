"""Mutation score of the numerics: faults planted one at a time by cosmic-ray, and how many the fast tests notice.

python benchmarks/mutation.py [--modules train/trainer scoring/ledger ...] [--sample 20] [--seed 0] [--again]

Works in a copy of the tree under results/mutation. What was found is kept there for as long as a module's text stays
the same, so a killed run goes on where it was, and a larger sample holds the smaller one. --again repeats what was not
killed, after a change of tests. Needs the extra `mutation` (pyproject.toml). docs/testing.md reads the table.
"""

import argparse
import ast
import difflib
import gc
import importlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.commands.init import init
from cosmic_ray.mutating import mutate_code, use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "results" / "mutation"
TREE = KEPT / "tree"
PACKAGE = "workflow/flowgolf"

IMPORTED_ONCE = (
    "torch", "torch._dynamo", "numpy", "pandas", "scipy.stats", "statsmodels.api", "hypothesis", "pydantic"
)  # fmt: skip
"""What the tests import beside the package."""

PLAIN = "train/test_plain_training.py::test_a_whole_training_is_that_of_the_plain_loop"
CURVE = "train/test_record_golden.py"
RECORD = "train/test_record_settings.py"
LATE = "train/test_late.py"
LOOP = "train/test_loop.py"
GOLDEN = ("evaluate/test_evaluate_golden.py", "evaluate/test_record_golden.py", "evaluate/test_score.py")
HELD_BY = {
    "train/trainer": (PLAIN, CURVE, LATE, RECORD, "train/test_failing_well.py", "train/test_compile.py", LOOP),
    "train/optimisers/muon": ("train/test_muon.py", "train/test_schedule.py", CURVE, PLAIN),
    "train/optimisers/adamw": ("train/test_groups.py", PLAIN),
    "train/schedule": ("train/test_schedule.py", f"{RECORD}::test_the_share_of_a_warm_down"),
    "train/clipping": ("train/test_clipping.py", f"{LATE}::test_clipping_on_the_device_is_clipping"),
    "train/ema": ("train/test_ema.py",),
    "train/groups": ("train/test_groups.py", RECORD, PLAIN),
    "train/batches": (LATE, f"{RECORD}::test_a_shuffled_order_feeds_whole_sequences_whatever_shares_the_step",
                      f"{RECORD}::test_a_shuffled_order_follows_the_runs_seed_or_none", PLAIN),
    "scoring/windows": ("scoring/test_windows.py",),
    "scoring/ledger": ("scoring/test_ledger.py",),
    "scoring/score": GOLDEN,
    "scoring/slide": (*GOLDEN, "evaluate/test_sliding.py"),
    "evaluate/adapt": ("evaluate/test_record_golden.py", "evaluate/test_adapt.py", "evaluate/test_evaluate_golden.py"),
    "evaluate/score_first": (*GOLDEN, "evaluate/test_adapt.py"),
    "evaluate/bootstrap": ("evaluate/test_bootstrap.py",),
    "export/quantize": ("export/test_quantize.py",),
    "export/gptq": ("export/test_gptq.py",),
    "export/lqer": ("export/test_lqer.py",),
    "export/pack": ("export/test_export_artifact.py", "export/test_lqer.py", "export/test_gptq.py",
                    "export/test_calibrate.py"),
    "report/results/seed_statistics": ("report/results/test_seed_statistics.py",),
    "report/results/power": ("report/results/test_power.py",),
    "audit/significance": ("audit/test_significance.py",),
}  # fmt: skip
"""Module -> the fast tests that hold it, under tests/: first those that notice most."""
SLOW = (
    "train/test_compile.py::test_compiled_by_inductor_it_takes_the_same_steps",
    "train/test_compile.py::test_an_arm_is_one_graph_without_a_break_also_under_autocast",
    "train/test_loop.py::test_killed_at_random_moments_it_ends_with_the_same_bytes",
    "train/test_loop.py::test_a_seed_is_a_run_and_another_seed_is_another",
    "train/test_loop.py::test_asked_to_stop_it_saves_and_goes_on_later",
    "train/test_record_settings.py::test_the_warm_up_compiles_both_forms_and_the_switch_none",
    "report/results/test_power.py::test_two_pairs_are_named_only_where_two_suffice",
)
"""Tests among these that take longer than all others together: left out."""


def copy_tree() -> None:
    """Copy what git knows, and what it does not ignore."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, TREE / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    # bytecode that is known by the text it was made from: a mutant of the same second and size is read as it is
    compiled = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", PACKAGE]
    subprocess.run(compiled, cwd=TREE, check=True)


def test(module: str, seconds: int) -> tuple[str, str]:
    """Run the tests of a module up to the first that fails: `killed`, `survived` or `timeout`, and what they printed.

    In a fork, which has torch and its like already: to import them takes longer than most tests. The package is not
    among them, so each fork reads its text as it stands in the copy. What is limited is processor time, which on a
    busy machine says what the clock does not.
    """
    with tempfile.TemporaryFile("w+") as printed:
        child = os.fork()
        if child == 0:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
            for stream in (1, 2):
                os.dup2(printed.fileno(), stream)
            os._exit(run_pytest(HELD_BY[module]))
        outcome = waited(child, 20 * seconds)
        printed.seek(0)
        return outcome, printed.read()


def run_pytest(tests: tuple[str, ...]) -> int:
    """The exit status of pytest on the copy, 99 if it tested another one."""
    sys.path[0] = str(TREE / "workflow")
    left_out = [f"--deselect=tests/{test}" for test in SLOW]
    fast = ["-x", "-n", "0", "-p", "no:cacheprovider", "-p", "no:anyio"]
    status = pytest.main([*fast, *left_out, *(f"tests/{test}" for test in tests)])
    sys.stdout.flush()
    import flowgolf

    return int(status) if Path(str(flowgolf.__file__)).is_relative_to(TREE) else 99


def waited(child: int, limit: float) -> str:
    """How a child ended; one that sleeps for more than `limit` seconds is killed, with all that it started."""
    started = time.monotonic()
    while time.monotonic() - started < limit:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended and os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
            return "timeout"
        if ended:
            return "survived" if status == 0 else "killed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def baseline(module: str) -> float:
    """Seconds of a processor that the tests of a module take as it is; they must pass, and on the copy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome, printed = test(module, 300)
    if outcome != "survived":
        raise SystemExit(f"{module}: its tests do not pass as it is:\n{printed[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def annotations(tree: ast.AST) -> Iterator[ast.expr]:
    """What says types, which no test runs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            yield node.returns


def spec_of(item: WorkItem) -> MutationSpec:
    return item.mutations[0]


def mutants(work: WorkDB, text: str, name: str) -> list[WorkItem]:
    """All mutants of a module outside its annotations, in an order that `name` draws."""
    spans = [
        ((each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset))
        for each in annotations(ast.parse(text))
    ]
    items = [item for item in work.work_items if not any(a <= spec_of(item).start_pos < b for a, b in spans)]
    items.sort(key=lambda item: (spec_of(item).operator_name, spec_of(item).occurrence))
    random.Random(name).shuffle(items)
    return items


def is_program(text: str, spec: MutationSpec) -> bool:
    """Whether a mutant is a program, and another one: cosmic-ray also makes some that Python cannot read."""
    mutated = mutate_code(text, get_operator(spec.operator_name)(**spec.operator_args), spec.occurrence)
    try:
        return mutated is not None and ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(text))
    except SyntaxError:
        return False


def tried(module: str, spec: MutationSpec, seconds: int) -> WorkResult:
    """Plant a fault in the copy, and run the tests."""
    operator = get_operator(spec.operator_name)(**spec.operator_args)
    with use_mutation(spec.module_path, operator, spec.occurrence) as (before, after):
        outcome, _ = test(module, seconds)
    lines = difflib.unified_diff(before.splitlines(), (after or "").splitlines(), n=0, lineterm="")
    found = TestOutcome.SURVIVED if outcome == "survived" else TestOutcome.KILLED
    return WorkResult(WorkerOutcome.NORMAL, outcome, found, "\n".join(f"    {line}" for line in list(lines)[3:]))


def examine(module: str, arguments: argparse.Namespace) -> Counter[str]:
    """Try a module's sample; prints what survives as it is found, and returns how many there are of each outcome."""
    path = Path(PACKAGE, f"{module}.py")
    text = (TREE / path).read_text()
    database = KEPT / f"{module.replace('/', '.')}-{sha256(text.encode()).hexdigest()[:12]}.sqlite"
    counts: Counter[str] = Counter()
    with use_db(database) as work:
        if not work.num_work_items:
            init([path], work, {})
        every = mutants(work, text, f"{arguments.seed} {module}")
        counts["mutants"] = len(every)
        items = list(islice((item for item in every if is_program(text, spec_of(item))), arguments.sample))
        known = {job: result for job, result in work.results if not arguments.again or result.output == "killed"}
        limit = 10 + 4 * round(baseline(module)) if any(item.job_id not in known for item in items) else 0
        for item in items:
            result = known.get(item.job_id)
            if result is None:
                result = tried(module, spec_of(item), limit)
                work.set_result(item.job_id, result)
            counts[str(result.output)] += 1
            if result.output != "killed":
                place = f"{path}:{spec_of(item).start_pos[0]}"
                print(f"{result.output}: {place} {spec_of(item).operator_name}\n{result.diff}", flush=True)
    return counts


def row(name: str, counts: Counter[str]) -> str:
    total = sum(counts[each] for each in ("killed", "survived", "timeout"))
    figures = [counts["mutants"], total, counts["killed"], counts["survived"], counts["timeout"]]
    noticed = (counts["killed"] + counts["timeout"]) / max(total, 1)
    return f"| {name} | {' | '.join(f'{figure:,}' for figure in figures)} | {noticed:.1%} |"


def settings() -> argparse.Namespace:
    parser: Any = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", nargs="+", choices=list(HELD_BY), default=list(HELD_BY), metavar="MODULE")
    parser.add_argument("--sample", type=int, default=20, help="mutants of each module; a large number takes all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="repeat what was not killed")
    given: argparse.Namespace = parser.parse_args()
    return given


def main() -> None:
    arguments = settings()
    copy_tree()
    os.chdir(TREE)
    os.environ |= {"PYTHONPATH": str(TREE / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    for name in IMPORTED_ONCE:
        importlib.import_module(name)
    gc.freeze()  # forks need not look through torch
    found: dict[str, Counter[str]] = {}
    for module in arguments.modules:
        found[module] = examine(module, arguments)
        print(row(module, found[module]), flush=True)
    print("\n| module | mutants | tried | killed | survived | timeout | noticed |\n|---|---|---|---|---|---|---|")
    for module, counts in found.items():
        print(row(module, counts))
    print(row("together", sum(found.values(), Counter())))


if __name__ == "__main__":
    main()
