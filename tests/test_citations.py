"""Citations lead somewhere: pages, numbers of the specification, rules, tables, links between pages."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from posixpath import dirname, join, normpath

import pytest

from repository import ROOT

SPEC = "docs/spec"
DEFINED = re.compile(r'^#+ (?:([A-Z]\d+)|(Rule|Table) (\d+):) .*?(?:<a id="([^"]*)"></a>)?$', re.MULTILINE)
PAGE = re.compile(r"(?<![\w./-])docs/[\w./-]*\w\.md")
IDS = re.compile(r"docs/spec/\w+\.md((?:(?:, (?:and )?| and | to )[A-Z]\d+)+)\b")
ANCHOR = re.compile(r"(docs/[\w./-]*\w\.md)#([\w-]+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def definitions(text: str) -> list[tuple[str, str]]:
    """(name, anchor) of every heading that begins with a number: `M5`, `rule 13`, `table 2`."""
    return [(number or f"{kind.lower()} {count}", anchor) for number, kind, count, anchor in DEFINED.findall(text)]


def unwrapped(text: str) -> str:
    """The text with each paragraph, docstring or comment on one line."""
    return re.sub(r"\n[ \t]*(?:#[ \t]+)?(?=\S)", " ", text)


def cited_ids(text: str) -> Iterator[tuple[str, str]]:
    """(page, number) for each number that is cited right after a page of the specification."""
    for match in IDS.finditer(unwrapped(text)):
        page = match[0].removesuffix(match[1])
        yield from ((page, number) for number in re.findall(r"[A-Z]\d+", match[1]))


def cited_numbers(kind: str, text: str) -> Iterator[str]:
    """`rule 13` for each number that is cited as a rule (or another kind), lists and ranges after a plural too."""
    several = r"\d+(?:(?:, (?:and |or )?| to | and | or )\d+)*"
    for one, many in re.findall(rf"\b{kind}(?: (\d+)|s ({several}))\b", unwrapped(text), re.IGNORECASE):
        yield from (f"{kind} {number}" for number in re.findall(r"\d+", one or many))


def bare_pages(text: str) -> list[str]:
    """Pages of the specification that are cited without the folder they lie in."""
    return re.findall(r"(?<!docs/)\bspec/\w+\.md", LINK.sub("]", text))


def links(text: str) -> list[str]:
    """Targets of relative Markdown links outside code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return [target for target in LINK.findall(prose) if not re.match(r"\w+:", target)]


def anchors(text: str) -> set[str]:
    """What a link into a Markdown page may point at: explicit anchors, and headings as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"<[^>]*>", "", text), re.MULTILINE)
    named = {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
    return named | set(re.findall(r'<a id="([^"]*)">', text))


def problems(files: Mapping[str, str]) -> list[str]:
    """Every citation in `files` (path -> text) that leads nowhere, and every flaw of the numbers themselves."""
    numbers = {path: definitions(text) for path, text in files.items() if path.startswith(SPEC)}
    known = {name for defined in numbers.values() for name, _ in defined}
    found = [*flawed_numbers(numbers)]
    for path, text in files.items():
        found += [f"{path}: no page {page}" for page in PAGE.findall(text) if page not in files]
        found += [f"{path}: {page} is cited without docs/" for page in bare_pages(text)]
        found += [
            f"{path}: no {number} in {page}"
            for page, number in cited_ids(text)
            if number not in dict(numbers.get(page, []))
        ]
        found += [
            f"{path}: no anchor {anchor} in {page}"
            for page, anchor in ANCHOR.findall(LINK.sub("]", text))
            if anchor not in anchors(files.get(page, ""))
        ]
        for kind in ("rule", "table"):
            found += [f"{path}: no {number}" for number in cited_numbers(kind, text) if number not in known]
        if path.startswith(SPEC):
            found += [f"{path}: no {number}" for number in own_numbers(text, known) if number not in known]
        if path.endswith(".md"):
            found += [f"{path}: link to {target} leads nowhere" for target in dead_links(path, text, files)]
    return found


def flawed_numbers(numbers: Mapping[str, list[tuple[str, str]]]) -> Iterator[str]:
    """Numbers without their anchor, and numbers defined twice."""
    seen: set[str] = set()
    for path, defined in numbers.items():
        for name, anchor in defined:
            if anchor != name.lower().replace(" ", "-"):
                yield f"{path}: {name} has the anchor '{anchor}'"
            if name in seen:
                yield f"{path}: {name} is defined a second time"
            seen.add(name)


def own_numbers(text: str, known: set[str]) -> list[str]:
    """What looks like a number of the specification, by its letter."""
    letters = "".join({name[0] for name in known if name[0].isupper()})
    return re.findall(rf"\b[{letters}]\d+\b", text) if letters else []


def dead_links(path: str, text: str, files: Mapping[str, str]) -> Iterator[str]:
    """Relative links of a page whose file, folder or anchor is not there."""
    for target in links(text):
        name, _, anchor = target.partition("#")
        aim = normpath(join(dirname(path), name)) if name else path
        there = aim in files or any(other.startswith(f"{aim}/") for other in files)
        if not there or (anchor and anchor not in anchors(files.get(aim, ""))):
            yield target


def repository_files() -> dict[str, str]:
    """Path -> text of every file of the repository, those not yet added included; empty for a binary file."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    contents = {name: (ROOT / name).read_bytes() for name in names if (ROOT / name).is_file()}
    return {name: "" if b"\0" in data else data.decode() for name, data in contents.items()}


def test_every_citation_of_the_repository_leads_somewhere():
    assert problems(repository_files()) == []


@pytest.mark.parametrize(("page", "kind", "count"), [("legality", "rule", 16), ("results", "table", 6)])
def test_the_specification_defines_what_messages_cite(page, kind, count):
    names = [name for name, _ in definitions((ROOT / SPEC / f"{page}.md").read_text()) if name.startswith(kind)]
    assert names[:count] == [f"{kind} {number}" for number in range(1, count + 1)]


def test_the_repository_has_citations_of_every_kind():
    text = "\n".join(repository_files().values())
    assert {f"{SPEC}/{page}.md" for page in ("data", "model", "legality")} <= set(PAGE.findall(text))
    assert len(set(cited_ids(text))) > 20
    assert {f"rule {number}" for number in range(1, 17)} <= set(cited_numbers("rule", text))
    assert {f"table {number}" for number in range(1, 7)} <= set(cited_numbers("table", text))


# made-up files; what would be a citation of this file itself is put together from pieces
MODEL, RULES, HIDDEN = f"{SPEC}/model.md", f"{SPEC}/legality.md", "hidden"
SOUND = {
    MODEL: '# The model\n\n## M1 Layout <a id="m1"></a>\n\nAs in M2.\n\n## M2 Block <a id="m2"></a>\n',
    RULES: '# Rules\n\n### Rule 1: causal <a id="rule-1"></a>\n\n### Rule 2: full <a id="rule-2"></a>\n',
    f"{SPEC}/results.md": '### Table 1: seeds <a id="table-1"></a>\n',
    "README.md": f"[block]({MODEL}#m2), [title]({MODEL}#the-model), [all](docs), [here](#top)\n# Top\n",
    "code.py": f'"""A block ({MODEL}, M1 and\n    M2; {RULES}), rules 1 and 2, table\n    1."""\n',
}


def test_sound_citations_are_no_problem():
    assert problems(SOUND) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"see docs/{HIDDEN}.md", f"no page docs/{HIDDEN}.md"),
        (f"see {MODEL}, M{3}", f"no M3 in {MODEL}"),
        (f"see {MODEL}#m{3}", f"no anchor m3 in {MODEL}"),
        (f"see {MODEL}, M1 to M{3}", f"no M3 in {MODEL}"),
        (f"see {MODEL}, M1 and\n    # M{4}", f"no M4 in {MODEL}"),
        (f"see {RULES}, M{1}", f"no M1 in {RULES}"),
        (f"broken (rule {17})", f"no rule {17}"),
        (f"Rules 1, 2 and {18}", f"no rule {18}"),
        (f"rules 1 to {19}", f"no rule {19}"),
        (f"as rule\n    # {20} says", f"no rule {20}"),
        (f"Table {0}", f"no table {0}"),
        (f"see {'spec'}/model.md", f"{'spec'}/model.md is cited without docs/"),
        (f"see ../{'spec'}/model.md", f"{'spec'}/model.md is cited without docs/"),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text, problem):
    assert problems({**SOUND, "notes.txt": text}) == [f"notes.txt: {problem}"]


@pytest.mark.parametrize(
    "target", [f"{HIDDEN}.md", f"docs/{HIDDEN}.md", f"{MODEL}#m3", "#nothing", "../README.md", "docs/spe"]
)
def test_a_link_that_leads_nowhere_is_found(target):
    broken = {**SOUND, "CHANGELOG.md": f"[a page]({target}) and [the web](https://example.org/{target})\n"}
    found = [problem for problem in problems(broken) if "link" in problem]
    assert found == [f"CHANGELOG.md: link to {target} leads nowhere"]


@pytest.mark.parametrize(
    ("page", "text", "problem"),
    [
        (MODEL, "## M3 Late\n", "M3 has the anchor ''"),
        (MODEL, '## M3 Late <a id="m4"></a>\n', "M3 has the anchor 'm4'"),
        (RULES, '### Rule 2: again <a id="rule-2"></a>\n', "rule 2 is defined a second time"),
        (MODEL, f"as in M{9}\n", "no M9"),
    ],
)
def test_a_flaw_of_the_numbers_is_found(page, text, problem):
    assert problems({**SOUND, page: SOUND[page] + text}) == [f"{page}: {problem}"]


def test_what_only_looks_like_a_citation_is_none():
    words = "a rule of 3, one rule: 4, the table 's 5, (table)\n\n6. a list, [x](docs/spec/model.md), `[y](nowhere.md)`"
    assert problems({**SOUND, "docs.md": words}) == []
