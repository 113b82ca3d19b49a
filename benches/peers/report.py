"""What was measured, as text for a terminal."""

from cells import Cell
from outcome import FIGURES, Outcome, Sample


def heading(figures: list[str]) -> str:
    return line("", [FIGURES[figure].heading for figure in figures])


def row(entrant: str, sample: Sample) -> str:
    return line(entrant, [f"{value:.{FIGURES[figure].digits}f}" for figure, value in sample.items()])


def line(first: str, rest: list[str]) -> str:
    return f"{first:10}" + "".join(f"{text:>12}" for text in rest)


def summary(cell: Cell, outcome: Outcome) -> str:
    """The medians of a cell, how they compare, and whether its targets are met."""
    figures = list(outcome.samples[outcome.subject][0])
    lines = ["median"]
    lines += [row(each, {figure: outcome.median(each, figure) for figure in figures}) for each in outcome.samples]
    lines.append(line("to best", [f"{outcome.ratio(figure):.3f}" for figure in figures]))
    for target in cell.targets:
        verdict = "met" if target.is_met(outcome) else "MISSED"
        lines.append(f"{FIGURES[target.figure].heading:>22}  {target.value(outcome):.3f}, {target}: {verdict}")
    lines.append(f"Others used {outcome.others:.0%} of the machine.")
    return "\n".join(lines)
