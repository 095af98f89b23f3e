"""Words of ``sxrisk goaf``, ``goaf mesh`` and ``goaf measure``."""

from collections.abc import Mapping

__all__ = ["TEXTS"]

TEXTS: Mapping[str, tuple[str, str]] = {
    "goaf": (
        "Goafs: from scans in the dark to shape, stability and the ground above.",
        "采空区：从井下扫描到形态、稳定性与地表影响。",
    ),
    "goaf.after": (
        "In Python: from sxrisk.sites.goafs import measure_goaf_scans, goaf_shape, crown_pillar, gap_between.",
        "在 Python 中：from sxrisk.sites.goafs import measure_goaf_scans、goaf_shape、crown_pillar、gap_between。",
    ),
    "goaf.mesh": (
        "Make the closed mesh of a goaf, with its volume as an interval and what was seen."
        "\n\nThe files are the stations of one epoch. Points without stations need --towards and get no interval; "
        "a mesh from mine software is checked and turned outward.",
        "生成采空区封闭网格，给出体积区间及实测面积占比。"
        "\n\n各文件为同一期的测站。无测站的点云须给 --towards，且无体积区间；矿业软件的网格经检查后统一朝外。",
    ),
    "goaf.mesh.example": (
        "Example: sxrisk goaf mesh goaf_s1.laz goaf_s2.laz --station 400.1,200.2,881.8 --station 420.3,196.4,882.2 "
        "--out goaf.ply",
        "示例：sxrisk goaf mesh goaf_s1.laz goaf_s2.laz --station 400.1,200.2,881.8 --station 420.3,196.4,882.2 "
        "--out goaf.ply",
    ),
    "goaf.measure": (
        "Measure a goaf into a folder: faces, spans, pillars, maps, sections; with --dem the crown pillar, with "
        "--neighbour the rock between, with --before falls and convergence."
        "\n\nThe files are the stations of one epoch, or one closed mesh.",
        "测量采空区并写入文件夹：暴露面、跨度、矿柱、分布图、剖面；加 --dem 得顶柱厚度，"
        "加 --neighbour 得与邻近工程间距，加 --before 得冒落与收敛。\n\n各文件为同一期的测站，或一个封闭网格。",
    ),
    "goaf.measure.example": (
        "Example: sxrisk goaf measure goaf.ply --dem dem.tif --vertical-crs EPSG:5737 "
        "--neighbour tunnel:roads.gpkg:2.1 --out goaf",
        "示例：sxrisk goaf measure goaf.ply --dem dem.tif --vertical-crs EPSG:5737 "
        "--neighbour tunnel:roads.gpkg:2.1 --out goaf",
    ),
    "goaf.o.files": (
        "The stations' scan files of one epoch, or one closed mesh (PLY, OBJ, STL, DXF, GLB, OFF).",
        "同一期各测站的扫描文件，或一个封闭网格（PLY、OBJ、STL、DXF、GLB、OFF）。",
    ),
    "goaf.o.out_file": (
        "Mesh to write, metres: .ply .obj .glb .stl .dxf .vtp .vtu; Format by its ending.",
        "输出网格（米）：.ply .obj .glb .stl .dxf .vtp .vtu，格式由后缀决定。",
    ),
    "goaf.o.out_folder": ("Folder of the results, metres.", "结果文件夹（单位米）。"),
    "goaf.o.directions": (
        "About this number of directions of a station are kept.",
        "每个测站保留的方向数（约）。",
    ),
    "goaf.o.towards": (
        "A place inside the void, metres, for points without stations.",
        "空区内一点的坐标（米），用于无测站的点云。",
    ),
    "goaf.o.spacing": (
        "Detail of the mesh of points without stations, metres.",
        "无测站点云的网格分辨率，米。",
    ),
    "goaf.o.before": (
        "Scan file of an earlier epoch; repeat for each station (stations in the order: earlier files first).",
        "前期扫描文件；每测站一个，可重复（--station 的顺序：前期文件在先）。",
    ),
    "goaf.o.id": ("Key of the goaf; default the file's name.", "采空区编号；默认取文件名。"),
    "goaf.o.name": ("Name of the goaf.", "采空区名称。"),
    "goaf.o.dem": ("Elevation model of the ground above, metres.", "上方地表高程模型，米。"),
    "goaf.o.height_offset": (
        "Added to the elevation model where its height system is not the goaf's, metres.",
        "高程系统不一致时加到高程模型上的改正数，米。",
    ),
    "goaf.o.dem_sigma": ("1 sigma of the elevation model, metres.", "高程模型精度 1σ，米。"),
    "goaf.o.neighbour": (
        "What lies near, repeated: KIND is goaf, tunnel, shaft, line or water; FILE a closed mesh or lines with "
        "heights; NUMBER the radius, of water its level, metres.",
        "邻近对象，可重复：KIND 为 goaf（采空区）、tunnel（巷道）、shaft（竖井）、line（线路）、water（积水采空区）；"
        "FILE 为封闭网格或带高程的线；NUMBER 为半径，对 water 为水位，米。",
    ),
    "goaf.o.level": (
        "Closed mesh of a level above or below, repeated, metres: crown pillar and overlap in plan.",
        "上、下水平采空区的封闭网格（米），可重复：求隔层厚度与平面重叠面积。",
    ),
    "goaf.o.water_level": ("Water level in the goaf, metres.", "采空区内水位，米。"),
    "goaf.o.water_level_sigma": ("1 sigma of the water level, metres.", "水位精度 1σ，米。"),
    "goaf.o.required_barrier": (
        "Width that a barrier pillar to water must have here, metres; asked, never assumed.",
        "防隔水矿（岩）柱的要求宽度，米；由用户给出，软件不代为假定。",
    ),
    "goaf.o.cell": ("Cell of the maps, metres.", "分布图格宽，米。"),
    "goaf.o.smooth": (
        "Length over which directions and edges of faces are smoothed, metres.",
        "暴露面方向与边界的平滑长度，米。",
    ),
    "goaf.o.min_pillar": ("Smaller holes in plan are no pillars, m².", "平面上更小的孔不计为矿柱，m²。"),
    "goaf.o.registered": (
        "The epochs are in one position already, within their stated sigmas in metres.",
        "各期已在同一位置（精度以米计，见配准精度）。",
    ),
    "goaf.o.normal_radius": ("Of M3C2: RADIUS of the normals, metres.", "M3C2 法线半径，米。"),
    "goaf.o.cylinder_radius": ("Of M3C2: RADIUS of the cylinder, metres.", "M3C2 圆柱半径，米。"),
    "goaf.o.depth": ("Of M3C2: one-sided depth of the cylinder, metres.", "M3C2 圆柱单侧深度，米。"),
    "goaf.o.core_spacing": ("Of M3C2: spacing of the core points, metres.", "M3C2 核心点间距，米。"),
    "figure.way": ("meshed from", "建网依据"),
    "figure.station_misfit_m": ("stations disagree by, m", "测站间不符值 m"),
    "figure.plan_area_m2": ("plan area, m²", "平面面积 m²"),
    "figure.roof_span_m": ("largest clear span, m", "最大净跨 m"),
    "figure.pillars": ("pillars", "矿柱数"),
    "figure.hydraulic_radius_m": ("hydraulic radius of the roof, m", "顶板水力半径 m"),
    "figure.roof_dip_deg": ("dip of the roof, degrees", "顶板倾角 °"),
    "figure.crown_thickness_m": ("least crown pillar, m", "顶柱最小厚度 m"),
    "figure.water_m3": ("below the water level, m³", "水位以下体积 m³"),
    "figure.falls": ("falls", "冒落处数"),
    "figure.fallen_m3": ("fallen, m³", "冒落体积 m³"),
}
