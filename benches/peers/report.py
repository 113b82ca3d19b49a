"""Tables of what was measured."""

import statistics

from cells import Cell

# Figure, heading, format.
FIGURES = (
    ("user", "user us", "8.2f"),
    ("system", "system us", "9.2f"),
    ("cpu", "CPU us", "8.2f"),
    ("rate", "requests/s", "10.0f"),
    ("p99", "p99 ms", "8.2f"),
    ("peak", "peak KiB", "8.0f"),
)

Sample = dict[str, float]
Results = dict[str, list[Sample]]


def medians(samples: list[Sample]) -> Sample:
    return {figure: statistics.median(sample[figure] for sample in samples) for figure in samples[0]}


def row(name: str, sample: Sample) -> str:
    values = (f"{sample[figure]:{form}}" for figure, _, form in FIGURES)
    return f"{name:12}" + "  ".join(values)


def heading() -> str:
    widths = (f"{title:>{form.split('.')[0]}}" for _, title, form in FIGURES)
    return " " * 12 + "  ".join(widths)


def summary(cell: Cell, results: Results) -> str:
    """The medians of a cell, and whether its targets are met."""
    middle = {name: medians(samples) for name, samples in results.items()}
    lines = [heading()] + [row(name, sample) for name, sample in middle.items()]
    for target in cell.targets:
        ratio = against_best(middle, target.figure)
        verdict = "met" if ratio <= target.ratio else "MISSED"
        lines.append(f"{target.figure}: {ratio:.3f} of the best other, target {target.ratio:.2f}: {verdict}")
    return "\n".join(lines)


def against_best(middle: dict[str, Sample], figure: str) -> float:
    best = min(sample[figure] for name, sample in middle.items() if name != "evenkeel")
    return middle["evenkeel"][figure] / best
