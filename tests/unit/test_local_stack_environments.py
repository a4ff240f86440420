"""Environments are built again when what they are made from has changed; an interpreter is used only if it runs."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from localstack import environments
from localstack.environments import Environment, build
from localstack.progress import StackError

FIND_PYTHON = Path(environments.__file__).with_name("find_python.sh")


@pytest.fixture
def built(tmp_path: Path) -> Environment:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("rich==1 --hash=sha256:00\n")
    environment = Environment(tmp_path / "venv", requirements)
    environment.python.parent.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    environment.stamp.write_text(environment.recipe())
    return environment


def test_an_environment_that_was_built_from_what_is_here_is_current(built: Environment) -> None:
    assert built.is_current()


def test_other_requirements_make_it_out_of_date(built: Environment) -> None:
    built.requirements.write_text("rich==2 --hash=sha256:00\n")
    assert not built.is_current()


def test_another_interpreter_makes_it_out_of_date(built: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/opt/another-python")
    assert not built.is_current()


def test_an_interpreter_that_was_uninstalled_makes_it_out_of_date(built: Environment) -> None:
    built.python.unlink()
    built.python.symlink_to("/nowhere/python")
    assert not built.is_current()


def test_a_project_that_was_moved_links_its_package_again(built: Environment, tmp_path: Path) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "pyproject.toml").touch()
    linked = replace(built, editable=tmp_path / "here")
    linked.stamp.write_text(linked.recipe())
    assert linked.is_current()
    assert not replace(linked, editable=tmp_path / "there").is_current()


def test_an_interpreter_without_venv_is_told_with_the_package_that_brings_it(
    built: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    built.stamp.unlink()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(StackError, match=r"lacks venv and ensurepip(.|\n)*apt-get install python3\.\d+-venv"):
        build(built, "test")


def found(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin", **settings}
    return subprocess.run(  # noqa: S603 - the project's own script
        ["/bin/sh", str(FIND_PYTHON)], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_shim_that_fails_and_a_python_that_is_too_old_are_passed_over(tmp_path: Path) -> None:
    program(tmp_path, "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    program(tmp_path, "python3.12", "exit 1")
    program(tmp_path, "python3.11", f'exec {sys.executable} "$@"')
    result = found(tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert Path(result.stdout.strip()).resolve() == Path(sys.executable).resolve()


def test_without_any_python_the_message_says_how_to_get_one(tmp_path: Path) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        program(tmp_path, name, "exit 1")
    result = found(tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "apt-get install python3" in result.stderr


def test_a_python_that_was_named_and_does_not_run_is_not_replaced_by_another(tmp_path: Path) -> None:
    result = found(tmp_path, PYTHON="/nowhere/python3.13")
    assert (result.returncode, result.stdout) == (1, "")
    assert "/nowhere/python3.13" in result.stderr
