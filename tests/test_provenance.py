"""Fingerprints follow imports and ignore what does not run."""

import ast
import re

import pytest

from flowgolf import provenance
from flowgolf.study.stages import STAGES


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small package named flowgolf, and a script that imports one of its modules."""
    package = tmp_path / "flowgolf"
    (package / "part").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "part" / "__init__.py").write_text('"""A part."""\n')
    (package / "part" / "used.py").write_text("def double(x):\n    return 2 * x\n")
    (package / "part" / "loop.py").write_text("from flowgolf.part.used import double\n")
    (package / "other.py").write_text("x = 1\n")
    script = tmp_path / "train.py"
    script.write_text("from flowgolf.part import loop\n")
    monkeypatch.setattr(provenance, "WORKFLOW", tmp_path)
    forget()
    yield tmp_path
    forget()


def forget():
    """What a new process would not know."""
    for cached in (provenance.fingerprint, provenance.read_source, provenance.modules_of):
        cached.cache_clear()


def changed(library, path, text):
    before = provenance.fingerprint(library / "train.py")
    (library / path).write_text(text)
    forget()
    return provenance.fingerprint(library / "train.py") != before


def test_an_edit_two_imports_away_counts(library):
    assert changed(library, "flowgolf/part/used.py", "def double(x):\n    return x + x\n")


def test_comments_docstrings_and_layout_do_not_count(library):
    text = '"""Docs."""\n\n# comment\ndef double(x):\n    """Twice."""\n    return (2 *\n            x)\n'
    assert not changed(library, "flowgolf/part/used.py", text)


def test_a_module_that_is_not_imported_does_not_count(library):
    assert not changed(library, "flowgolf/other.py", "x = 2\n")


def test_the_init_of_a_package_counts(library):
    assert changed(library, "flowgolf/part/__init__.py", "y = 1\n")


def test_a_relative_import_is_followed(library):
    (library / "flowgolf" / "part" / "loop.py").write_text("from .used import double\n")
    forget()
    assert changed(library, "flowgolf/part/used.py", "def double(x):\n    return x + x\n")


def test_a_relative_import_of_a_module_is_followed(library):
    (library / "flowgolf" / "part" / "loop.py").write_text("from . import used\nfrom ..other import x\n")
    forget()
    assert "flowgolf.part.used" in provenance.sources(library / "train.py")
    assert changed(library, "flowgolf/other.py", "x = 2\n")


def test_what_is_imported_by_name_counts_when_it_is_given(library):
    script = library / "train.py"
    assert provenance.fingerprint(script, ("flowgolf.other",)) != provenance.fingerprint(script)
    assert provenance.sources(script, ("flowgolf.other",)).keys() - provenance.sources(script).keys() == {
        "flowgolf.other"
    }


def test_nothing_in_running_counts(library):
    (library / "flowgolf" / "running").mkdir()
    (library / "flowgolf" / "running" / "progress.py").write_text("words = 1\n")
    (library / "flowgolf" / "part" / "loop.py").write_text("from flowgolf.running.progress import words\n")
    forget()
    assert not changed(library, "flowgolf/running/progress.py", "words = 2\n")


SETTINGS = """class TrainSettings(Settings):
    steps: int = {steps}

    @model_validator(mode="after")
    def check(self):
        {check}

    @property
    def double(self):
        return {factor} * self.steps
"""


def test_fields_and_checks_of_settings_do_not_count_but_what_they_compute_does(library):
    def text(steps=1, check="return self", factor=2):
        return SETTINGS.format(steps=steps, check=check, factor=factor)

    (library / "flowgolf" / "part" / "used.py").write_text(text())
    forget()
    assert not changed(library, "flowgolf/part/used.py", text(steps=5, check="raise ValueError"))
    forget()
    declared = "\n\nclass NewSettings(Settings):\n    size: int = 1\n"
    assert not changed(library, "flowgolf/part/used.py", text() + declared)
    assert changed(library, "flowgolf/part/used.py", text() + f"{declared}    LIMIT = 3\n")
    assert changed(library, "flowgolf/part/used.py", text(factor=3))


def test_another_spelling_of_the_path_is_the_same_code(library, tmp_path_factory, monkeypatch):
    before = provenance.fingerprint(library / "train.py")
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(library)
    monkeypatch.setattr(provenance, "WORKFLOW", link)
    forget()
    assert provenance.fingerprint(link / "train.py") == before


def test_a_source_reads_the_same_under_every_version_of_python():
    """Fields that only some versions of `ast` have, such as type parameters, stay out where they are empty."""
    tree = ast.parse("def f(x, *, y=None):\n    return f'{x!r:>{y}} one' 'two'\n")
    assert provenance.canonical(tree) == (
        "Module(body=[FunctionDef(name='f',args=arguments(args=[arg(arg='x')],kwonlyargs=[arg(arg='y')],"
        "kw_defaults=[Constant()]),body=[Return(value=JoinedStr(values=[FormattedValue(value=Name(id='x',ctx=Load()),"
        "conversion=114,format_spec=JoinedStr(values=[Constant(value='>'),FormattedValue(value=Name(id='y',ctx=Load()),"
        "conversion=-1)])),Constant(value=' onetwo')]))])])"
    )


FURTHER = ("import_checkpoint", "merge_sliding", "calibrated_export")


def scripts_of_stages():
    return [provenance.WORKFLOW / "scripts" / f"{name}.py" for name in (*STAGES, *FURTHER)]


def test_a_later_stage_is_not_part_of_an_earlier_one():
    rooms = {
        path.stem: {name.split(".")[1] for name in provenance.sources(path) if "." in name}
        for path in scripts_of_stages()
    }
    assert {"train", "model", "data"} <= rooms["train"]
    assert not {"evaluate", "export", "report", "watch", "study", "submission"} & rooms["train"]
    assert not {"evaluate", "train", "report", "watch", "study", "submission"} & rooms["export"]
    assert not {"evaluate", "train", "report", "watch", "study", "submission"} & rooms["calibrated_export"]
    assert "data" not in rooms["export"]
    assert not {"train", "report", "watch", "study", "submission"} & (rooms["sliding"] | rooms["legal_ttt"])
    assert "running" not in set().union(*rooms.values())


def test_reading_an_artifact_is_no_part_of_writing_one():
    writing = {"flowgolf.export.artifact", "flowgolf.export.pack", "flowgolf.export.encode", "flowgolf.export.record",
               "flowgolf.export.compress", "flowgolf.export.grouping", "flowgolf.export.quantize",
               "flowgolf.export.range_encode"}  # fmt: skip
    scripts = provenance.WORKFLOW / "scripts"
    assert writing <= provenance.sources(scripts / "export.py").keys()
    for evaluation in ("sliding", "legal_ttt"):
        assert not writing & provenance.sources(scripts / f"{evaluation}.py").keys()


def test_what_legal_ttt_alone_uses_is_no_part_of_sliding():
    sliding, legal_ttt = (
        provenance.sources(provenance.WORKFLOW / "scripts" / f"{name}.py") for name in ("sliding", "legal_ttt")
    )
    assert {"flowgolf.evaluate.adapt", "flowgolf.evaluate.score_first"} <= legal_ttt.keys() - sliding.keys()


HANDED_OVER = {"run_record", "cluster_job", "Progress", "stage"}
"""Facts of a run for its record, lines for a person, and the envelope: what a stage may take from `running/`."""


def test_nothing_in_running_hands_a_value_to_a_record_except_facts_of_the_run():
    taken = set()
    for script in scripts_of_stages():
        for name in provenance.sources(script):
            path = script.with_name(name.partition("/")[2]) if name.startswith("scripts/") else provenance.file_of(name)
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flowgolf.running"):
                    taken |= {alias.name for alias in node.names}
    assert {"run_record", "Progress"} <= taken <= HANDED_OVER


def test_no_module_of_a_stage_imports_by_name_or_reads_data_files_of_its_own():
    """Neither would be seen by the closure of imports."""
    for script in scripts_of_stages():
        for name in provenance.sources(script):
            if not name.startswith("scripts/") and name not in BY_NAME:
                text = provenance.file_of(name).read_text()
                assert not re.search(r"\b(importlib|__import__|__file__|pkgutil)\b", text), name


BY_NAME = {"flowgolf.model.registry", "flowgolf.train.registry"}
"""Modules that import by name, whose targets the study gives to the fingerprint."""
