"""Words of ``sxrisk goaf subsidence``."""

from collections.abc import Mapping

__all__ = ["TEXTS"]

TEXTS: Mapping[str, tuple[str, str]] = {
    "goaf.subsidence": (
        "Subsidence basins above caved panels, their boundaries, and what they do to the things in them."
        "\n\nBy the probability integral, with the parameters that you declare; none is assumed. An open void has no "
        "basin unless you declare that its roof caves; below a depth of 30 thicknesses only a collapse zone is drawn.",
        "计算垮落采空区的地表下沉盆地、影响边界，以及盆地内各对象的变形与损坏等级。"
        "\n\n采用概率积分法，参数均由用户给出，软件不作假定。未垮落的空区须声明顶板垮落情景；采深采厚比小于30时只圈定塌陷影响范围。",
    ),
    "goaf.subsidence.example": (
        "Example: sxrisk goaf subsidence goafs.gpkg --rock q=0.65,tan_beta=2.0,b=0.28,s_ratio=0.05 "
        "--objects building:houses.gpkg --objects road:roads.gpkg --out basin",
        "示例：sxrisk goaf subsidence goafs.gpkg --rock q=0.65,tan_beta=2.0,b=0.28,s_ratio=0.05 "
        "--objects building:houses.gpkg --objects road:roads.gpkg --out basin",
    ),
    "goaf.subsidence.panels": (
        "Layer of goafs with depth, thickness, dip and state (caved, open, backfilled).",
        "采空区图层，含采深、采厚、倾角和状态（垮落、未垮落、充填）。",
    ),
    "goaf.subsidence.rock": (
        "Declared for all goafs: q, tan_beta, b, s_ratio; theta0_deg of a dipping seam; q_sigma, tan_beta_sigma, "
        "b_sigma; knothe_rate_per_year; residual_k; caving_angle_deg.",
        "对全部采空区给出：q、tan_beta、b、s_ratio；倾斜煤层 theta0_deg；q_sigma、tan_beta_sigma、b_sigma；"
        "knothe_rate_per_year；residual_k；caving_angle_deg。",
    ),
    "goaf.subsidence.of_goaf": (
        "Declared for one goaf, goes before --rock; roof_caves=yes for an open void. Repeat for several.",
        "对单个采空区给出，优先于 --rock；未垮落空区的垮落情景为 roof_caves=yes。可重复。",
    ),
    "goaf.subsidence.objects": (
        "What may stand in a basin, as KIND:FILE, e.g. building:houses.gpkg. Repeat for several.",
        "盆地内可能有的对象，写作 KIND:FILE，如 building:houses.gpkg。可重复。",
    ),
    "goaf.subsidence.out": (
        "Folder for GeoTIFFs, boundaries, table, findings and picture.",
        "结果文件夹：GeoTIFF、影响边界、对象表、隐患和图。",
    ),
    "goaf.subsidence.as_of": ("Day that the result speaks for; default today.", "评估基准日，默认今天。"),
    "goaf.subsidence.movement": (
        "All movement; until the day; still to come; residual of an old goaf.",
        "最终；至评估日；剩余；老采空区残余。",
    ),
    "goaf.subsidence.cell": ("Cells of the rasters, metres.", "栅格像元边长，米。"),
    "goaf.subsidence.crs": ("CRS of files that do not say their own.", "文件未注明时的坐标系。"),
    "goaf.subsidence.basins": ("Greatest movements", "最大移动变形"),
    "goaf.subsidence.things": ("In the basins: {count:thing|things}", "盆地内对象：{count:个|个}"),
    "goaf.subsidence.ranking": ("What to look at first (equal weights)", "优先顺序（等权）"),
    "goaf.subsidence.column.goaf": ("Goaf", "采空区"),
    "goaf.subsidence.column.thing": ("Thing", "对象"),
    "goaf.subsidence.column.subsidence": ("Subsidence (mm)", "下沉 (mm)"),
    "goaf.subsidence.column.tilt": ("Tilt (mm/m)", "倾斜 (mm/m)"),
    "goaf.subsidence.column.curvature": ("Curvature (1e-3/m)", "曲率 (10^-3/m)"),
    "goaf.subsidence.column.strain": ("Strain (mm/m)", "水平变形 (mm/m)"),
    "goaf.subsidence.column.grade": ("Grade", "等级"),
    "goaf.subsidence.column.note": ("No basin because", "未计算原因"),
    "goaf.subsidence.column.rank": ("Rank", "次序"),
    "goaf.subsidence.column.spread": ("Ranks under other weights", "改变权重时的次序"),
    "goaf.subsidence.column.reason": ("Reason", "理由"),
    "goaf.subsidence.written": ("Written:", "已写出："),
}
