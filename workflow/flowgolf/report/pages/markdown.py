"""A finished study as one Markdown page to keep under version control: what was run, found, and cannot be said."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from flowgolf.files import read_json, replacing
from flowgolf.report.pages.evidence import provenance_table
from flowgolf.report.pages.page import captions
from flowgolf.report.results.checks import check
from flowgolf.report.results.collect import Results, collect_results
from flowgolf.report.results.comparison import Comparison
from flowgolf.report.results.effects import all_effects, sentence
from flowgolf.report.tables.render import markdown
from flowgolf.report.tables.tables import study_tables

HOUR_SECONDS = 3600

PAGE = """# {study}

{question}

Made by the pipeline alone; this makes it anew:

```sh
snakemake --configfile {configfile} -- result_page
```

## What was run

{facts}

## What it found

{found}

## What it cannot say

{limits}

## The same text, document by document

{documents}

{tables}
{figures}
"""


def result_page(
    manifest_path: str | Path,
    data_json: str | Path,
    bootstrap_path: str | Path,
    figures_dir: str | Path,
    configfile: str,
    page_path: str | Path,
) -> None:
    """Write the page of a complete study, and copies of its SVG figures beside it.

    Records that break rules 13, 14 or 16 are a ValueError.
    """
    results = collect_results(manifest_path)
    check(results)
    data, compared = read_json(data_json), differences(results)
    text = PAGE.format(
        study=results.manifest["study"],
        question=results.manifest["question"],
        configfile=configfile,
        facts=bullets(facts(results, data)),
        found=bullets(f"{what}: {sentence(found)}" for what, found in compared),
        limits=bullets(limits(compared, data)),
        documents=bullets(document_lines(results, read_json(bootstrap_path)["comparisons"])),
        tables="\n".join(markdown(table) for table in study_tables(results, None)),
        figures="\n\n".join(figure_lines(results, Path(figures_dir), Path(page_path).parent)),
    )
    with replacing(page_path) as temporary:
        temporary.write_text(text)


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


def facts(results: Results, data: Mapping[str, Any]) -> Iterator[str]:
    """Model, text, computing time, code: from the records."""
    run = read_json(results.manifest["runs"][0]["train"])
    model, train = run["model"], run["train"]
    yield (
        f"{len(results.frame)} runs: {', '.join(results.manifest['main_variants'])} under seeds "
        f"{', '.join(map(str, results.manifest['seeds']))}, and the sweeps' other points."
    )
    yield (
        f"{results.manifest['runs'][0]['variant']}: {run['parameters']:,} parameters, {model['layers']} blocks of "
        f"width {model['dim']}; {run['steps']:,} steps of {train['batch_tokens']:,} tokens, sequences of "
        f"{model['seq_len']}."
    )
    for part, text in (("train", "Training text"), ("validation", "Validation text")):
        units = {"documents": "documents", "bytes_original": "bytes", "tokens": "tokens"}
        counts = [f"{data[part][key]:,} {unit}" for key, unit in units.items() if data[part][key] is not None]
        yield f"{text} (source `{data['source']['source']}`): {', '.join(counts)}."
    made = provenance_table(results).frame
    hours = made.groupby("stage", sort=False)["seconds"].sum() / HOUR_SECONDS
    devices = ", ".join(sorted(set(made["device"]) - {"-"}))
    yield (
        f"Hours of one job, {devices}, {train['threads']} thread each: "
        f"{', '.join(f'{stage} {value:.2f}' for stage, value in hours.items() if not isnan(value))}."
    )
    yield (
        f"From {made['written_at'].min()} to {made['written_at'].max()} UTC, at commit "
        f"{', '.join(f'`{commit}`' for commit in sorted(set(made['commit'])))}."
    )


def differences(results: Results) -> list[tuple[str, Comparison]]:
    """What the study compares, without the points of a sweep that an evaluation has in common with the reference."""
    return [(what, found) for _, what, found in all_effects(results) if found.difference != 0]


def limits(compared: Sequence[tuple[str, Comparison]], data: Mapping[str, Any]) -> Iterator[str]:
    """What stays open: unresolved differences, and what no seed of this study varied."""
    open_ones = [what for what, found in compared if "not resolved" in found.verdict]
    if open_ones:
        yield (
            f"Not resolved at these numbers of seeds: {'; '.join(open_ones)}. The sentences above say about how many "
            "seeds would resolve a difference of the size seen."
        )
    yield (
        "A seed changes initial weights and random draws. The order of the training text, the split and the tokenizer "
        "were the same in every run, so no interval covers them."
    )
    yield (
        f"One corpus ({data['validation']['documents']:,} documents scored), one model size, one number of steps and "
        "one set of rates, none of them tuned for any arm: other sizes and other text may order the arms otherwise."
    )


def document_lines(results: Results, comparisons: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The paired bootstrap of the 2x2's arms over documents, a line a comparison."""
    control, treated = results.manifest["two_by_two"]
    for name, found in comparisons.items():
        interval = f"[{found['low']:+.5f}, {found['high']:+.5f}]"
        yield (
            f"{treated} - {control}, {name}: {found['difference_bpb']:+.5f} bpb, {found['confidence']:.0%} of "
            f"resamples of {found['num_documents']} documents in {interval}"
        )


def figure_lines(results: Results, folder: Path, page_folder: Path) -> Iterator[str]:
    """Every figure with its caption, its SVG copied beside the page."""
    for name, caption in captions(results).items():
        with replacing(page_folder / f"{name}.svg") as temporary:
            shutil.copyfile(folder / f"{name}.svg", temporary)
        yield f"![{caption}]({name}.svg)\n\n{caption}"
