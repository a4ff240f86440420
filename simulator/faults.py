"""Rules for which answers are corrupted, and how: parsed from the settings, drawn so that a run can be repeated."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from simulator.answers import Answer
from simulator.broken_answers import ANSWER_FAULTS
from simulator.broken_rows import ROW_FAULTS, with_rows

KINDS = (*ANSWER_FAULTS, *ROW_FAULTS)
"""Every kind of fault, by the name under which a rule asks for it."""


@dataclass
class Rule:
    """A fault and when it strikes.

    Parameters
    ----------
    kinds
        One kind, or several of which one is drawn each time.
    match
        ``path`` is the end of the path (``klines``); any other name is a parameter's value (``symbol``, ``startTime``).
    times
        How many matching requests it strikes; None is all.
    after
        How many matching requests it lets pass first.
    probability
        How likely it strikes. The draw depends on `seed`, the request's query and how often it was asked, not on the
        order in which requests arrive, so that a run can be repeated.
    options
        What the kind takes besides: ``status``, ``seconds``, ``rows`` and so on.
    """

    kinds: list[str]
    match: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    struck: int = 0
    passed: int = 0
    requested: Counter[str] = field(default_factory=Counter)

    @classmethod
    def parse(cls, rule: Mapping[str, Any]) -> Self:
        """Read a rule such as ``{"kind": "status", "status": 503, "times": 2, "match": {"path": "klines"}}``.

        Raises
        ------
        ValueError
            If the kind is unknown.
        """
        values = dict(rule)
        kind = values.pop("kind", None)
        kinds = kind if isinstance(kind, list) else [kind]
        for item in kinds:
            if item not in KINDS:
                raise ValueError(f"kind {item!r} is unknown; there are {', '.join(KINDS)}")
        times = values.pop("times", None)
        return cls(
            kinds=kinds,
            match={str(name): str(value) for name, value in values.pop("match", {}).items()},
            times=None if times is None else int(times),
            after=int(values.pop("after", 0)),
            probability=float(values.pop("probability", 1)),
            seed=int(values.pop("seed", 0)),
            options=values,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the rule in the form in which it is parsed."""
        rule = {"kind": self.kinds, "match": self.match, "times": self.times, "after": self.after}
        return {**rule, "probability": self.probability, "seed": self.seed, **self.options}

    def draw(self, path: str, params: Mapping[str, str]) -> str | None:
        """Return the kind of fault that strikes this request, or None."""
        wanted = self.match.get("path")
        if wanted is not None and not path.endswith(wanted):
            return None
        if any(params.get(name) != value for name, value in self.match.items() if name != "path"):
            return None
        self.passed += 1
        if self.passed <= self.after or (self.times is not None and self.struck >= self.times):
            return None
        request = f"{path}?{sorted(params.items())}"
        self.requested[request] += 1
        dice = random.Random(f"{self.seed}|{request}|{self.requested[request]}")
        if dice.random() >= self.probability:
            return None
        self.struck += 1
        return dice.choice(self.kinds)


def corrupt(kind: str, answer: Answer, params: Mapping[str, str], options: Mapping[str, Any]) -> Answer:
    """Return the answer as the fault `kind` leaves it."""
    if kind in ROW_FAULTS:
        return with_rows(answer, lambda rows: ROW_FAULTS[kind](rows, params, options))
    return ANSWER_FAULTS[kind](answer, options)
