"""What was measured in a cell, and the bounds it is held to."""

import dataclasses
import statistics

# The figures of one turn, by the keys of FIGURES.
Sample = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Figure:
    heading: str
    digits: int
    more_is_better: bool = False


FIGURES = {
    "user": Figure("user us", 2),
    "system": Figure("system us", 2),
    "cpu": Figure("CPU us", 2),
    "rate": Figure("requests/s", 0, more_is_better=True),
    "p99": Figure("p99 ms", 2),
    "each": Figure("KiB each", 2),
    "peak": Figure("peak KiB", 0),
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The samples of each entrant of a cell; the last entrant is the one in question."""

    samples: dict[str, list[Sample]]
    # Which part of the machine's processor time others have used meanwhile.
    others: float

    @property
    def subject(self) -> str:
        return list(self.samples)[-1]

    def values(self, entrant: str, figure: str) -> list[float]:
        return [sample[figure] for sample in self.samples[entrant]]

    def median(self, entrant: str, figure: str) -> float:
        return statistics.median(self.values(entrant, figure))

    def best_other(self, figure: str) -> str:
        """The entrant that the subject has to measure up to."""
        best = max if FIGURES[figure].more_is_better else min
        others = [entrant for entrant in self.samples if entrant != self.subject]
        return best(others, key=lambda entrant: self.median(entrant, figure))

    def ratio(self, figure: str, other: str | None = None) -> float:
        """The subject's median to another's, or to the best other's."""
        return self.median(self.subject, figure) / self.median(other or self.best_other(figure), figure)


@dataclasses.dataclass(frozen=True)
class AtMost:
    """A bound on the subject's median, in relation to the best other's or absolute."""

    figure: str
    limit: float
    absolute: bool = False

    def value(self, outcome: Outcome) -> float:
        return outcome.median(outcome.subject, self.figure) if self.absolute else outcome.ratio(self.figure)

    def is_met(self, outcome: Outcome) -> bool:
        return self.value(outcome) <= self.limit

    def __str__(self) -> str:
        return f"at most {self.limit:.2f}"


# How far apart figures must be to count as different.
NOISE = 0.05


@dataclasses.dataclass(frozen=True)
class NoWorse:
    """The subject is as good as the best other: the ranges of their rounds overlap, or almost."""

    figure: str

    def value(self, outcome: Outcome) -> float:
        return outcome.ratio(self.figure)

    def is_met(self, outcome: Outcome) -> bool:
        ours = outcome.values(outcome.subject, self.figure)
        theirs = outcome.values(outcome.best_other(self.figure), self.figure)
        if FIGURES[self.figure].more_is_better:
            return max(ours) >= min(theirs) * (1 - NOISE)
        return min(ours) <= max(theirs) * (1 + NOISE)

    def __str__(self) -> str:
        return "no worse within noise"


Target = AtMost | NoWorse
