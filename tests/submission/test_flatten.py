"""Modules as one text: what is reached, under which name, and what cannot be told apart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowgolf.submission.one_file import source
from flowgolf.submission.one_file.flatten import flatten

Flat = Callable[..., dict[str, Any]]


@pytest.fixture
def flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flat:
    """Flattens made-up modules, entry `main`; gives the namespace after running the text, which is under `text`."""
    monkeypatch.setattr(source, "WORKFLOW", tmp_path)

    def run(stand_ins: dict[str, str] | None = None, **modules: str) -> dict[str, Any]:
        (tmp_path / "flowgolf").mkdir()
        for name, text in modules.items():
            (tmp_path / "flowgolf" / f"{name}.py").write_text(text)
        namespace: dict[str, Any] = {"text": flatten("flowgolf.main", stand_ins or {}, ["numpy"])}
        exec(namespace["text"], namespace)
        return namespace

    return run


def test_only_what_main_reaches_is_kept(flat: Flat) -> None:
    made = flat(
        a='"""Doc."""\nimport json\nX = 1\ndef used(x: int) -> int:\n    """Doc."""\n    return x + X  # why\n'
        "def unused():\n    return json",
        main="from flowgolf.a import used\ndef main():\n    return used(1)",
    )
    assert made["main"]() == 2
    assert made["text"] == (
        "\n\n# flowgolf.a\nX = 1\n\ndef used(x):\n    return x + X\n\n"
        "# flowgolf.main\ndef main():\n    return used(1)\n"
    )


def test_one_name_of_two_modules_becomes_two(flat: Flat) -> None:
    made = flat(
        a="def rate():\n    return 1",
        b="def rate():\n    return 2",
        main="from flowgolf.a import rate\nfrom flowgolf.b import rate as other\n"
        "def main():\n    return rate(), other()",
    )
    assert made["main"]() == (1, 2)
    assert {"a_rate", "b_rate"} <= made.keys()


def test_names_by_module_of_a_library_or_a_builtin_are_prefixed(flat: Flat) -> None:
    made = flat(
        a="def read():\n    return 1\ndef sum():\n    return 2\ndef json():\n    return 3",
        b="import json\ndef text():\n    return json.dumps([])",
        main="from flowgolf import a\nfrom flowgolf.a import json as j, sum as s\nfrom flowgolf.b import text\n"
        "def main():\n    return a.read(), s(), j(), text(), sum([4])",
    )
    assert made["main"]() == (1, 2, 3, "[]", 4)


def test_local_names_are_left_alone(flat: Flat) -> None:
    made = flat(
        a="def rate():\n    return 1\ndef step(rate):\n    return [rate for rate in [rate, 5]], (lambda rate: rate)(7)",
        b="def rate():\n    return 2\nclass Box:\n    rate = 3\n    def get(self):\n        return rate(), self.rate\n",
        main="from flowgolf import a, b\ndef main():\n    a.rate()\n    return a.step(4), b.Box().get()",
    )
    assert made["main"]() == (([4, 5], 7), (2, 3))


def test_a_walrus_in_a_comprehension_is_the_functions(flat: Flat) -> None:
    made = flat(
        a="def last():\n    return 0",
        b="def last():\n    return 1",
        main="from flowgolf import a, b\nfrom flowgolf.a import last\n"
        "def main():\n    b.last()\n    kept = [last for x in [3] if (last := x)]\n    return kept, last",
    )
    assert made["main"]() == ([3], 3)


def test_fields_keep_their_annotations_and_functions_lose_them(flat: Flat) -> None:
    made = flat(
        main="from dataclasses import dataclass\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from nowhere import T\n"
        "@dataclass\nclass Pair:\n    '''Doc.'''\n    x: int\n    'Meaning.'\n    y: int = 2\n"
        "def main(a: 'T' = 1) -> 'T':\n    b: int\n    c: int = a\n    return Pair(c)\n"
        "if __name__ == '__main__':\n    main()",
    )
    assert (made["main"]().x, made["main"]().y) == (1, 2)
    assert "Meaning" not in made["text"]


def test_a_stand_in_takes_the_place_of_a_library_and_of_a_module(flat: Flat) -> None:
    made = flat(
        {"heavy": "flowgolf.light", "flowgolf.a": "flowgolf.b"},
        light="def load():\n    return 'light'",
        a="import heavy\ndef name():\n    return 'a'",
        b="def name():\n    return 'b'",
        main="from heavy import load\nfrom flowgolf import a\ndef main():\n    return load(), a.name()",
    )
    assert made["main"]() == ("light", "b")


def test_a_functions_import_of_a_library_stays_inside(flat: Flat) -> None:
    made = flat(
        main="def main(wanted=False):\n    if wanted:\n"
        "        import nowhere\n        from nowhere import x\n    return 1"
    )
    assert made["main"]() == 1


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (
            {"main": "def main():\n    return 1\nprint(1)"},
            r"flowgolf.main: `print\(1\)` runs when the module is imported",
        ),
        (
            {"a": "X = 1", "main": "from flowgolf.a import Y\ndef main():\n    return Y"},
            "imports Y, which flowgolf.a does not",
        ),
        (
            {"a": "X = 1", "main": "from flowgolf import a\ndef main():\n    return a.Y"},
            "nothing named Y is defined in a",
        ),
        (
            {"a": "X = 1", "main": "from flowgolf import a\ndef main():\n    return a"},
            "uses the module a other than by",
        ),
        (
            {"main": "from flowgolf.gone import x\ndef main():\n    return x"},
            "flowgolf.gone: not a module of the package",
        ),
        (
            {"main": "from scipy.stats import t\ndef main():\n    return t"},
            "flowgolf.main: needs scipy, which one file for a submission may not import",
        ),
        ({"main": "import pandas as pd\ndef main():\n    return pd"}, "flowgolf.main: needs pandas, which"),
        (
            {"a": "def f():\n    return 1", "main": "from flowgolf.a import f as g\ndef main(f):\n    return g()"},
            "a local f hides the definition that g stands for",
        ),
        (
            {
                "a": "from json import loads\ndef f():\n    return loads",
                "main": "from flowgolf.a import f\nfrom pickle import loads\ndef main():\n    return f, loads",
            },
            "imports another loads than a module before it",
        ),
        (
            {
                "a": "def f():\n    return 1",
                "main": "from flowgolf import a\ndef a_f():\n    return 2\ndef main():\n    return a.f(), a_f()",
            },
            "two definitions would be named a_f in one file",
        ),
    ],
)
def test_what_cannot_be_told_apart_is_refused(flat: Flat, modules: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        flat(**modules)
