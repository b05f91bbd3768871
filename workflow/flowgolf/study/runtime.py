"""The programs that a result was computed with: versions belong to what it is identified by."""

import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

COMPUTES = ("torch", "numpy")
"""Libraries whose version may change a digit of a training, an export or an evaluation."""


@cache
def installed() -> dict[str, str]:
    """Name -> version of Python and of the libraries that compute; `none` for one that is not installed here."""
    return {"python": platform.python_version(), **{name: version_of(name) for name in COMPUTES}}


def version_of(name: str) -> str:
    """Version of a library, without the build of torch: `+cpu` and `+cu130` are one release."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return "none"


def runtime(equal: Mapping[str, Sequence[str]]) -> str:
    """The versions as short text; `equal` names releases that count as the first of their list."""
    found = {name: declared_equal(number, equal.get(name, ())) for name, number in installed().items()}
    return " ".join(f"{name}-{number}" for name, number in found.items())


def declared_equal(number: str, equal: Sequence[str]) -> str:
    """The version that a release counts as."""
    return equal[0] if number in equal else number
