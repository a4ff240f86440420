"""Which way imports may point in this project: the rules of the architecture, and a checker that reads a source's."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

PACKAGE = "candle_collector"

DOMAIN, PORTS, ERRORS, ANSWERS, ADAPTERS = "domain", "ports", "errors", "answers", "adapters"
COLLECTING, READING, API, FUNCTION = "collecting", "reading", "api", "function"
SETTINGS, OBSERVABILITY, BOOTSTRAP = "settings", "observability", "bootstrap"
CLI, BACKGROUND, LOCALSTACK = "cli", "background", "localstack"
SIMULATOR, STANDALONE, DASHBOARD = "simulator", "standalone", "dashboard"

MAY_IMPORT: dict[str, frozenset[str]] = {
    DOMAIN: frozenset({DOMAIN}),
    ERRORS: frozenset({DOMAIN}),
    ANSWERS: frozenset({DOMAIN}),
    PORTS: frozenset({DOMAIN, ERRORS}),
    SETTINGS: frozenset({DOMAIN, ERRORS}),
    ADAPTERS: frozenset({DOMAIN, ERRORS, PORTS, ADAPTERS}),
    COLLECTING: frozenset({DOMAIN, ERRORS, ANSWERS, PORTS, COLLECTING}),
    READING: frozenset({DOMAIN, ERRORS, ANSWERS, PORTS, READING}),
    API: frozenset({DOMAIN, ERRORS, ANSWERS, PORTS, COLLECTING, READING, API}),
    OBSERVABILITY: frozenset(),
    BOOTSTRAP: frozenset({DOMAIN, ERRORS, PORTS, SETTINGS, ADAPTERS, COLLECTING, READING, API}),
    FUNCTION: frozenset({DOMAIN, ERRORS, ANSWERS, PORTS, SETTINGS, COLLECTING, READING, API, OBSERVABILITY, BOOTSTRAP}),
    CLI: frozenset(
        {CLI, BACKGROUND, LOCALSTACK, DOMAIN, ERRORS, ANSWERS, PORTS, SETTINGS}
        | {ADAPTERS, COLLECTING, READING, API, BOOTSTRAP}
    ),
    # what every home of the archive on this machine needs: it knows of none of them
    BACKGROUND: frozenset({BACKGROUND, DOMAIN, ERRORS, SETTINGS}),
    # the page knows the API by the command's client, and no more of this machine than where that is written down
    DASHBOARD: frozenset({DASHBOARD, CLI, BACKGROUND, ANSWERS, DOMAIN}),
    LOCALSTACK: frozenset({LOCALSTACK, BACKGROUND, DOMAIN, SETTINGS}),
    SIMULATOR: frozenset({SIMULATOR}),
    STANDALONE: frozenset({STANDALONE, FUNCTION, BOOTSTRAP, OBSERVABILITY, API, PORTS, SETTINGS, DOMAIN, ERRORS}),
}
"""The kinds of modules of this project that each kind may import."""

OUTSIDE = frozenset({CLI, BACKGROUND, LOCALSTACK, SIMULATOR, DASHBOARD})
"""Programs that are not deployed: they may import any library, of this project what the table says."""

VENDORS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(
        ("boto3", "botocore", "pynamodb", "requests", "sqlalchemy", "tenacity", "urllib3"),
        (frozenset({ADAPTERS}), frozenset()),
    ),
    "aws_lambda_powertools": (
        frozenset({API, OBSERVABILITY, FUNCTION}),
        frozenset({f"{PACKAGE}.adapters.emf_metrics"}),
    ),
    **dict.fromkeys(("uvicorn", "apscheduler", "prometheus_client"), (frozenset({STANDALONE}), frozenset())),
    # the one body that is checked; the document, which no function builds; and records as JSON, none of them on Lambda
    "pydantic": (
        frozenset(),
        frozenset(
            {
                f"{PACKAGE}.api.trigger_body",
                f"{PACKAGE}.api.openapi_document",
                f"{PACKAGE}.api.openapi_operations",
                f"{PACKAGE}.adapters.sql.records",
            }
        ),
    ),
    # of export and import, which no function loads
    "pyarrow": (
        frozenset(),
        frozenset(
            {
                f"{PACKAGE}.reading.candle_frame",
                f"{PACKAGE}.reading.export_candles",
                f"{PACKAGE}.adapters.files.parquet_rows",
            }
        ),
    ),
    "pandas": (frozenset(), frozenset({f"{PACKAGE}.reading.candle_frame"})),
}
"""The kinds of modules, and single modules, that may import what is not of the standard library."""

EXCEPTIONS: dict[str, frozenset[str]] = {
    # the defaults and bounds of some settings are those of the market, whose description is data
    f"{PACKAGE}.settings": frozenset({f"{PACKAGE}.adapters.binance.market"}),
    # the queue's adapter knows the form of a message, and the worker reads one
    "functions.worker.app": frozenset({f"{PACKAGE}.adapters.sqs"}),
}
"""Single imports that are allowed against the rules, with the reason."""


@dataclass(frozen=True)
class Violation:
    """An import that points the wrong way."""

    module: str
    imported: str

    def __str__(self) -> str:
        return f"{self.module} imports {self.imported}"


def kind_of(module: str) -> str | None:
    """Return the kind of one of our modules; None for all others."""
    first, *rest = module.split(".")
    if first == "functions":
        return FUNCTION
    if first in OUTSIDE or first == STANDALONE:
        return first
    if first != PACKAGE:
        return None
    if not rest:
        return DOMAIN  # the package itself holds nothing
    return rest[0]


def module_name(path: PurePosixPath) -> str:
    """Return the dotted name of a file below a source root."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: str, source: str, *, known: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the dotted names of what a source imports, wherever in it.

    Parameters
    ----------
    known
        The names of our modules: ``from package import module`` is an import of the module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: -node.level]
                base = ".".join([*above, base] if base else above)
            for name in node.names:
                whole = f"{base}.{name.name}"
                yield whole if whole in known else base
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "import_module":
            yield from (part.value for part in node.args if isinstance(part, ast.Constant))  # type: ignore[misc] # a constant's value is Any; here it is a name


def violations(module: str, source: str, *, known: frozenset[str] = frozenset()) -> list[Violation]:
    """Return the imports of a source that the rules forbid."""
    kind = kind_of(module)
    if kind is None:
        return []
    allowed = EXCEPTIONS.get(module, frozenset())
    return [
        Violation(module, imported)
        for imported in imports(module, source, known=known)
        if imported not in allowed and not _may(module, kind, imported)
    ]


def _may(module: str, kind: str, imported: str) -> bool:
    other = kind_of(imported)
    if kind == other == FUNCTION:
        return module.split(".")[:2] == imported.split(".")[:2]  # a function's own folder, no sibling
    if other is not None:
        return other in MAY_IMPORT[kind]
    root = imported.split(".", maxsplit=1)[0]
    if root in sys.stdlib_module_names or kind in OUTSIDE:
        return True
    kinds, modules = VENDORS.get(root, (frozenset(), frozenset()))
    return kind in kinds or module in modules
