"""What the documentation shows is there: every command parses, every route, target, file and link exists.

Snippets that a test runs as they stand are named in RUN; all others are checked here, line by line.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import yaml
from candle_collector.api.routes import ROUTES

from background.standalone_home import SETTINGS as OF_THE_SERVER
from cli.main import parser_for
from localstack.parameters import SETTINGS

PROJECT = Path(__file__).resolve().parents[2]
DOCS = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "simulator/README.md")] + sorted(
    (PROJECT / "docs").glob("*.md")
)
MAKEFILE = (PROJECT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = {
    "MODE",
    "START",
    "END",
    "TOP",
    "QUOTES",
    "SYMBOLS",
    "EXCHANGE",
    "STAGE",
    "STACK",
    "CONFIRM",
    "PYTHON",
    *SETTINGS,
}
VARIABLES |= {"SAMPLE", "REPAIR", "ON", "DRY_RUN", "WITH", "RUN", "ONLY", "DATABASE_URL"}
VARIABLES |= {"WORKER_PROCESSES", "NOTIFY_SMTP_URL", "NOTIFY_SMTP_URL_FILE", "NOTIFY_WEBHOOK_SECRET_FILE"}
VARIABLES |= {
    "LOCAL_DIR",
    "LOCAL_API_PORT",
    "LOCAL_AWS_PORT",
    "LOCAL_EXCHANGE_PORT",
    "LOCAL_DASHBOARD_PORT",
    "CONTRACT_CASES",
    "RUNTIME",
    "KILLS",
    "KILLS_SEED",
}

NOT_CHECKED = {
    "aws": "needs an AWS account, or its command line, which is not a part of the project",
    "sam": "needs Docker or an AWS account; `make sam-local` runs it",
    "jq": "a program of the system",
    "docker": "needs Docker",
    "socat": "needs Docker",
    "sudo": "needs the rights of root",
    "sqlite3": "a program of the system",
    "mkdir": "a program of the system",
    "freqtrade": "run by tests/clients",
    "cat": "run by tests/clients",
    "date": "a program of the system",
    "git": "a program of the system",
}
"""Programs whose command lines are not checked, with the reason."""


class Snippet(NamedTuple):
    """A fenced block of a document."""

    place: str
    language: str
    text: str


def snippets(path: Path) -> Iterator[Snippet]:
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        number = text.count("\n", 0, match.start()) + 1
        body = re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
        yield Snippet(f"{path.relative_to(PROJECT)}:{number}", match[2], body)


SNIPPETS = [snippet for path in DOCS for snippet in snippets(path)]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell snippet, without assignments before it and pipes after it."""
    joined = text.replace("\\\n", " ")
    joined = re.sub(r"<<END\n.*?\nEND", "", joined, flags=re.DOTALL)
    for line in _whole_lines(joined):
        for inner in re.findall(r"\$\((.*?)\)(?=[\s\"]|$)", line):
            yield from commands(inner)
        words = shlex.split(re.sub(r"\$\(.*?\)(?=[\s\"]|$)", "VALUE", line), comments=True)
        for part in _between_pipes(words):
            command = list(dropwhile(lambda word: re.match(r"[A-Z_]+=", word), part))
            if command and command[0] != "export":
                yield command


def _whole_lines(text: str) -> Iterator[str]:
    """Yield the lines, those of one quoted argument together."""
    held = ""
    for line in text.splitlines():
        held = f"{held}\n{line}" if held else line
        if re.sub(r"(^|\s)#.*", "", held).count("'") % 2 == 0:
            yield held
            held = ""
    assert not held, "a quotation is not closed"


def _between_pipes(words: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    to_file = False
    for word in words:
        if word in {"|", "&&", ">"}:
            yield part
            part, to_file = [], word == ">"
        elif not to_file:
            part.append(word)
    yield part


def check(words: list[str]) -> None:
    """Fail where a command names what there is not."""
    program, *rest = words
    if program == "make":
        for word in rest:
            name, equals, _ = word.partition("=")
            assert (name in VARIABLES) if equals else (word in TARGETS), f"make {word}"
    elif program.endswith("candles"):
        assert rest == ["--help"] or parser_for(rest).parse_args(rest)
    elif program.endswith(("python", "python3")):
        check_python(rest)
    elif program == "curl":
        check_curl(rest)
    elif program == "bash":
        assert (PROJECT / rest[0]).is_file()
    elif program.endswith("uv"):
        assert rest[:2] == ["build", "--wheel"]
    elif program == "pip":
        raise AssertionError("the project is installed by `make setup`")
    else:
        assert program in NOT_CHECKED, f"{program} is neither checked nor left out with a reason"


def check_python(words: list[str]) -> None:
    if words[0] == "-m":
        module = words[1].replace(".", "/")
        assert words[1] == "pytest" or any((PROJECT / f"{module}{end}").exists() for end in (".py", "/__main__.py"))
        paths = words[2:] if words[1] == "pytest" else []
    else:
        paths = words[:1]
        if words[0].endswith("generate_admin_api_key.py"):
            assert parser_for(["keys"]).parse_args(["keys", "create", *words[1:]])
    for path in paths:
        assert (PROJECT / path).exists(), path


def check_curl(words: list[str]) -> None:
    (url,) = [word for word in words if word.startswith(("http://", "https://", "$"))]
    path = urlsplit(re.sub(r"^\$\w+", "http://host", url)).path
    known = [re.sub(r"\{\w+\}", "[^/]+", route.path) for route in ROUTES]
    assert "_exchange" in path or any(re.fullmatch(pattern, path) for pattern in known), path
    for position, word in enumerate(words):
        if word == "-d":
            json.loads(words[position + 1])


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.place)
def test_a_snippet_shows_what_there_is(snippet: Snippet) -> None:
    match snippet.language:
        case "sh" | "bash":
            for words in commands(snippet.text):
                check(words)
        case "python":
            compile(snippet.text, snippet.place, "exec")
        case "json":
            json.loads(snippet.text)
        case "yaml":
            yaml.safe_load(snippet.text)
        case "text" | "sql" | "javascript":  # what is JavaScript is run by tests/clients
            return
        case _:
            pytest.fail(f"a block in the language {snippet.language!r} is not checked")


@pytest.mark.parametrize(
    "command",
    ["make colect", "make collect SYMBOL=X", "candles export", "python scripts/api_keys.py", "nosuchprogram x"],
)
def test_a_planted_command_that_is_wrong_is_found(command: str) -> None:
    with pytest.raises((AssertionError, SystemExit)):
        check(shlex.split(command))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    inner = [link for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in inner if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_files_that_are_named_are_there(path: Path) -> None:
    named = re.findall(
        r"`((?:tests|docs|layers|functions|background|cli|localstack|simulator|scripts)/[\w/.-]+)`", path.read_text()
    )
    package = PROJECT / "layers/common/src/candle_collector"
    assert [name for name in named if not (PROJECT / name).exists() and not (package / name).exists()] == []


def test_the_readme_names_every_test_tier_and_every_subcommand() -> None:
    readme = (PROJECT / "README.md").read_text()
    tiers = {path.name for path in (PROJECT / "tests").iterdir() if any(path.glob("test_*.py"))}
    for tier in tiers | {"sam-local", "bench", "contract"}:
        assert tier in readme, tier


def test_the_makefile_knows_its_variables() -> None:
    shown = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout  # noqa: S607 - make, wherever it is
    assert {"collect", "test", "setup"} <= TARGETS
    assert all(
        f"  {target}" in shown for target in TARGETS - {"help", "setup-aws", "setup-dev", "check-names", "style"}
    )
    known = re.search(r"^KNOWN := (.*?)\n\n?(?=GIVEN)", MAKEFILE, re.MULTILINE | re.DOTALL)
    assert known
    assert set(known[1].replace("\\", " ").split()) == VARIABLES - SETTINGS.keys()
    named = {name for choices in re.findall(r"\[(.*)\]", shown) for name in re.findall(r"([A-Z_]+)=", choices)}
    assert {"START", "KILLS"} <= named <= VARIABLES | {"NAME"}


@pytest.mark.parametrize(
    ("words", "meant"), [(["SYMBOL=BTCUSDT"], "SYMBOLS"), (["TOPN=5"], "TOP"), (["TOP_N_CRYPTO=5"], "TOP_N_CRYPTOS")]
)
def test_a_variable_that_nothing_reads_is_refused_with_the_one_that_was_meant(words: list[str], meant: str) -> None:
    ended = subprocess.run(["make", "collect", *words], cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603, S607 - as above
    assert ended.returncode == 2
    assert f"did you mean {meant}=?" in ended.stderr
    assert ended.stdout == ""


def test_make_knows_each_setting_of_the_server_at_home() -> None:
    page = (PROJECT / "docs" / "standalone.md").read_text()
    assert {"WORKER_PROCESSES", "NOTIFY_SMTP_URL"} <= set(re.findall(r"[A-Z][A-Z_]+", page)) & OF_THE_SERVER
    given = [f"{name}=1" for name in sorted(OF_THE_SERVER)]
    ended = subprocess.run(["make", "check-names", *given], cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603, S607 - as above
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_settings_of_make_are_the_templates_parameters() -> None:
    listed = subprocess.run(
        ["/bin/sh", "scripts/refuse_unknown.sh"], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
    )
    assert set(listed.stdout.split()) == set(SETTINGS)
