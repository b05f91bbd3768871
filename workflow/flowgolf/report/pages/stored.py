"""A kept page with its statistics made again, with the code of now, from the figures beside it; nothing is run."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib

from flowgolf.files import replacing
from flowgolf.report.pages.markdown_page import statistics_sections
from flowgolf.report.plots.effects_plot import effects_plot
from flowgolf.report.plots.style import SETTINGS
from flowgolf.report.results.kept import FIGURES, kept_figures
from flowgolf.report.tables.tables import study_tables

AS_THEY_ARE = ("seeds", "trajectory", "export", "codecs", "parts")
"""Tables without a test or a verdict; the figures kept may lack what they need."""


def remake(folder: str | Path) -> None:
    """Write the page `README.md` of a folder again, and `effects.svg`, from the figures beside it."""
    page = Path(folder) / "README.md"
    kept = kept_figures(page.with_name(FIGURES))
    tables = [table for table in study_tables(kept.results, None) if table.name not in AS_THEY_ARE]
    made = statistics_sections(kept.results, kept.num_documents, kept.bootstrap, tables)
    text = with_sections(page.read_text(), made)
    with replacing(page) as temporary:
        temporary.write_text(text)
    with matplotlib.rc_context(SETTINGS), replacing(page.with_name("effects.svg")) as temporary:
        effects_plot(kept.results).savefig(temporary, format="svg", metadata={"Date": None})


def with_sections(text: str, made: Sequence[str]) -> str:
    """Put sections in the place of those with the same headings; a new one follows the one that was made before it."""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    place = len(sections)
    for section in made:
        there = [index for index, old in enumerate(sections) if heading(old) == heading(section)]
        place = there[0] if there else place + 1
        sections[place : place + len(there)] = [f"{section}\n"]
    return "".join(sections)


def heading(section: str) -> str:
    """First line of a section."""
    return section.partition("\n")[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command that makes a page's statistics again."""
    parser = argparse.ArgumentParser(
        prog="python -m flowgolf.report.pages.stored", description="Make the statistics of a kept page again."
    )
    parser.add_argument("folder", type=Path, help="folder of the page, such as docs/results/middle")
    options = parser.parse_args(arguments)
    if not (options.folder / FIGURES).is_file():
        parser.error(f"{options.folder}: no {FIGURES} in it")
    remake(options.folder)


if __name__ == "__main__":
    main()
