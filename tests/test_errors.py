"""What an error says."""

from sxrisk.errors import InputError, OutputError, Problem


def test_text_has_place_value_expectation_and_remedy() -> None:
    error = InputError("depth is -3 m", where="goafs.csv, row 7", expected="a depth above 0", remedy="Mend the row")
    assert str(error) == "goafs.csv, row 7: depth is -3 m; expected a depth above 0. Mend the row."
    assert error.exit_code == 2
    assert isinstance(error, ValueError)


def test_a_problem_may_be_short() -> None:
    assert str(Problem("no points")) == "no points."


def test_output_error_is_an_oserror_for_callers_who_catch_those() -> None:
    assert isinstance(OutputError("the disk is full"), OSError)
