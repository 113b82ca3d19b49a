"""The README's account of a whole comparison, between two marks."""

import pathlib

from cells import PEERS, ROOMY, Cell
from outcome import FIGURES, AtMost, NoWorse, Outcome, Target

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
    rows += [table_row(cell, outcome) for cell, outcome in results if is_load_on_peers(cell, outcome)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    others = "\n".join(list_item(cell, outcome) for cell, outcome in results if not is_load_on_peers(cell, outcome))
    return f"{conditions}\n\n{table}\n\n{others}\n"


def is_load_on_peers(cell: Cell, outcome: Outcome) -> bool:
    return cell.entrants in (PEERS, ROOMY) and "cpu" in outcome.samples[outcome.subject][0]


def table_row(cell: Cell, outcome: Outcome) -> tuple[str, ...]:
    targets = {target.figure: target for target in cell.targets}

    def ratio(figure: str) -> str:
        return f"{outcome.ratio(figure):.2f}{remark(targets.get(figure), outcome)}"

    return (
        cell.what,
        f"{outcome.median(outcome.subject, 'cpu'):.1f}",
        f"{outcome.ratio('cpu', 'nginx'):.2f}",
        f"{outcome.ratio('cpu', 'haproxy'):.2f}",
        remark(targets.get("cpu"), outcome).strip(" ()") or "none",
        ratio("user"),
        ratio("rate"),
        ratio("p99"),
        ratio("peak"),
    )


def remark(target: Target | None, outcome: Outcome) -> str:
    """What was aimed at, and whether it was missed."""
    match target:
        case AtMost(limit=limit):
            return f" (≤ {limit:.2f})" if target.is_met(outcome) else f" (≤ {limit:.2f}, missed)"
        case NoWorse() if not target.is_met(outcome):
            return " (worse)"
        case _:
            return ""


def list_item(cell: Cell, outcome: Outcome) -> str:
    target = next(iter(cell.targets), AtMost("cpu", 0))
    aim = remark(target, outcome) if cell.targets else ""
    if target.absolute:
        unit = FIGURES[target.figure].heading
        values = ", ".join(f"{each} {outcome.median(each, target.figure):.2f}" for each in reversed(outcome.samples))
        return f"- {unit}, {cell.what}: {values}{aim}."
    return f"- CPU, {cell.what}: {outcome.ratio(target.figure):.3f}{aim}."
