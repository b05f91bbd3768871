"""Variables that libraries read: which there are, and which this process has; no torch."""

import os
import re

PREFIXES = (
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "TORCH_",
    "PYTORCH_",
    "TORCHINDUCTOR_",
    "TRITON_",
    "NCCL_",
    "CUBLAS_",
    "CUDNN_",
)
LIBRARY_VARIABLE = re.compile(rf"^({'|'.join(PREFIXES)})[A-Z0-9_]+$")
PLAIN_VALUE = re.compile(r"^[\w.,:/+=@%-]*$")
CACHES = "_CACHE_DIR"
"""End of names that say where a compiler keeps its files, which chooses no figure and differs from node to node."""


def library_variables() -> dict[str, str]:
    """The libraries' variables that this process has, by name: those of the study's `environment`, in a job."""
    found = {name: value for name, value in os.environ.items() if LIBRARY_VARIABLE.match(name)}
    return {name: found[name] for name in sorted(found) if not name.endswith(CACHES)}
