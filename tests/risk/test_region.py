"""Four-colour grid and county table."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.findings import findings_frame
from sxrisk.risk import county_table, risk_grid

COUNTIES = gpd.GeoDataFrame(
    {"name": ["东", "西", "南"]},
    geometry=[
        shapely.box(112.5, 37.0, 113.0, 38.0),
        shapely.box(112.0, 37.0, 112.5, 38.0),
        shapely.box(112.0, 36.0, 113.0, 37.0),
    ],
    crs=4490,
)


def findings(*rows: tuple) -> gpd.GeoDataFrame:
    return findings_frame(
        {
            "finding_id": f"F-{k}",
            "colour": colour,
            "status": status,
            "county": county,
            "probability": p,
            "geometry": shape,
        }
        for k, (colour, status, county, p, shape) in enumerate(rows)
    )


FOUND = findings(
    ("red", "violation", "东", 1.0, shapely.Point(112.7, 37.5)),
    ("yellow", "too_close_to_call", "东", 0.5, shapely.Point(112.7, 37.5001)),
    ("blue", "advisory", "西", np.nan, shapely.Point(112.2, 37.5)),
    ("orange", "suspected", "", 1.0, shapely.Point(115.0, 37.5)),
)


def test_highest_level_in_each_cell():
    grid = risk_grid(FOUND, cell_m=1000.0).sort_values("score", ascending=False, ignore_index=True)
    assert grid[["colour", "score", "n_findings"]].to_numpy().tolist() == [
        ["red", 6, 2],
        ["orange", 3, 1],
        ["blue", 1, 1],
    ]
    assert grid.crs.to_epsg() == 4490
    for square in grid.geometry:
        geod = grid.crs.get_geod()
        assert abs(geod.geometry_area_perimeter(square)[0]) == pytest.approx(1e6, rel=1e-5)


def test_a_line_colours_every_cell_it_touches():
    line = findings(("red", "violation", "", 1.0, shapely.LineString([(112.0, 37.5), (112.1, 37.5)])))
    grid = risk_grid(line, cell_m=1000.0)
    assert 9 <= len(grid) <= 12
    assert shapely.union_all(grid.geometry.array).buffer(1e-7).covers(line.geometry[0])


def test_boundary_and_nothing():
    assert risk_grid(FOUND, cell_m=1000.0, boundary=COUNTIES)["colour"].tolist().count("orange") == 0
    assert len(risk_grid(findings(), cell_m=1000.0)) == 0
    assert len(risk_grid(findings(), cell_m=1000.0, boundary=COUNTIES)) == 0
    with pytest.raises(ParameterError, match="cell_m"):
        risk_grid(FOUND, cell_m=0.0)


def test_counties_in_their_order_and_the_rest():
    table = county_table(FOUND, COUNTIES)
    assert table["name"].tolist() == ["东", "西", "南", ""]
    assert table["colour"].tolist() == ["red", "blue", "", "orange"]
    assert table["n_findings"].tolist() == [2, 1, 0, 1]
    assert table["red"].tolist() == [1, 0, 0, 0]
    assert table["violation"].tolist() == [1, 0, 0, 0]
    assert table["too_close_to_call"].tolist() == [1, 0, 0, 0]
    assert county_table(FOUND[FOUND["county"] != ""], COUNTIES)["name"].tolist() == ["东", "西", "南"]
    assert county_table(findings(), COUNTIES)["n_findings"].tolist() == [0, 0, 0]


def test_counties_by_column_where_no_outlines_are_given():
    table = county_table(FOUND, None)
    assert table[["name", "n_findings"]].to_numpy().tolist() == [["东", 2], ["西", 1], ["", 1]]
    with pytest.raises(MissingFieldError, match="name"):
        county_table(FOUND, COUNTIES.drop(columns="name"))
