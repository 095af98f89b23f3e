"""The stability chart is drawn in both languages, with every face where it belongs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sxrisk.errors import MissingFieldError
from sxrisk.products.fonts import uncovered
from sxrisk.products.stability_chart import draw_stability_chart
from sxrisk.sites.stability import METHODS, PARAMETERS, graph_faces


@pytest.fixture(scope="module")
def faces() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "face": ["顶板 $N'$", "上盘壁", "端壁"],
            "area_m2": [600.0, 1200.0, 200.0],
            "perimeter_m": [100.0, 140.0, 60.0],
            "dip_deg": [5.0, 70.0, 90.0],
            "failure": ["gravity"] * 3,
            "joint_angle_deg": [30.0, 80.0, None],
        }
    )
    rock = {"q_prime": {"distribution": "lognormal", "median": 8, "sigma_ln": 0.4}, "factor_a": [0.3, 0.9]}
    return graph_faces(table, rock, draws=500)


def drawn(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_chart_is_drawn_twice_alike(tmp_path: Path, faces: pd.DataFrame, language) -> None:
    one = draw_stability_chart(tmp_path / "a" / "one.png", faces, language=language, title="CK-02", note="2026-06-30")
    two = draw_stability_chart(tmp_path / "two.png", faces, language=language, title="CK-02", note="2026-06-30")
    assert one.read_bytes() == two.read_bytes()
    picture = drawn(one)
    # The faces' own colour and several zones are there.
    assert (np.abs(picture.astype(int) - (0x12, 0x3F, 0x73)).sum(axis=2) < 6).sum() > 200
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


def test_the_languages_differ_and_so_do_the_faces(tmp_path: Path, faces: pd.DataFrame) -> None:
    zh = draw_stability_chart(tmp_path / "zh.png", faces, language="zh").read_bytes()
    en = draw_stability_chart(tmp_path / "en.png", faces, language="en").read_bytes()
    moved = faces.assign(hr_m=faces["hr_m"] * 3)
    assert zh != en != draw_stability_chart(tmp_path / "moved.png", moved, language="en").read_bytes()


def test_faces_beyond_the_usual_chart_and_no_face_at_all(tmp_path: Path, faces: pd.DataFrame) -> None:
    far = faces.assign(hr_m=faces["hr_m"] * 40, n_prime=faces["n_prime"] / 5e3)
    assert draw_stability_chart(tmp_path / "far.png", far).stat().st_size > 10_000
    assert draw_stability_chart(tmp_path / "none.png", faces[~faces["applied"]]).stat().st_size > 10_000


def test_another_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFieldError, match=r"faces: applied, .* is missing; expected the table that graph_faces"):
        draw_stability_chart(tmp_path / "x.png", pd.DataFrame({"face": ["roof"]}))
    assert not (tmp_path / "x.png").exists()


def test_names_of_methods_and_parameters_can_be_drawn() -> None:
    words = [word for group in METHODS.values() for method in group.values() for word in (method.zh, method.en)]
    words += [word for parameter in PARAMETERS.values() for word in (parameter.zh, parameter.en)]
    assert uncovered(words) == ""
