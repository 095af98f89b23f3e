"""The command line as a user types it: texts and exit codes."""

from pathlib import Path

import pytest

from sxrisk.cli import main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("sxrisk 0.")


@pytest.mark.parametrize("command", [[], ["run"], ["demo"], ["check"]])
def test_help_names_what_the_command_does(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_unknown_command_and_option_are_the_users_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert main(["run", "--fly", "x.toml"]) == 2
    assert "fly" in capsys.readouterr().err


def test_missing_project_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "absent.toml"), "--out", str(tmp_path / "out")]) == 2
    assert "absent.toml: 1 problem in the project file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_unknown_stage_names_the_stages(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["run", str(sample / "county.toml"), "--out", str(tmp_path / "out"), "--only", "everything"])
    assert code == 2
    assert "expected one of layers, sites, reach, rules, region, products" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_check_lists_layers_and_scans_and_computes_nothing(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SXRISK_LANG", "en")
    assert main(["check", str(sample / "county.toml")]) == 0
    printed = capsys.readouterr().out
    assert "enterprises" in printed
    assert "goaf-01" in printed
    assert "The project is valid" in printed
    assert list(tmp_path.iterdir()) == []


def test_chinese_when_asked_for(
    sample: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SXRISK_LANG", "zh")
    assert main(["check", str(sample / "county.toml")]) == 0
    assert "项目有效" in capsys.readouterr().out
