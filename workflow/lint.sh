#!/usr/bin/env bash
# Snakemake's own lint, but for its call for conda or container directives: the environment is one pinned venv.
set -euo pipefail
findings=$(snakemake --lint 2>&1 || true)
grep -q -E '^Lints for|Congratulations' <<<"$findings" || { echo "$findings" >&2; exit 1; }
if found=$(grep -E '^(Lints for|    \*)' <<<"$findings" | grep -v 'Specify a conda environment or container' | grep -B1 '^    \*'); then
    echo "$found" >&2
    exit 1
fi
