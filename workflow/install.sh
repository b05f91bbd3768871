#!/usr/bin/env bash
# install.sh PYTHON VENV cpu|default: the pinned environment. The CPU build of torch lives on an index of its own,
# which uv knows by name; where that index cannot be reached, the ordinary torch package serves as well. With
# PIP_NO_INDEX, from a folder of wheels (PIP_FIND_LINKS), in which torch may be of another version than the pinned one.
set -euo pipefail
python=$1 venv=$2 build=$3

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "flowgolf needs Python 3.11 or newer; found $("$python" --version). Try: make setup PYTHON=python3.11" >&2
    exit 1
}
echo "setting up $venv (once)" >&2
"$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
torch=$(grep '^torch==' constraints.txt)
constraints=constraints.txt
if [ -n "${PIP_NO_INDEX:-}" ]; then
    torch=torch constraints=$venv/constraints.txt
    grep -v '^torch==' constraints.txt >"$constraints"
elif [ "$build" = cpu ]; then
    pip install --constraint constraints.txt uv
    UV_HTTP_RETRIES=0 "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --torch-backend cpu "$torch" 2>/dev/null ||
        echo "no CPU build of $torch within reach; taking the ordinary one" >&2
fi
pip install --constraint "$constraints" "$torch"
pip install --constraint "$constraints" --editable '.[dev]'
