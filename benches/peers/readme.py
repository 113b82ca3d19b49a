"""The README's account of a whole comparison, between two marks."""

import pathlib

from cells import Cell
from idle import Idle
from outcome import AtMost, NoWorse, Outcome, Target

PATH = pathlib.Path(__file__).parents[2] / "README.md"
BEGIN = "<!-- Written by benches/peers/run.py --write-readme -->\n"
END = "<!-- End of what run.py writes -->\n"

HEADINGS = ("", "CPU µs", "to nginx", "to HAProxy", "target", "user CPU", "requests/s", "p99", "peak RSS")

Results = list[tuple[Cell, Outcome]]


def write(results: Results, conditions: str) -> None:
    """Puts the results between the marks."""
    text = PATH.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PATH} lacks the marks {BEGIN.strip()} and {END.strip()}")
    PATH.write_text(before + begin + block(results, conditions) + end + after)


def block(results: Results, conditions: str) -> str:
    rows = [HEADINGS, ("---",) * len(HEADINGS)]
    items = []
    for cell, outcome in results:
        if isinstance(cell.load, Idle):
            items.append(idle_item(cell, outcome))
        elif "nginx" in outcome.samples:
            rows.append(table_row(cell, outcome))
        else:
            items.append(pair_item(cell, outcome))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join((conditions, table, "\n".join(items))) + "\n"


def table_row(cell: Cell, outcome: Outcome) -> tuple[str, ...]:
    targets = {target.figure: target for target in cell.targets}
    figures = ("user", "rate", "p99", "peak")
    ratios = (f"{outcome.ratio(figure):.2f}{remark(targets.get(figure), outcome)}" for figure in figures)
    return (
        cell.what,
        f"{outcome.median(outcome.subject, 'cpu'):.1f}",
        f"{outcome.ratio('cpu', 'nginx'):.2f}",
        f"{outcome.ratio('cpu', 'haproxy'):.2f}",
        remark(targets.get("cpu"), outcome).strip(" ()") or "none",
        *ratios,
    )


def idle_item(cell: Cell, outcome: Outcome) -> str:
    values = ", ".join(f"{entrant} {outcome.median(entrant, 'each'):.2f}" for entrant in reversed(outcome.samples))
    return f"- KiB for {cell.what}: {values}{remarks(cell, outcome)}."


def pair_item(cell: Cell, outcome: Outcome) -> str:
    return f"- CPU, {cell.what}: {outcome.ratio('cpu'):.3f}{remarks(cell, outcome)}."


def remarks(cell: Cell, outcome: Outcome) -> str:
    return "".join(remark(target, outcome) for target in cell.targets)


def remark(target: Target | None, outcome: Outcome) -> str:
    """What was aimed at, and whether it was missed."""
    match target:
        case AtMost(limit=limit):
            return f" (≤ {limit:.2f})" if target.is_met(outcome) else f" (≤ {limit:.2f}, missed)"
        case NoWorse() if not target.is_met(outcome):
            return " (worse)"
        case _:
            return ""
