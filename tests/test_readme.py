"""What the README shows is what happens."""

import re
from pathlib import Path

import pytest


def test_python_of_the_readme_runs(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    (code,) = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert len(names["near"]) > 0
    assert names["cavity"].volume_low_m3 < names["cavity"].volume_m3 < names["cavity"].volume_high_m3


def test_links_of_the_documents_lead_somewhere(repository: Path) -> None:
    for page in [*repository.glob("*.md"), *(repository / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
