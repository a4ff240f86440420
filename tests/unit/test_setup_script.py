"""scripts/setup.sh installs again when what an environment is made of has changed, and takes no Python that fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "setup.sh"
# Stands for Python: `-m venv` makes an environment whose interpreter is this file again, `-m pip install` a uv that is,
# and every call is noted.
PRETENDER = f"""#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
for last; do :; done
case "$*" in
    "-m venv "*) mkdir -p "$last/bin" && cp "$0" "$last/bin/python" ;;
    "-m pip install "*"--target .local/uv "*) mkdir -p .local/uv/bin && cp "$0" .local/uv/bin/uv ;;
    "-V") echo Python 3.12.9 ;;
    "-c "*) echo "${{FOUND:-{sys.executable}}}" ;;
    *config*) exit 1 ;;
    *"--group $BROKEN"* | *"--extra $BROKEN"*) echo "no route to host"; exit 1 ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project in a folder whose name has a space, with a Python that notes what it is asked to do."""
    project = tmp_path / "my project"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, project / "scripts")
    for name in ("pyproject.toml", "localstack.lock", "dashboard.lock"):
        (project / name).write_text("x")
    (project / "requirements.lock").write_text("uv==1 --hash=sha256:00\nrich==1 --hash=sha256:00\n")
    program(project, "python3.12", PRETENDER)
    return project


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def setup(project: Path, *names: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script, and return how it ended and the installations that it asked for."""
    calls = project / "calls"
    calls.write_text("")
    found = environment.pop("FOUND", str(project / "python3.12"))
    settings = {"PATH": f"{project}{os.pathsep}/usr/bin{os.pathsep}/bin", "CALLS": str(calls), "FOUND": found}
    ended = subprocess.run(  # noqa: S603 - the project's own script
        ["/bin/sh", str(project / "scripts" / "setup.sh"), *(names or ("main",))],
        env={"BROKEN": "nothing", **settings, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended, [call for call in calls.read_text().splitlines() if "install" in call]


def test_what_running_needs_is_installed_with_hashes_and_then_left_alone(project: Path) -> None:
    ended, installs = setup(project)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "installing the main environment with Python 3.12.9: " in ended.stdout
    assert all("--require-hashes" in call or "--no-deps" in call for call in installs)
    assert not [call for call in installs if "dev" in call or "--extra" in call]
    assert len(installs) == 3
    assert setup(project)[1] == []


def test_what_a_target_needs_is_added_to_what_is_there(project: Path) -> None:
    setup(project)
    ended, installs = setup(project, "dev")
    assert (ended.returncode, ended.stderr) == (0, "")
    (install,) = installs
    assert "--python .venv/bin/python --require-hashes" in install
    assert "--extra aws --extra files --group dev" in install
    # who runs the program again, or needs a part of it, installs nothing
    assert [setup(project, *names)[1] for names in (["main"], ["dev"], ["aws"], ["files"], ["main", "dev"])] == [[]] * 5


def test_what_needs_more_brings_the_project_too(project: Path) -> None:
    _, installs = setup(project, "aws")
    assert len(installs) == 4
    assert "--extra aws --group deploy" in installs[-1]
    assert len(setup(project, "files")[1]) == 1


def test_the_installer_itself_is_fetched_once(project: Path) -> None:
    setup(project)
    with (project / "pyproject.toml").open("a") as file:
        file.write("new")
    assert not [call for call in setup(project)[1] if "-m pip" in call]
    lock = (project / "requirements.lock").read_text()
    (project / "requirements.lock").write_text(lock.replace("uv==1", "uv==2"))
    assert [call for call in setup(project)[1] if "-m pip" in call]


def test_an_environment_that_there_is_not_is_refused(project: Path) -> None:
    ended, _ = setup(project, "dave")
    assert ended.returncode == 1
    assert "There is no environment dave." in ended.stderr


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements.lock"])
def test_other_requirements_are_installed(project: Path, changed: str) -> None:
    setup(project)
    with (project / changed).open("a") as file:
        file.write("new==1 --hash=sha256:00\n")
    assert len(setup(project)[1]) == 2


def test_another_interpreter_installs_again(project: Path) -> None:
    setup(project)
    program(project, "another", PRETENDER)
    assert len(setup(project, FOUND=str(project / "another"))[1]) == 2


def test_an_interpreter_that_was_uninstalled_installs_again(project: Path) -> None:
    setup(project)
    (project / ".venv/bin/python").unlink()
    assert len(setup(project)[1]) == 2


def test_a_project_that_was_moved_is_linked_again(project: Path) -> None:
    setup(project)
    moved = project.rename(project.with_name("moved"))
    program(moved, "python3.12", PRETENDER)
    assert len(setup(moved, FOUND=str(moved / "python3.12"))[1]) == 2


def test_an_installation_that_failed_shows_its_log_and_is_tried_again(project: Path) -> None:
    ended, _ = setup(project, BROKEN="build")
    assert ended.returncode == 1
    assert "no route to host" in ended.stderr
    assert "Remedy: the whole log is .local/setup-main.log" in ended.stderr
    assert len(setup(project)[1]) == 2


def test_an_interpreter_without_venv_is_reported_with_the_package_that_brings_it(project: Path) -> None:
    program(project, "python3.12", PRETENDER.replace('"-m venv "*)', '"-m venv "*) exit 1 ;; "never")'))
    ended, installs = setup(project)
    assert (ended.returncode, installs) == (1, [])
    assert "apt-get install python3-venv" in ended.stderr


def test_each_environment_has_its_own_folder_and_lock(project: Path) -> None:
    _, installs = setup(project, "main", "localstack")
    (install,) = [call for call in installs if "--group localstack" in call]
    assert "--constraints localstack.lock" in install
    assert ".local/venvs/localstack/bin/python" in install


def test_the_tests_of_the_page_add_a_browser_to_its_environment(project: Path) -> None:
    _, installs = setup(project, "dashboard")
    assert "--python .local/venvs/dashboard/bin/python --require-hashes --constraints dashboard.lock" in installs[-1]
    assert installs[-1].endswith("--group dashboard")
    _, added = setup(project, "browser")
    assert [call.rsplit(maxsplit=1)[-1] for call in added] == ["dashboard-tests"]
    assert setup(project, "dashboard", "browser")[1] == []


def test_a_shim_that_fails_is_passed_over(project: Path) -> None:
    program(project, "python3.13", "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2; exit 127\n")
    ended, _ = setup(project)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_without_any_python_the_message_says_how_to_get_one(project: Path) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        program(project, name, "#!/bin/sh\nexit 1\n")
    ended, installs = setup(project)
    assert (ended.returncode, installs) == (1, [])
    assert "apt-get install python3" in ended.stderr


def test_a_python_that_was_named_and_does_not_run_is_not_replaced_by_another(project: Path) -> None:
    ended, installs = setup(project, PYTHON="/nowhere/python3.13")
    assert (ended.returncode, installs) == (1, [])
    assert "/nowhere/python3.13" in ended.stderr
