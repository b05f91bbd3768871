"""Whoever stops reading ends the printing."""

import subprocess
import sys

CODE = """
from flowgolf.watch.pipe import while_read
with while_read():
    for number in range(100_000):
        print(number)
"""


def test_a_reader_that_has_gone_is_no_error():
    command = f"{sys.executable} -c '{CODE}' | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n0\n"
    assert done.stderr == ""
