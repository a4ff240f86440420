"""The list of mutants fits the code, and what is said of them is what came of their tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.__main__ import CONTROL
from tests.mutants.catalogue import PROJECT, Mutant, WrongEntryError, read_mutants
from tests.mutants.copies import Copy, Result
from tests.mutants.verdict import Judged, faults, summary

MUTANTS = read_mutants()
SOURCE = "one = 1\ntwo = 1\nthree = 3\n"


@pytest.mark.parametrize("mutant", [CONTROL, *MUTANTS], ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place_of_the_code_as_it_is(mutant: Mutant) -> None:
    path = PROJECT / mutant.file
    changed = mutant.apply(path.read_text(encoding="utf-8"))
    if path.suffix == ".py":
        compile(changed, mutant.file, "exec")
    assert mutant.tests
    assert all((PROJECT / test.partition("::")[0]).exists() for test in mutant.tests)


def test_no_mutant_stands_twice() -> None:
    places = [(mutant.file, mutant.after, mutant.old, mutant.new) for mutant in MUTANTS]
    assert sorted(set(places)) == sorted(places)


def test_there_are_enough_and_few_that_survive() -> None:
    assert len(MUTANTS) >= 100
    assert sum(bool(mutant.survives) for mutant in MUTANTS) <= len(MUTANTS) * 0.05


def test_what_is_changed_may_be_named_by_a_text_before_it() -> None:
    assert Mutant("f", "= 1", "= 2", after="two").apply(SOURCE) == "one = 1\ntwo = 2\nthree = 3\n"


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        (Mutant("f", "= 1", "= 2"), "stands 2 times"),
        (Mutant("f", "= 4", "= 2"), "stands 0 times"),
        (Mutant("f", "= 3", "= 2", after="four"), "stands 0 times"),
        (Mutant("f", "one", "1", after="three"), "does not stand behind"),
        (Mutant("f", "= 3", "= 3"), "does not change one line"),
        (Mutant("f", "1\ntwo", "2"), "does not change one line"),
    ],
)
def test_an_entry_that_does_not_fit_the_code_is_refused(mutant: Mutant, said: str) -> None:
    with pytest.raises(WrongEntryError, match=said):
        mutant.apply(SOURCE)


def test_an_entry_takes_its_files_tests_or_its_own_and_no_key_but_the_known(tmp_path: Path) -> None:
    listed = tmp_path / "list.toml"
    listed.write_text("""
        ["domain/plan.py"]
        tests = ["tests/a.py"]
        mutants = [{ old = "a", new = "b" }, { old = "c", new = "d", tests = ["tests/b.py"], survives = "it is right" }]
    """)
    first, second = read_mutants(tmp_path)
    assert first.file == "layers/common/src/candle_collector/domain/plan.py"
    assert (first.tests, first.survives) == (("tests/a.py",), "")
    assert (second.tests, second.survives) == (("tests/b.py",), "it is right")
    listed.write_text(listed.read_text().replace("survives", "reason"))
    with pytest.raises(WrongEntryError, match="reason"):
        read_mutants(tmp_path)


def judged(number: int, *, noticed: bool, survives: str = "") -> Judged:
    result = Result("tests/a.py::test" if noticed else None, 1.0, "")
    return Judged(Mutant("f.py", f"old {number}", "new", survives=survives), result)


def test_survivors_with_a_reason_are_reported_and_others_are_wrong() -> None:
    noticed = [judged(number, noticed=True) for number in range(19)]
    explained, unexplained = judged(19, noticed=False, survives="it is right"), judged(20, noticed=False)
    assert faults([*noticed, explained], whole=True) == []
    assert faults([*noticed, unexplained], whole=True) == ["no test notices f.py: old 20 -> new"]
    lines = "\n".join(summary([*noticed, explained], [], 60.0))
    assert "19 of 20 mutants caught (95.0 %) in 60 s" in lines
    assert "f.py: old 19 -> new" in lines
    assert "it is right" in lines


def test_fewer_than_95_in_100_are_wrong_in_the_whole_list() -> None:
    several = [judged(number, noticed=number > 1, survives="" if number > 1 else "it is right") for number in range(20)]
    assert faults(several, whole=True) == ["18 of 20 are noticed, and 19 must be"]
    assert faults(several, whole=False) == []


def test_a_reason_to_survive_that_is_not_true_any_more_is_wrong() -> None:
    (wrong,) = faults([judged(1, noticed=True, survives="it is right")], whole=False)
    assert "said to survive" in wrong


def test_a_copy_is_changed_and_put_right_again_so_that_python_sees_each_change(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    changed = copy.root / CONTROL.file
    right, times = changed.read_text(), []
    for _ in range(2):
        with copy.changed(CONTROL):
            assert changed.read_text() == CONTROL.apply(right) != right
            times.append(int(changed.stat().st_mtime))
        assert changed.read_text() == right
        times.append(int(changed.stat().st_mtime))
    assert times[1] == times[3] == int((PROJECT / CONTROL.file).stat().st_mtime)
    assert len(set(times)) == 3, "compiled code is known by the second of its source"
    assert (PROJECT / CONTROL.file).read_text() == right
