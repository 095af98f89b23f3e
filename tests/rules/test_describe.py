"""Criteria as people read them: the list, the card, the page of all, and the commands that show them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sxrisk.cli.rules import rules_app
from sxrisk.errors import ParameterError
from sxrisk.layers import KINDS
from sxrisk.rules import load_catalogue, rule_card, rule_table
from sxrisk.rules.describe import RULE_COLUMNS, TOPICS, catalogue_page, limit_text, topic_of

CATALOGUE = load_catalogue()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(rules_app, list(arguments))
    assert result.exception is None or isinstance(result.exception, (SystemExit, ParameterError)), result.exception
    return result.exit_code, result.output


def test_the_page_of_criteria_is_up_to_date(repository: Path) -> None:
    page = (repository / "docs" / "standards.md").read_text(encoding="utf-8")
    assert page == catalogue_page(CATALOGUE), "write it anew: sxrisk rules list --format markdown > docs/standards.md"
    for rule in CATALOGUE.rules.values():
        assert f"| `{rule.id}` |" in page
        for ask in rule.asks:
            assert f"| `{rule.id}` | `{ask.name}` | {ask.unit} |" in page
    for gap in CATALOGUE.not_decidable:
        assert f"| {gap.id} |" in page


def test_the_list_filters_by_topic_kind_and_evidence() -> None:
    whole = rule_table(CATALOGUE)
    assert list(whole.columns) == list(RULE_COLUMNS)
    assert whole["id"].tolist() == list(CATALOGUE.rules)
    assert sum(len(rule_table(CATALOGUE, topic=topic)) for topic in TOPICS) == len(whole)
    dumps = rule_table(CATALOGUE, kind="waste_dump", evidence="V")["id"].tolist()
    assert {"MH-DUMP-200", "HS-DUMP-150", "DUMP-RATE", "P-30b"} <= set(dumps)
    assert "DUMP-2H" not in dumps
    with pytest.raises(ParameterError, match=r"topic: 'pipeline' is unknown.*Did you mean pipelines"):
        rule_table(CATALOGUE, topic="pipeline")
    with pytest.raises(ParameterError, match="evidence: 'V3'"):
        rule_table(CATALOGUE, evidence="V3")
    with pytest.raises(ParameterError, match="language"):
        rule_table(CATALOGUE, language="fr")


@pytest.mark.parametrize(
    ("rule_id", "topic", "limit"),
    [
        ("P-30c", "pipelines", "距离 ≤ 5 m"),
        ("UG-7-2", "pipelines", "距离 1.5–15 m"),
        ("P-35a", "pipelines", "相交"),
        ("T-FB-3", "tailings", "安全超高 < 0.7 m"),
        ("HC-13", "chemicals", "距离 < 用户给出的distance_m"),
        ("OP-8", "mining", "距离 < 1 × 深度"),
        ("GS-HM", "goafs", "采深采厚比 < 30"),
        ("GOAF-ZONE", "goafs", "在影响范围内"),
        ("PIT-CUM-H", "monitoring", "水平位移 > 0.006 × 边坡高度"),
    ],
)
def test_topics_and_limits(rule_id: str, topic: str, limit: str) -> None:
    rule = CATALOGUE.rules[rule_id]
    assert (topic_of(rule), limit_text(rule, "zh")) == (topic, limit)


def test_every_card_exists_in_both_languages() -> None:
    for rule in CATALOGUE.rules.values():
        for language in ("zh", "en"):
            card = rule_card(rule, language, CATALOGUE)
            told = dict(card)
            assert told["编号" if language == "zh" else "Id"] == rule.id
            assert all(label and text for label, text in card)
        english = " ".join(text for _, text in rule_card(rule, "en", CATALOGUE)[:3])
        assert not any("一" <= letter <= "鿿" for letter in english), rule.id
    conflict = dict(rule_card(CATALOGUE.rules["T-OH"], "en", CATALOGUE))["Conflict"]
    assert conflict.startswith("4. Overhead pond: 1 km in a straight line (2016)")
    changed = load_catalogue(overrides={"P-33": {"value": 900.0}}).rules["P-33"]
    assert dict(rule_card(changed, "en"))["Changed"] == "its limit or effect is the user's"


def test_list_command_as_table_json_and_page() -> None:
    code, text = run("list", "--kind", "gas_storage_zone", "--language", "en")
    assert (code, "P-29-S" in text, "P-33" in text) == (0, True, False)
    code, text = run("list", "--topic", "tailings", "--evidence", "V2", "--format", "json")
    assert code == 0
    assert {"T-RIV", "T-RIV-T", "T-200"} <= {row["id"] for row in json.loads(text)["rules"]}
    whole = json.loads(run("list", "--format", "json", "--language", "zh")[1])
    assert len(whole["rules"]) == len(CATALOGUE.rules)
    assert (len(whole["conflicts"]), len(whole["not_decidable"])) == (16, len(CATALOGUE.not_decidable))
    code, text = run("list", "--format", "markdown")
    assert (code, text) == (0, catalogue_page(CATALOGUE))


def test_show_command() -> None:
    code, text = run("show", "P-35b", "--language", "en", "--json")
    assert code == 0
    assert {"label": "Broken where", "text": "distance 5–50 m"} in json.loads(text)
    code, text = run("show", "P-35b", "--language", "zh")
    assert (code, "第三十五条第（二）项" in text) == (0, True)
    result = CliRunner().invoke(rules_app, ["show", "P-35x"])
    assert isinstance(result.exception, ParameterError)
    assert "Did you mean P-35" in str(result.exception)


def test_check_command_ends_with_2_on_a_bad_file(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[standard]\nstandard = "DB14/T 1"\n', encoding="utf-8")
    bad.write_text('[standard]\nstandrad = "DB14/T 1"\n', encoding="utf-8")
    assert run("check", str(good))[0] == 0
    code, text = run("check", str(bad))
    assert code == 2
    assert "bad.toml, line 2: unknown key 'standrad'" in text
    assert run("check", str(tmp_path / "absent.toml"))[0] == 2


def test_kinds_and_words_of_the_shipped_catalogue_have_titles() -> None:
    for rule in CATALOGUE.rules.values():
        assert {*rule.subject_kinds, *rule.object_kinds} <= set(KINDS)
