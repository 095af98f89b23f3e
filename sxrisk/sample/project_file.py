"""The sample's project file, commented so that a user can start from it."""

from pathlib import Path
from typing import Any

from sxrisk.sample.county import CORRIDOR_HALF_WIDTH_M, MOVEMENT_ANGLE_DEG
from sxrisk.sample.frame import AS_OF, COUNTY_EN, COUNTY_ZH, CRS_CODE, EPOCHS, VERTICAL_CODE
from sxrisk.sample.planted import POSITION_SIGMA_M

__all__ = ["write_project"]

_HEAD = """\
# sxrisk 项目文件（合成示例）。全部数据均由 python -m sxrisk.sample 生成，与真实地点、人员、企业无关。
# SYNTHETIC sample. Copy this file, replace the paths, and you have your own project.
# 路径相对于本文件，且不得超出本文件所在文件夹。运行：sxrisk run county.toml；只检查不计算：sxrisk check county.toml

[project]
name = "{county_en} (synthetic sample)"
name_zh = "{county_zh}（合成示例）"
as_of = {as_of}                     # 评估基准日
language = "zh"                        # 成果语言：zh 或 en
synthetic = true                       # 合成数据标记，成果各页均会注明
sources = ["Synthetic data made by sxrisk.sample 合成示例数据"]

[region]
boundary = "townships"                 # 行政区划图层的 id（见下方 [layers.townships]）

[region.heatmap]
bandwidth_m = 2000.0                   # 热力图核带宽（1 倍标准差），米
cell_m = 200.0                         # 像元边长，米，不得大于带宽的一半

[region.grid]
cell_m = 1000.0                        # 四色网格边长，米

[dem]
path = "sample_data/dem.tif"           # 数字高程模型，30 米
vertical_crs = "{vertical}"            # 1985 国家高程基准

# ── 图层 ──────────────────────────────────────────────
# kind：图层种类；crs：坐标系，文件自带时可省略；position_sigma_m：点位中误差（1 倍），米，决定“临界”判定
"""

_LAYERS = (
    ("townships", "boundary", "townships.gpkg", "", None, "乡镇界", "Townships"),
    ("enterprises", "enterprise", "enterprises.csv", "EPSG:4490", "enterprises", "企业台账（含错误行）", "Enterprises"),
    ("pipelines", "pipeline", "pipelines.shp", "", "pipelines", "油气管道（Shapefile，GBK）", "Pipelines"),
    ("tailings", "tailings_pond", "tailings_ponds.gpkg", "", "tailings", "尾矿库", "Tailings ponds"),
    ("pits", "open_pit", "pits.gpkg", "", "pits", "露天矿", "Open pits"),
    ("quarries", "quarry", "quarries.gpkg", "", "quarries", "采石场", "Quarries"),
    ("blasting", "blasting_site", "blasting_sites.gpkg", "", "blasting", "爆破作业点", "Blasting sites"),
    ("dumps", "waste_dump", "dumps.gpkg", "", "dumps", "排土场（8 位带号坐标，EPSG:4526）", "Waste dumps"),
    ("goafs", "goaf", "goafs.gpkg", "", "goafs", "采空区", "Goafs"),
    ("villages", "settlement", "villages.geojson", "EPSG:4490", "villages", "村庄", "Villages"),
    ("buildings", "building", "buildings.geojson", "EPSG:4490", "buildings", "建筑物", "Buildings"),
    ("schools", "school", "schools.geojson", "EPSG:4490", "schools", "学校", "Schools"),
    ("hospitals", "hospital", "hospitals.geojson", "GCJ-02", "hospitals", "医院（GCJ-02 偏移坐标）", "Hospitals"),
    ("roads", "road", "roads.dxf", "EPSG:4547", "roads", "公路（CAD，图层名即道路等级）", "Roads"),
    ("plants", "enterprise", "chemical_sites.gpkg", "", "chemical_sites", "化工企业厂界", "Chemical plants (fences)"),
    ("chemicals", "chemical_unit", "chemical_units.xlsx", "EPSG:4490", "chemical_units", "危化单元", "Chemical units"),
    ("power", "power_line", "power_lines.geojson", "EPSG:4490", "power_lines", "架空电力线", "Power lines"),
    ("gas", "gas_pipe", "gas_pipes.geojson", "EPSG:4490", "gas_pipes", "城镇燃气管", "Town gas mains"),
    ("rivers", "river", "rivers.geojson", "EPSG:4490", None, "河流", "Rivers"),
    ("accidents", "accident", "accidents.csv", "EPSG:4490", None, "历年事故", "Accidents"),
)  # fmt: skip

_SITES = """\

# ── 扫描站点 ──────────────────────────────────────────
# layer / feature：对应图层的 id 与要素编号；station：仪器中心坐标（东、北、高）；range_sigma_m：测距中误差，米
"""

_SITE_FACTS = {
    "pit-01": ("open_pit", "pits", "KC-01", "露天矿一号", "Open pit 1"),
    "dump-01": ("waste_dump", "dumps", "PTC-01", "排土场一号", "Waste dump 1"),
    "tailings-01": ("tailings_pond", "tailings", "WK-01", "尾矿库一号", "Tailings pond 1"),
    "goaf-01": ("goaf", "goafs", "CK-01", "采空区一号", "Goaf 1"),
}

_CHANGE = {
    "pit-01": "normal_radius_m = 2.0\ncylinder_radius_m = 1.0\nmax_depth_m = 3.0\ncore_spacing_m = 1.0",
    "dump-01": "normal_radius_m = 2.5\ncylinder_radius_m = 1.2\nmax_depth_m = 15.0\ncore_spacing_m = 1.5",
}

_STABILITY = """
[sites.goaf-01.stability]
# 岩体参数均为合成示例值：数值、区间 [低, 高] 或分布；未给出的（如矿柱强度）由软件列出，不代为假定
safety_factor = { thickness_span = 1.3, load_transfer = 1.0, fixed_beam = 1.5, protodyakonov = 1.5 }
transfer_angle_deg = 32.0              # 荷载传递角，与铅垂线夹角
unit_weight_kn_m3 = [25.5, 26.5]
surface_load_kpa = 0.0
allowed_tension_kpa = [600.0, 1200.0]
strength_coefficient = 6.0             # 普氏坚固性系数
friction_angle_deg = [35.0, 40.0]
rock_quality_q = 4.0                   # Barton Q，含应力与水
foliation_dip_deg = 60.0
bulking_factor = { distribution = "triangular", low = 1.25, mode = 1.35, high = 1.45 }
q_prime = { distribution = "lognormal", median = 8.0, sigma_ln = 0.3 }
factor_a = [0.6, 1.0]                  # 稳定图应力系数
failure = "gravity"                    # 破坏方式：gravity 冒落或片落，sliding 滑动

[sites.goaf-01.stability.faces.roof]
joint_angle_deg = [20.0, 40.0]         # 暴露面与主控节理夹角

[sites.goaf-01.stability.faces.wall]
joint_angle_deg = [50.0, 80.0]
"""

_RULES = """\

# ── 条文要求用户给出的数值 ────────────────────────────
[rules.values.T-OH]
corridor_half_width_m = {corridor}           # 尾矿流经通道半宽，米（按沟谷底宽给定）

[rules.values.GOAF-ZONE]
movement_angle_deg = {angle}              # 移动角，度（按覆岩性质给定，软件不代为假定）

# ── 采空区地表移动（概率积分法）───────────────────────
# 只对已垮落的采空区计算；未垮落的空区须以 roof_caves = true 声明“顶板垮落”情景。参数由用户给定，软件不代为假定
[subsidence]
movement = "final"                     # final 最终，to_date 至今，to_come 剩余，residual 残余
cell_m = 10.0                          # 栅格像元边长，米

[subsidence.values]
q = 0.65                               # 下沉系数
tan_beta = 2.0                         # 主要影响角正切
b = 0.28                               # 水平移动系数
s_ratio = 0.05                         # 拐点偏移距与采深之比
q_sigma = 0.05                         # 下沉系数的中误差（1 倍），决定“临界”判定

[subsidence.goafs.CK-01]
roof_caves = true                      # 情景：顶板垮落；采深采厚比小于30，只圈定塌陷影响范围
caving_angle_deg = 60.0                # 垮落角，度
"""


def write_project(path: Path, stations: dict[str, Any]) -> Path:
    """Write ``county.toml``.

    Parameters
    ----------
    path : Path
        File.
    stations : dict
        By site, by epoch: file names with stations.

    Returns
    -------
    Path
    """
    parts = [
        _HEAD.format(county_en=COUNTY_EN, county_zh=COUNTY_ZH, as_of=AS_OF.date().isoformat(), vertical=VERTICAL_CODE)
    ]
    for key, kind, file, crs, sigma, title_zh, title in _LAYERS:
        lines = [f"\n[layers.{key}]", f'kind = "{kind}"', f'path = "sample_data/{file}"']
        if crs:
            lines.append(f'crs = "{crs}"')
        if sigma:
            lines.append(f"position_sigma_m = {POSITION_SIGMA_M[sigma]}")
        lines += [f'title = "{title}"', f'title_zh = "{title_zh}"', ""]
        parts.append("\n".join(lines))
    parts.append(_SITES)
    for site, epochs in stations.items():
        parts.append(_site(site, epochs))
    parts.append(_RULES.format(corridor=CORRIDOR_HALF_WIDTH_M, angle=MOVEMENT_ANGLE_DEG))
    path.write_text("".join(parts), encoding="utf-8", newline="\n")
    return path


def _site(site: str, epochs: list[list[tuple[str, list[float]]]]) -> str:
    kind, layer, feature, name_zh, name = _SITE_FACTS[site]
    lines = [
        f"\n[sites.{site}]",
        f'kind = "{kind}"',
        f'name = "{name} (synthetic)"',
        f'name_zh = "{name_zh}（合成）"',
        f'layer = "{layer}"',
        f'feature = "{feature}"',
        f'crs = "{CRS_CODE}"',
        f'vertical_crs = "{VERTICAL_CODE}"',
        "range_sigma_m = 0.008",
    ]
    for number, scans in enumerate(epochs):
        lines += [f"\n[[sites.{site}.epochs]]", f"date = {EPOCHS[number].isoformat()}", "scans = ["]
        lines += [
            f'    {{ path = "scans/{file}", station = [{e:.3f}, {n:.3f}, {h:.3f}] }},' for file, (e, n, h) in scans
        ]
        lines.append("]")
    if site in _CHANGE:
        lines += [f"\n[sites.{site}.change]", "# M3C2 参数：均为半径，不是直径；深度为圆柱半长，米", _CHANGE[site]]
    if site == "goaf-01":
        lines += [f"\n[sites.{site}.parameters]", f"movement_angle_deg = {MOVEMENT_ANGLE_DEG}"]
        lines.append(_STABILITY.rstrip("\n"))
    return "\n".join([*lines, ""])
