"""The words of the field, in plain sentences: what another word says better is found wherever people read."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[2]
READ = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ""}
LEFT_OUT = {
    "tests/unit/test_words.py",  # has the words
    "LICENSE",  # has words of its own
}

WORDS = {
    r"\btells?\b|\btold\b|\btelling\b": "reports, returns, describes, says",
    r"\breckon\w*": "compute",
    r"\banew\b": "again",
    r"\bheals?\b": "repairs",
    r"\bcomes? round\b": "recurs",
    r"\bspoil\w*|\bspoilt\b": "corrupted",
    r"\bmade-up\b|\bmade up\b": "synthetic",
    r"\bhand(?:s|ed|ing)? (?:\w+ ){0,2}on\b": "requeue",
    r"\bask(?:s|ed|ing)? ahead\b": "prefetch",
    r"\bjanitor\b": "reconciler",
    r"(?-i:\bgate\b)": "rate limiter",
    r"\bsettling\b": "closing",
    r"\btroubles?\b(?!\")": "failed windows",
    r"(?-i:\bis none\b|\bare none\b)": "is not a valid ...",
    r"(?<!there )\b(?:is|are) no (?!longer\b|more\b|such\b|one\b)[a-z]": "is not a ...",
    r"\bthere (?:do|does) not exist\b": "there is no ...",
    r"\bnobody is to\b": "say it plainly",
    r"\bthe dead do\b": "say it plainly",
    r"\bhold(?:s|ing)? (?:\w+ )*to account\b": "check",
    r"\bgives? (?:the lease |it )back\b": "release",
}
"""Patterns, and the words that say it."""

ANY = re.compile("|".join(f"(?:{pattern})" for pattern in WORDS), re.IGNORECASE)

NAMES = {"asked", "here", "one", "told", "w"}
"""Names of variables that do not say what they name."""


class Found(NamedTuple):
    """A word in a place."""

    place: str
    text: str
    better: str


def files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)  # noqa: S607 - git, wherever it is
    paths = [PROJECT / name for name in listed.stdout.splitlines() if name not in LEFT_OUT]
    return [path for path in paths if path.is_file() and path.suffix in READ and "lock" not in path.name]


def words_in(name: str, text: str) -> Iterator[Found]:
    """Yield the words of a text that another word says better."""
    for number, line in enumerate(text.splitlines(), 1):
        read = line.replace("_", " ")  # the words of a name are words too
        if not ANY.search(read):  # as of nearly every line: 20 patterns a line take a second and more
            continue
        for pattern, better in WORDS.items():
            if match := re.search(pattern, read, re.IGNORECASE):
                yield Found(f"{name}:{number}", match.group(0), better)


def names_in(name: str, source: str) -> Iterator[Found]:
    """Yield the names of a program that say nothing, attributes and keyword arguments included."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.string in NAMES:
            yield Found(f"{name}:{token.start[0]}", token.string, "what it names")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_words_are_the_fields(path: Path) -> None:
    name, text = str(path.relative_to(PROJECT)), path.read_text(encoding="utf-8")
    found = [*words_in(name, text), *(names_in(name, text) if path.suffix == ".py" else ())]
    assert [f"{place}: {word!r}; better: {better}" for place, word, better in found] == []


@pytest.mark.parametrize(
    "text",
    ["It tells of runs.", "is no run id", "reckoned anew", "hands the rest on", "spoilt answers", "made-up candles"],
)
def test_a_planted_word_is_found(text: str) -> None:
    assert list(words_in("planted", text))


def test_a_planted_name_is_found() -> None:
    assert list(names_in("planted", "told = here.clock"))
