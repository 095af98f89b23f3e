"""Words of ``sxrisk scan``: what each command is for, with an example to type."""

from collections.abc import Mapping

__all__ = ["TEXTS"]

TEXTS: Mapping[str, tuple[str, str]] = {
    "scan": (
        "Laser scans: from files of any size to surfaces, volumes and deformation.",
        "激光扫描：从任意大小的点云文件到表面、体积与变形。",
    ),
    "scan.after": (
        "Every command takes many files, goes on after a bad one (exit code 2 at the end), and can be resumed."
        "\n\nIn Python the same names stand on the package: import sxrisk as sx; sx.clean, sx.register, ...",
        "每条命令都可处理多个文件；坏文件不会中断其余文件（结束时退出码为 2），中断后可继续。"
        "\n\n在 Python 中同名函数位于包上：import sxrisk as sx；sx.clean、sx.register、sx.compare_scans。",
    ),
    "scan.info": (
        "Tell what a scan file says of itself: points, extent, coordinate systems, units, stations, attributes."
        "\n\nThe points are not read: a second on a file of any size. What looks wrong stands under the table.",
        "显示扫描文件的自述信息：点数、范围、坐标系、单位、测站、属性。"
        "\n\n不读取点数据，任意大小的文件约一秒；可疑之处列于表下。",
    ),
    "scan.info.example": (
        "Example: sxrisk scan info pit_march.laz stations.e57",
        "示例：sxrisk scan info pit_march.laz stations.e57",
    ),
    "scan.convert": (
        "Write scans as another format, cut to a box, thinned, placed by control points or in another CRS."
        "\n\nReads LAS, LAZ, COPC, E57, PTX, PLY, PCD, VTK and text tables, of any size.",
        "将扫描转换为其他格式，可裁剪、抽稀、按控制点定位或转换坐标系。"
        "\n\n可读 LAS、LAZ、COPC、E57、PTX、PLY、PCD、VTK 和文本表；不会因文件过大而耗尽内存。",
    ),
    "scan.convert.example": (
        "Example: sxrisk scan convert local/*.e57 --out placed --to laz --control control.csv --to-crs EPSG:4547",
        "示例：sxrisk scan convert local/*.e57 --out placed --to laz --control control.csv --to-crs EPSG:4547",
    ),
    "scan.thin": (
        "Keep one point in every voxel: the measured one nearest to its middle."
        "\n\nVoxels lie at whole multiples of their edge, so that parts of a cloud give the same points as the whole.",
        "每个体素保留一个点：离体素中心最近的实测点。\n\n体素边界位于边长的整数倍处，分块处理与整体处理结果相同。",
    ),
    "scan.thin.example": (
        "Example: sxrisk scan thin pit_march.laz --voxel 0.05 --out pit_march_5cm.laz",
        "示例：sxrisk scan thin pit_march.laz --voxel 0.05 --out pit_march_5cm.laz",
    ),
    "scan.clean": (
        "Take out what is no surface: stray points, small clusters, dust, mixed pixels, reflections in cavities."
        "\n\nNothing is lost: --removed writes what was taken out, with the reason, beside the result.",
        "剔除不属于表面的点：离群点、孤立小簇、粉尘、边缘混合点、空区内的反射假点。"
        "\n\n剔除的点可用 --removed 连同原因写在结果旁。",
    ),
    "scan.clean.example": (
        "Example: sxrisk scan clean raw/*.laz --out clean --dust --removed --workers 2",
        "示例：sxrisk scan clean raw/*.laz --out clean --dust --removed --workers 2",
    ),
    "scan.ground": (
        "Classify points by LAS classes: ground (2), and if wanted plants by height (3 to 5) and things on the ground."
        "\n\nThe default method keeps bench crests of pits and dumps; --method multiscale is for airborne forest.",
        "按 LAS 类别分类：地面（2），可选按高度分植被（3–5）并识别地面物体。"
        "\n\n默认方法保留采场、排土场的台阶坡顶；林区航测用 --method multiscale。",
    ),
    "scan.ground.example": (
        "Example: sxrisk scan ground pit_march.laz --out pit_classes.laz --vegetation --objects",
        "示例：sxrisk scan ground pit_march.laz --out pit_classes.laz --vegetation --objects",
    ),
    "scan.register": (
        "Fit scans onto a fixed one (the last file) on the ground that did not move, and write them moved."
        "\n\nBeside each: its registration.json with uncertainty, and a map of what is left. "
        "With --stations all files are one epoch and are brought together, the first one staying.",
        "以未变动的地面为准，将扫描配准到固定扫描（最后一个文件）并写出。"
        "\n\n每个结果旁有含不确定度的 registration.json 与残差图。"
        "加 --stations 时，所有文件为同一期的各测站，以第一个为基准合并。",
    ),
    "scan.register.example": (
        "Example: sxrisk scan register june.laz march.laz --out june_fitted.laz --stable stable_ground.gpkg",
        "示例：sxrisk scan register june.laz march.laz --out june_fitted.laz --stable stable_ground.gpkg",
    ),
    "scan.grid": (
        "Make an elevation grid as cloud-optimised GeoTIFF; cells that nobody has seen stay empty."
        "\n\nCell edges lie at whole multiples of the cell, so that the grids of two epochs fit on each other.",
        "生成高程格网（云优化 GeoTIFF）；未测到的格保持为空。\n\n格边位于格宽的整数倍处，两期格网可直接相减。",
    ),
    "scan.grid.example": (
        "Example: sxrisk scan grid pit_march.laz --cell 0.5 --out pit_march.tif --hillshade --contours 5",
        "示例：sxrisk scan grid pit_march.laz --cell 0.5 --out pit_march.tif --hillshade --contours 5",
    ),
    "scan.mesh": (
        "Make a mesh of the ground, of an overhanging face, or of a cavity, and check it: holes, edges, orientation."
        "\n\nThe ending of --out says as what: .ply .obj .glb .stl .dxf .vtp .vtu.",
        "生成地表、悬垂坡面或空区的三角网并检查：孔洞、边、朝向。"
        "\n\n--out 的后缀决定格式：.ply .obj .glb .stl .dxf .vtp .vtu。",
    ),
    "scan.mesh.example": (
        "Example: sxrisk scan mesh pit_march.laz --cell 0.5 --max-error 0.05 --out pit_march.ply",
        "示例：sxrisk scan mesh pit_march.laz --cell 0.5 --max-error 0.05 --out pit_march.ply",
    ),
    "scan.volume": (
        "Measure cut, fill and net volume with its uncertainty: from BEFORE to each AFTER, or above a level, "
        "a plane or the ground under a heap."
        "\n\nFiles are scans or elevation rasters. The result is a table, with the map of differences beside it.",
        "计算挖方、填方、净体积及其不确定度：前期到各后期之间，或高于水平面、平面、料堆底面。"
        "\n\n输入可为扫描或高程栅格；输出为表格，旁附高差图。",
    ),
    "scan.volume.example": (
        "Example: sxrisk scan volume march.laz june.laz --cell 0.5 --benches 1180,1195,1210 --out volumes.csv",
        "示例：sxrisk scan volume march.laz june.laz --cell 0.5 --benches 1180,1195,1210 --out volumes.csv",
    ),
    "scan.change": (
        "Measure deformation from BEFORE to each AFTER by M3C2 with a level of detection, into a folder: core points, "
        "difference grid, volumes, mesh."
        "\n\nAll sizes are RADII and one-sided lengths in metres (CloudCompare asks for diameters). "
        "Clouds of any size; memory does not grow with them.",
        "用 M3C2 计算前期到各后期的变形及检测限，写入文件夹：核心点、高差格网、体积、三角网。"
        "\n\n所有尺寸均为半径和单侧长度，单位米（CloudCompare 用直径）。点云大小不限，内存不随之增长。",
    ),
    "scan.change.example": (
        "Example: sxrisk scan change march.laz june.laz --normal-radius 2 --cylinder-radius 1 --depth 3 --register "
        "--out change",
        "示例：sxrisk scan change march.laz june.laz --normal-radius 2 --cylinder-radius 1 --depth 3 --register "
        "--out change",
    ),
    "scan.bodies": (
        "List the bodies that moved between BEFORE and AFTER: place, area, volume, displacement, kind."
        "\n\nTakes the folder that sxrisk scan change made of the two (--change), or the sizes of M3C2.",
        "列出两期之间移动的块体：位置、面积、体积、位移、类型。"
        "\n\n使用 sxrisk scan change 生成的文件夹（--change），或给出 M3C2 尺寸。",
    ),
    "scan.bodies.example": (
        "Example: sxrisk scan bodies march.laz june.laz --change change --out bodies.gpkg",
        "示例：sxrisk scan bodies march.laz june.laz --change change --out bodies.gpkg",
    ),
    "scan.series": (
        "Measure change over many epochs of one place at the same core points, and find its events: begin, end, volume."
        "\n\nEach EPOCH states when it was scanned. FILE.zarr grows with --append; xarray opens both it and FILE.nc. "
        "The events stand beside it as _events.gpkg.",
        "在同一组核心点上测量同一地点多期的变形，并找出变形事件：起止时间、体积。"
        "\n\n每期文件须有扫描时间。FILE.zarr 可用 --append 追加；它和 FILE.nc 均可用 xarray 打开。"
        "事件写入旁边的 _events.gpkg。",
    ),
    "scan.series.example": (
        "Example: sxrisk scan series march.laz april.laz may.laz --normal-radius 2 --cylinder-radius 1 --depth 3 "
        "--out pit.zarr",
        "示例：sxrisk scan series march.laz april.laz may.laz --normal-radius 2 --cylinder-radius 1 --depth 3 "
        "--out pit.zarr",
    ),
    "scan.view": (
        "Write scans and meshes as one HTML page that opens offline: turn it, colour it, read points."
        "\n\nLarge clouds are thinned to what a page can hold; the page says how many points it shows of how many.",
        "将扫描和三角网写成一个可离线打开的网页：可旋转、着色、读点。"
        "\n\n大点云会抽稀到网页可容纳的规模，网页注明显示了多少点。",
    ),
    "scan.view.example": (
        "Example: sxrisk scan view change/change.laz change/mesh.ply --out pit.html",
        "示例：sxrisk scan view change/change.laz change/mesh.ply --out pit.html",
    ),
    "scan.panel.reading": ("How the files are read", "读取文件"),
    "scan.panel.batch": ("Many files, large files", "多文件与大文件"),
    "scan.file": ("file", "文件"),
    "scan.files": ("{count:file|files}", "{count} 个文件"),
    "scan.state.done": ("done", "完成"),
    "scan.state.kept": ("kept", "保留"),
    "scan.state.failed": ("failed", "失败"),
    "scan.failed": ("{failed} of {count:file|files} failed", "{count} 个文件中有 {failed} 个失败"),
    "scan.yes": ("yes", "是"),
    "scan.no": ("no", "否"),
    "scan.unknown": ("unknown", "未知"),
    "scan.step.change": ("change", "变形"),
    "scan.step.surfaces": ("surfaces", "表面"),
}
