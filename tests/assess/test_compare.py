"""What changed between two runs."""

from sxrisk.assess import compare_findings
from sxrisk.assess.compare import change_counts
from sxrisk.findings import findings_frame


def frame(**deficits: float) -> object:
    return findings_frame(
        [{"finding_id": key, "deficit": value, "uncertainty": 0.5} for key, value in deficits.items()]
    )


def test_new_gone_worse_better_unchanged() -> None:
    before = frame(gone=1.0, worse=1.0, better=9.0, same=4.0)
    now = frame(new=1.0, worse=9.0, better=1.0, same=4.5)
    changes = compare_findings(before, now).set_index("finding_id")["change"].to_dict()
    assert changes == {"gone": "gone", "worse": "worse", "better": "better", "same": "unchanged", "new": "new"}


def test_a_move_within_the_noise_is_no_change() -> None:
    # Two sigmas of the difference of two values of 0.5 m each: 1.41 m.
    assert change_counts(compare_findings(frame(a=1.0), frame(a=2.3)))["unchanged"] == 1
    assert change_counts(compare_findings(frame(a=1.0), frame(a=2.5)))["worse"] == 1
