"""What the pages say below each plot."""

from flowgolf.report.results.collect import Results
from flowgolf.report.results.names import sweep_name

CAPTIONS = {
    "training_curves": (
        "Validation bits per byte during training. Lines are means over seeds; bands show one standard deviation where "
        "there is more than one seed."
    ),
    "ttt_curves": (
        "Running bits per byte of legal test-time training. Each chunk is scored before the model trains on it."
    ),
    "size_bpb": "Size of artifact and code against sliding bits per byte: one point per run, the cap as a dashed line.",
    "effects": (
        "Every difference with its 95 % interval. Only one whose interval excludes zero, and whose p stays below 5 % "
        "after Holm's correction, is called an effect."
    ),
    "artifact_bytes": "Bytes of the artifact and the code, by part of the model and bit width.",
}


def captions(results: Results) -> dict[str, str]:
    """Caption of each plot by its name, in the order in which they are read."""
    reference = results.manifest["reference"]
    swept = {
        sweep_name(name): f"Bits per byte by {sweep['key']} of {sweep['of']}. The line is {reference}."
        for name, sweep in results.manifest["sweeps"].items()
    }
    return CAPTIONS | swept
