"""What Snakemake's command line names, checked before Snakemake reads it: its own words for a bad file have no line.

profiles/default calls this; it is read before the configuration, and that is before the Snakefile.
"""

import sys
from collections.abc import Iterator, Sequence

from flowgolf.study.errors import ConfigError, read_yaml

OPTIONS = ("--configfile", "--configfiles")


def check_command_line(arguments: Sequence[str]) -> None:
    """Refuse a configuration file that is none, with one sentence on stderr and exit code 1."""
    try:
        for path in configuration_files(arguments):
            read_yaml(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


def configuration_files(arguments: Sequence[str]) -> Iterator[str]:
    """The files that a command line gives as configuration."""
    taking = False
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if argument.startswith("-"):
            taking = option in OPTIONS
            if taking and equals:
                yield value
        elif taking:
            yield argument
