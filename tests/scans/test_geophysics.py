"""Geophysical models from the files that inversion programs write."""

import numpy as np
import pytest

from sxrisk.errors import CRSError, FileFormatError, InputError, MissingFieldError, ParameterError
from sxrisk.layers.readings.drill_holes import read_drill_holes
from sxrisk.scans.geophysics import read_property_model


def write(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def test_a_volume_from_csv_is_a_lattice_in_any_order(tmp_path):
    rows = [(x, y, z, 10 * x + y + z / 10) for z in (0, 5, 10) for x in (0, 10, 20) for y in (0, 7)]
    text = "x,y,z,resistivity (ohm.m)\n" + "\n".join(",".join(map(str, row)) for row in reversed(rows))
    model = read_property_model(write(tmp_path, "a.csv", text))
    assert (model.name, model.unit) == ("resistivity", "ohm.m")
    assert [list(axis) for axis in model.axes] == [[0, 10, 20], [0, 7], [0, 5, 10]]
    assert model.values == pytest.approx(model.xyz @ [10, 1, 0.1])
    at = model.interpolator()
    assert at(np.array([[5.0, 3.5, 2.5], [100.0, 0.0, 0.0]])) == pytest.approx([53.75, np.nan], nan_ok=True)


def test_chinese_headers_and_gbk(tmp_path):
    header = "测线号,东坐标,北坐标,高程,电阻率(Ω·m)"
    text = header + "\nL1,500000,4100000,900,120\nL1,500010,4100000,900,80\nL2,500000,4100020,900,60\n"
    model = read_property_model(write(tmp_path, "b.csv", text, "gbk"), crs="EPSG:4547")
    assert model.section_names == ("L1", "L2")
    assert list(model.section) == [0, 0, 1]
    assert model.levels == pytest.approx(np.log10([120, 80, 60]))


def test_x_that_is_northing_is_recognised_by_its_system(tmp_path):
    text = "x,y,z,value\n4100000,500000,900,1\n4100010,500000,900,2\n"
    with pytest.warns(UserWarning, match="x is taken as northing"):
        model = read_property_model(write(tmp_path, "c.csv", text), crs="EPSG:4547")
    assert model.xyz[:, 0] == pytest.approx([500000, 500000])
    with pytest.raises(CRSError, match="do not lie in"):
        read_property_model(write(tmp_path, "d.csv", text.replace("4100", "7300")), crs="EPSG:4547")


RES2DINV = """/Data file from an inversion
/Inversion model resistivity section
/X  Depth  Resistivity  Conductivity
0.5 0.5 100.0 0.010
1.5 0.5 50.0 0.020
/Resistivity section with topography
/X  Elevation  Resistivity  Conductivity
0.5 899.5 100.0 0.010
1.5 901.5 50.0 0.020
"""


def test_an_inversion_with_topography_takes_the_heights(tmp_path):
    path = write(tmp_path, "line.xyz", RES2DINV)
    with pytest.raises(MissingFieldError, match="trace"):
        read_property_model(path)
    model = read_property_model(path, trace=[(100.0, 200.0), (100.0, 210.0)])
    assert model.xyz == pytest.approx(np.array([[100.0, 200.5, 899.5], [100.0, 201.5, 901.5]]))
    assert list(model.values) == [100.0, 50.0]
    with pytest.raises(ParameterError, match=r"on a trace of 1\.0 m"):
        read_property_model(path, trace=[(0.0, 0.0), (1.0, 0.0)])


def test_lines_and_dummies_of_oasis_montaj(tmp_path):
    text = "/ exported\n/ X Y Z RHO\nLine 10\n0 0 5 100\n10 0 5 *\n20 0 5 90\nLine 20\n0 30 5 80\n"
    with pytest.warns(UserWarning, match="1 rows without a place or a value"):
        model = read_property_model(write(tmp_path, "o.xyz", text))
    assert model.section_names == ("10", "20")
    assert list(model.values) == [100, 90, 80]
    with pytest.raises(ParameterError, match="max_gap_m"):
        model.interpolator()


def test_depths_need_the_ground(tmp_path):
    path = write(tmp_path, "e.csv", "x,y,depth,vp\n0,0,10,3000\n5,0,10,2500\n")
    with pytest.raises(MissingFieldError, match="gives depths"):
        read_property_model(path)
    assert list(read_property_model(path, surface=900.0).xyz[:, 2]) == [890.0, 890.0]


def test_vtk_grids_by_points_and_by_cells(tmp_path):
    import pyvista as pv

    grid = pv.ImageData(dimensions=(4, 3, 3), spacing=(2.0, 3.0, 4.0), origin=(10.0, 20.0, 30.0))
    grid.cell_data["Resistivity"] = np.arange(grid.n_cells, dtype=float)
    grid.save(tmp_path / "g.vti")
    model = read_property_model(tmp_path / "g.vti")
    assert model.name == "resistivity"
    assert [list(axis) for axis in model.axes] == [[11, 13, 15], [21.5, 24.5], [32, 36]]
    # VTK counts x fastest.
    assert model.values == pytest.approx((model.xyz - [11, 21.5, 32]) @ [0.5, 1.0, 1.5])
    grid.point_data["velocity"] = np.zeros(grid.n_points)
    grid.save(tmp_path / "h.vti")
    with pytest.raises(ParameterError, match="Resistivity \\(cell\\), velocity \\(point\\)"):
        read_property_model(tmp_path / "h.vti")
    assert len(read_property_model(tmp_path / "h.vti", property_name="velocity").values) == grid.n_points


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("f.csv", "a,b\n1,2\n", "no table with places"),
        ("g.xyz", "/ x y z rho\n1 2 3 4\n1 2 3\n", "3 fields under a header of 4"),
        ("h.pdf", "x", "ending '.pdf' is not known"),
        ("i.vtk", "no vtk", "VTK|no points"),
        ("j.csv", "", "no table with places"),
    ],
)
def test_rubbish_is_refused_with_its_place(tmp_path, name, text, problem):
    with pytest.raises((FileFormatError, MissingFieldError), match=problem):
        read_property_model(write(tmp_path, name, text))


def test_drill_holes_straight_and_inclined(tmp_path):
    rows = ["ZK1,100,200,900,0,40,,,否", "ZK1,100,200,900,40,46,,,是", "ZK2,100,200,900,0,10,30,90,否"]
    text = "\n".join(["孔号,东坐标,北坐标,孔口高程,自,至,倾角,方位角,是否见空", *rows])
    holes = read_drill_holes(write(tmp_path, "holes.csv", text))
    assert list(holes["void"]) == [False, True, False]
    assert list(holes["bottom_z_m"])[:2] == [860.0, 854.0]
    assert holes.loc[2, ["bottom_easting_m", "bottom_northing_m", "bottom_z_m"]].to_numpy(float) == pytest.approx(
        [100 + 10 * np.cos(np.radians(30)), 200.0, 895.0]
    )
    with pytest.raises(InputError, match=r"row 2: .也许. does not say"):
        read_drill_holes(write(tmp_path, "bad.csv", text.replace(",否", ",也许", 1)))
