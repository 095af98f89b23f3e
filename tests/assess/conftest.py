"""One run of the shipped sample for all tests that look at it."""

from pathlib import Path

import pytest

from sxrisk.assess import Project, RunResult


@pytest.fixture(scope="session")
def county_run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The finished main job on the shipped sample."""
    result = Project.open(sample / "county.toml").run(tmp_path_factory.mktemp("county") / "out", workers=2)
    assert isinstance(result, RunResult)
    return result
