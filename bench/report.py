"""Report of a run: tables, ratios, and whether the targets are reached."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from .load import Figure

MEMORY_LIMIT = 250


@dataclass(frozen=True)
class Comparison:
    """A server of ours beside a yardstick; without a target it only informs."""

    subject: str
    yardstick: str
    target: float | None = None


COMPARISONS = [
    Comparison("me", "empty view", 0.50),
    Comparison("me", "djoser users/me", 1.8),
    Comparison("validate", "empty view", 0.50),
    Comparison("validate", "djoser users/me", 1.8),
    Comparison("forward", "empty view"),
    Comparison("forward", "validate", 1.25),
    Comparison("forward", "djoser users/me", 3),
    Comparison("api-key", "empty view"),
    Comparison("api-key", "djoser users/me", 2.2),
    Comparison("introspect", "empty view"),
    Comparison("introspect", "djoser users/me", 2.2),
    Comparison("status-list", "empty view", 0.80),
    Comparison("refresh", "djoser refresh", 5),
    Comparison("refresh", "djoser refresh, rotation off"),
    Comparison("rotation", "djoser refresh", 3),
    Comparison("login", "bare hash", 0.90),
    Comparison("login", "hash in an empty view"),
    Comparison("login", "djoser login"),
]
SUBJECTS = list(dict.fromkeys(comparison.subject for comparison in COMPARISONS))
# Fields of a figure, with their headings and decimal places.
COLUMNS = [
    ("rate", "req/s", 1),
    ("p50", "p50 ms", 1),
    ("p99", "p99 ms", 1),
    ("workers_ms", "workers ms", 2),
    ("database_ms", "database ms", 2),
]


@dataclass
class Results:
    """All figures of a run: by worker type and measurement, one figure per round."""

    rounds: dict[str, dict[str, list[Figure]]] = field(default_factory=dict)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, worker: str, name: str, figure: Figure) -> None:
        self.rounds.setdefault(worker, {}).setdefault(name, []).append(figure)

    def ratio(self, worker: str, comparison: Comparison) -> float | None:
        """Return the median ratio of the undisturbed rounds; None without one, or after errors."""
        pairs = list(
            zip(
                self.rounds[worker][comparison.subject],
                self.rounds[worker][comparison.yardstick],
                strict=True,
            )
        )
        if any(figure.errors or not figure.rate for pair in pairs for figure in pair):
            return None
        ratios = [
            ours.rate / theirs.rate
            for ours, theirs in pairs
            if not (ours.disturbed or theirs.disturbed)
        ]
        return median(ratios) if ratios else None

    def best(self, comparison: Comparison) -> float | None:
        """Return the ratio of the better worker type."""
        return max(
            (
                ratio
                for worker in self.rounds
                if (ratio := self.ratio(worker, comparison)) is not None
            ),
            default=None,
        )


def chosen(subjects: list[str]) -> list[Comparison]:
    return [comparison for comparison in COMPARISONS if comparison.subject in subjects]


def needed(comparisons: list[Comparison]) -> list[str]:
    """Return everything that must be measured, each subject next to its yardsticks."""
    return list(
        dict.fromkeys(
            name
            for comparison in comparisons
            for name in (comparison.yardstick, comparison.subject)
        )
    )


def reached(results: Results, comparison: Comparison) -> bool:
    """Return whether the better worker type reaches the target, if there is one."""
    best = results.best(comparison)
    return best is not None and (comparison.target is None or best >= comparison.target)


def small_enough(results: Results) -> bool:
    return min(held["authsvc"] for held in results.memory.values()) < MEMORY_LIMIT


def lines(results: Results, comparisons: list[Comparison]) -> Iterator[str]:
    """Return the report as text."""
    for worker, figures in results.rounds.items():
        yield from figure_table(worker, figures)
    yield from ratio_table(results, comparisons)
    yield from memory_table(results)


def figure_table(worker: str, figures: dict[str, list[Figure]]) -> Iterator[str]:
    headings = "".join(f"{heading:>12}" for _, heading, _ in COLUMNS)
    yield f"{worker:32}{headings}{'errors':>10}{'disturbed':>11}"
    for name, rounds in figures.items():
        errors = sum(figure.errors for figure in rounds)
        disturbed = f"{sum(figure.disturbed for figure in rounds)} of {len(rounds)}"
        void = "  void" if errors else ""
        columns = "".join(middle(rounds, field, places) for field, _, places in COLUMNS)
        yield f"  {name:30}{columns}{errors:10}{disturbed:>11}{void}"
    yield ""


def middle(rounds: list[Figure], of: str, places: int) -> str:
    """Return the median of the undisturbed rounds, or of all rounds if all were disturbed."""
    values = [
        value
        for figure in [each for each in rounds if not each.disturbed] or rounds
        if (value := getattr(figure, of)) is not None
    ]
    return f"{median(values):12.{places}f}" if values else f"{'-':>12}"


def ratio_table(results: Results, comparisons: list[Comparison]) -> Iterator[str]:
    workers = "".join(f"{worker:>10}" for worker in results.rounds)
    yield f"{'ratio':12}{'beside':30}{'target':>8}{workers}{'better':>10}  reached"
    for comparison in comparisons:
        target = f">= {comparison.target:.2f}" if comparison.target else "-"
        ratios = "".join(said(results.ratio(worker, comparison)) for worker in results.rounds)
        verdict = answer(reached(results, comparison)) if comparison.target else "-"
        best = said(results.best(comparison))
        names = f"{comparison.subject:12}{comparison.yardstick:30}"
        yield f"{names}{target:>8}{ratios}{best}  {verdict}"
    yield ""


def memory_table(results: Results) -> Iterator[str]:
    names = next(iter(results.memory.values()))
    workers = "".join(f"{worker:>10}" for worker in results.memory)
    yield f"{'both workers after load, MiB PSS':42}{'target':>8}{workers}"
    for name in names:
        target, verdict = (
            (f"< {MEMORY_LIMIT}", answer(small_enough(results)))
            if name == "authsvc"
            else ("-", "-")
        )
        held = "".join(f"{memory[name]:10.0f}" for memory in results.memory.values())
        yield f"  {name:40}{target:>8}{held}{'':10}  {verdict}"


def said(ratio: float | None) -> str:
    return f"{'void':>10}" if ratio is None else f"{ratio:10.2f}"


def answer(yes: bool) -> str:
    return "yes" if yes else "NO"


def as_json(results: Results, comparisons: list[Comparison]) -> dict[str, Any]:
    """Return the report as JSON, with every round."""
    ratios = [
        asdict(comparison)
        | {worker: results.ratio(worker, comparison) for worker in results.rounds}
        | {
            "better": results.best(comparison),
            "reached": reached(results, comparison) if comparison.target else None,
        }
        for comparison in comparisons
    ]
    rounds = {
        worker: {name: [asdict(figure) for figure in figures] for name, figures in measured.items()}
        for worker, measured in results.rounds.items()
    }
    return {
        "ratios": ratios,
        "rounds": rounds,
        "memory": results.memory,
        "memory_limit": MEMORY_LIMIT,
    }
