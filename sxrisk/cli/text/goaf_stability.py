"""Words of ``sxrisk goaf stability``."""

from collections.abc import Mapping

__all__ = ["TEXTS"]

TEXTS: Mapping[str, tuple[str, str]] = {
    "goaf.stability": (
        "Apply every published method to a measured goaf: roof, pillars, stability graph, caving; with their spread."
        "\n\nWhat nobody measured is asked for, never assumed: without --parameters the table tells what is missing. "
        "Each value is a number, a range \\[low, high], or a distribution.",
        "对实测采空区逐一应用已发表的方法：顶板厚度、矿柱、稳定图、冒落高度，并给出离散范围。"
        "\n\n未实测的参数由用户给出，软件不代为假定：不带 --parameters 时列出所缺参数。"
        "参数可为数值、区间 \\[低, 高] 或分布。",
    ),
    "goaf.stability.example": (
        "Example: sxrisk goaf stability goaf.ply --parameters rock.toml --dem dem.tif --out stability",
        "示例：sxrisk goaf stability goaf.ply --parameters rock.toml --dem dem.tif --out stability",
    ),
    "goaf.stability.source": (
        "A closed mesh (PLY, OBJ, STL, DXF, GLB), or site.json or summary.json of a measured site.",
        "封闭网格（PLY、OBJ、STL、DXF、GLB），或已实测站点的 site.json、summary.json。",
    ),
    "goaf.stability.parameters": (
        "TOML of the rock's parameters, as in \\[sites.<id>.stability] of a project file.",
        "岩体参数 TOML 文件，写法同项目文件的 \\[sites.<id>.stability]。",
    ),
    "goaf.stability.out": (
        "Folder for stability.csv, stability.json and the chart; default beside the source.",
        "写入 stability.csv、stability.json 和稳定图的文件夹；默认位于源文件旁。",
    ),
    "goaf.stability.dem": (
        "Elevation model of the ground above: measures the crown pillar and the depth.",
        "上方地表高程模型：据此实测顶柱厚度与埋深。",
    ),
    "goaf.stability.height_offset": (
        "Added to the elevation model where its height system is not the goaf's.",
        "高程模型与采空区高程系统不一致时，加到高程模型上的改正数。",
    ),
    "goaf.stability.crs": ("System of a mesh that states none.", "网格未注明时的平面坐标系。"),
    "goaf.stability.vertical_crs": ("Height system of a mesh that states none.", "网格未注明时的高程系统。"),
    "goaf.stability.draws": ("Monte Carlo draws.", "蒙特卡洛抽样次数。"),
    "goaf.stability.seed": (
        "Seed of the draws: the same seed gives the same figures.",
        "随机种子：相同则结果相同。",
    ),
    "goaf.stability.chart": ("Kind of picture.", "图片格式。"),
    "goaf.stability.title": ("Title of the chart.", "稳定图标题。"),
    "goaf.stability.json": ("Print JSON in place of tables.", "以 JSON 输出，不显示表格。"),
    "goaf.stability.topic.roof": ("Roof: thickness", "顶板厚度"),
    "goaf.stability.topic.pillar": ("Pillars: strength against stress", "矿柱强度与应力"),
    "goaf.stability.topic.graph": ("Faces on the stability graph", "暴露面稳定图"),
    "goaf.stability.topic.caving": ("Caving until the rubble fills the void", "冒落至碎胀充满"),
    "goaf.stability.column.method": ("Method", "方法"),
    "goaf.stability.column.place": ("Place", "部位"),
    "goaf.stability.column.there.roof": ("Measured m", "实测 m"),
    "goaf.stability.column.there.pillar": ("Strength MPa", "强度 MPa"),
    "goaf.stability.column.there.graph": ("Hydraulic radius m", "水力半径 m"),
    "goaf.stability.column.there.caving": ("Rock above m", "上覆岩层 m"),
    "goaf.stability.column.required.roof": ("Required m", "所需 m"),
    "goaf.stability.column.required.pillar": ("Stress MPa", "应力 MPa"),
    "goaf.stability.column.required.caving": ("Caving height m", "冒落高度 m"),
    "goaf.stability.column.ratio": ("Ratio (5–95 %)", "比值（5%–95%）"),
    "goaf.stability.column.probability.roof": ("P(too thin)", "厚度不足概率"),
    "goaf.stability.column.probability.pillar": ("P(failure)", "破坏概率"),
    "goaf.stability.column.probability.graph": ("P(unstable)", "失稳概率"),
    "goaf.stability.column.probability.caving": ("P(to the surface)", "冒至地表概率"),
    "goaf.stability.column.evidence": ("Evidence", "依据"),
    "goaf.stability.column.note": ("Note", "说明"),
    "goaf.stability.governing": ("governs", "控制"),
    "goaf.stability.missing": ("missing: {names}", "缺：{names}"),
    "goaf.stability.asked": ("Nobody measured or gave:", "尚缺参数："),
    "goaf.stability.instead": (" (or {names})", "（或给出 {names}）"),
    "goaf.stability.overruled": (
        "Given and measured, the given counts: {names}",
        "实测与给定并存，以给定为准：{names}",
    ),
    "goaf.stability.written": ("Table, JSON and chart", "表格、JSON 与稳定图"),
}
