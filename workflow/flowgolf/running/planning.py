"""What keeps the planning of thousands of jobs quick: Snakemake asks much of the same of each of them."""

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def quick(function: Function) -> Function:
    """The function with its parameters written down where Snakemake looks first.

    It asks for them several times a job, and Python works them out anew each time.
    """
    parameters = inspect.signature(function).parameters
    function._overwrite_params = {name: each for name, each in parameters.items() if name != "self"}  # type: ignore[attr-defined]
    return function


def one_of(names: Iterable[object]) -> str:
    """Regular expression that matches these names and nothing else.

    Names that begin alike share a branch: with one branch a name, each match of a study of 10,000 seeds tries 10,000.
    """
    tree: dict[str, Any] = {}
    for name in names:
        branch = tree
        for letter in str(name):
            branch = branch.setdefault(letter, {})
        branch[""] = {}
    return branches(tree) if tree else "(?!)"


def branches(tree: dict[str, Any]) -> str:
    """Regular expression of a tree of letters, in which an empty letter is the end of a name."""
    found = [re.escape(letter) + branches(below) for letter, below in tree.items() if letter]
    if not found:
        return ""
    joined = found[0] if len(found) == 1 and "" not in tree else f"(?:{'|'.join(found)})"
    return f"{joined}?" if "" in tree else joined


def ask_less() -> None:
    """Let Snakemake ask once what is the same for all jobs: a sixth of the time that a large study is planned in.

    It looks, for every job, whether the rule's script can be read; takes the address of each file apart; and has
    Python work out the parameters of its own method for each resource of each job.
    """
    from snakemake import dag, sourcecache  # where Snakemake runs it has them; by themselves they import in a circle
    from snakemake.resources import Resource

    quick(Resource.evaluate)
    sourcecache.parse_uri = cache(sourcecache.parse_uri)
    dag.ScriptProcessor.process_job = once_a_rule(dag.ScriptProcessor.process_job)


def once_a_rule(check: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """A check of a job that is made for the first job of each rule only."""
    checked: set[tuple[type, Any]] = set()

    def check_first(processor: Any, job: Any) -> None:
        """Check a job, unless one of its rule has passed."""
        if (type(processor), job.rule) not in checked:
            check(processor, job)
            checked.add((type(processor), job.rule))

    return check_first
