import pytest

from benchmarks.fuzz_reader import ACCEPTED, REFUSED, own_seeds, read_case, run
from benchmarks.mutations import MUTATIONS, mutant


def test_own_files_are_read_unbroken() -> None:
    assert [read_case(data, ".mid") for data in own_seeds()] == [ACCEPTED] * 3


def test_a_case_follows_from_its_number() -> None:
    files = own_seeds()
    cases = [mutant(files, number) for number in range(50)]
    assert cases == [mutant(files, number) for number in range(50)]
    assert len(set(cases)) > 45


def test_broken_files_are_read_with_a_line_for_each_missing_note_or_refused() -> None:
    files = own_seeds()
    outcomes = [read_case(mutant(files, number), ".mid") for number in range(500)]
    assert outcomes.count(ACCEPTED) > 100
    assert outcomes.count(REFUSED) > 20 * len(MUTATIONS) // 2


def test_a_run_counts_its_cases(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(own_seeds(), ".mid", 10, 60)
    assert "50 cases from number 10 on, made from 3 files" in capfd.readouterr().out
