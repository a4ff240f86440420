"""The pinned requirement lists agree with each other and say nothing of where packages come from."""

import re
from importlib.metadata import requires
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LAYER = PROJECT / "layers" / "common" / "requirements.txt"
LISTS = [*(PROJECT / f"{name}.lock" for name in ("requirements", "localstack", "nautilus", "dashboard")), LAYER]
# What the Lambda runtime for Python brings; see IN_THE_RUNTIME in the Makefile.
IN_THE_RUNTIME = {"boto3", "botocore", "python-dateutil", "six"}
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def pinned(file: Path) -> dict[str, str]:
    return {name.lower().replace("_", "-"): version for name, version in _PINNED.findall(file.read_text())}


def test_the_layer_holds_the_versions_that_the_tests_run_with() -> None:
    tested = pinned(LISTS[0])
    in_layer = pinned(LAYER)
    assert in_layer
    assert in_layer == {name: tested.get(name) for name in in_layer}


def test_the_layer_lacks_nothing_that_the_runtime_does_not_bring() -> None:
    in_layer = pinned(LAYER)
    missing = set()
    for name in in_layer:
        for requirement in requires(name) or []:
            if ";" not in requirement:
                needed = re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")
                if needed not in in_layer.keys() | IN_THE_RUNTIME:
                    missing.add(f"{needed} (for {name})")
    assert missing == set()


def test_the_page_reads_the_api_with_the_versions_that_the_command_is_tested_with() -> None:
    tested, of_page = pinned(LISTS[0]), pinned(PROJECT / "dashboard.lock")
    for name in ("requests", "pydantic", "urllib3"):
        assert of_page[name] == tested[name]


def test_the_layer_leaves_to_the_runtime_what_it_brings() -> None:
    assert pinned(LAYER).keys() & IN_THE_RUNTIME == set()


@pytest.mark.parametrize("file", LISTS, ids=lambda file: file.name)
def test_a_list_pins_hashes_and_names_no_address(file: Path) -> None:
    text = file.read_text()
    assert [line for line in text.splitlines() if not re.match(r"\S+==\S+ (; .+ )?--hash=sha256:", line)] == []
    assert re.findall(r"https?:|file:|index-url|find-links|@ ", text) == []


@pytest.mark.parametrize("file", LISTS, ids=lambda file: file.name)
def test_a_list_has_one_version_of_each_package_for_every_python_that_works(file: Path) -> None:
    names = [name.lower() for name, _ in _PINNED.findall(file.read_text())]
    assert sorted(set(names)) == sorted(names)
