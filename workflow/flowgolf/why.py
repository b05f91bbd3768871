"""Why would a stage run again? `python -m flowgolf.why VARIANT STAGE` says it key by key and file by file.

What a result says that it was made from (made_from.json) is compared with the study, the code and the files of now.
"""

import argparse
from collections.abc import Sequence

from flowgolf import ideas
from flowgolf.study.errors import nearest_key, read_yaml
from flowgolf.study.extends import whole


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 when every result is up to date, 1 when one is not."""
    parser = argparse.ArgumentParser(prog="python -m flowgolf.why", description="Say why a stage would run again.")
    parser.add_argument("variant", help="a variant or a point of a sweep, as tables name it")
    parser.add_argument("stage", help="stage of its runs: train, export, sliding, legal_ttt")
    parser.add_argument("--configfile", default="config/config.yaml", help="the study (config/config.yaml)")
    chosen = parser.parse_args(arguments)
    try:
        configuration = whole(read_yaml(chosen.configfile), [chosen.configfile])
        ideas.announce(configuration)
        from flowgolf.study import reasons  # which asks what settings there are
        from flowgolf.study.stages import STAGES
        from flowgolf.study.study import Study

        study = Study(configuration, source=chosen.configfile)
    except ValueError as error:
        parser.error(str(error))
    for what, given, known in (("variant", chosen.variant, study.variants), ("stage", chosen.stage, STAGES)):
        if given not in known:
            nearest = nearest_key(given, list(known))
            parser.error(f"{chosen.configfile}: no {what} '{given}'; did you mean {nearest}?")
    told = list(reasons.answers(study, chosen.variant, chosen.stage))
    print(*(line for _, lines in told for line in lines), sep="\n")
    return int(any(not current for current, _ in told))


if __name__ == "__main__":
    raise SystemExit(main())
