"""Words of ``sxrisk scan``: arguments and options, each with its unit."""

from collections.abc import Mapping

__all__ = ["TEXTS"]

TEXTS: Mapping[str, tuple[str, str]] = {
    "scan.o.files": ("Scan files; or a tiled store's folder.", "扫描文件，或分块存储文件夹。"),
    "scan.o.info_files": ("Scan files.", "扫描文件。"),
    "scan.o.before": ("The earlier epoch: the reference.", "前期（参考）。"),
    "scan.o.after": ("The later epoch; several are each compared with BEFORE.", "后期；可给多个，逐一与前期比较。"),
    "scan.o.after_one": ("The later epoch.", "后期。"),
    "scan.o.moving": (
        "Scans to move, and as the last file the fixed one.",
        "待移动的扫描，最后一个文件为固定扫描。",
    ),
    "scan.o.surfaces": (
        "BEFORE and one or more AFTER; with --level, --plane or --base only surfaces to measure.",
        "前期与一个或多个后期；用 --level、--plane 或 --base 时仅为待测表面。",
    ),
    "scan.o.view_files": ("Scans and meshes in one coordinate system.", "同一坐标系的扫描和三角网。"),
    "scan.o.out": (
        "File to write for one input; a folder for several.",
        "单个输入时为输出文件，多个输入时为文件夹。",
    ),
    "scan.o.out_folder": (
        "Folder of the result; with several AFTER a folder in it for each.",
        "结果文件夹；多个后期时其中每期一个子文件夹。",
    ),
    "scan.o.out_html": ("The .html file to write.", "输出的 .html 文件。"),
    "scan.o.out_table": (
        "Table to write, .csv or (with polygons) .gpkg; a folder for several.",
        "输出表 .csv 或（有多边形时）.gpkg；多个输入时为文件夹。",
    ),
    "scan.o.out_bodies": ("Table to write: .gpkg or .csv.", "输出表：.gpkg 或 .csv。"),
    "scan.o.to": (
        "Format of files in a folder: laz, las, copc.laz, e57, ply, pcd, vtp, xyz, txt, asc, csv.",
        "文件夹中输出文件的格式：laz、las、copc.laz、e57、ply、pcd、vtp、xyz、txt、asc、csv。",
    ),
    "scan.o.to_grid": (
        "Rasters in a folder: tif for GIS, vti for ParaView.",
        "文件夹中栅格的格式：tif 用于 GIS，vti 用于 ParaView。",
    ),
    "scan.o.to_mesh": (
        "Format of meshes in a folder: ply, obj, glb, stl, dxf, vtp, vtu.",
        "文件夹中三角网的格式：ply、obj、glb、stl、dxf、vtp、vtu。",
    ),
    "scan.o.merge": ("The files are the stations of one epoch: join them.", "各文件为同一期的测站，合并。"),
    "scan.o.crs": (
        "Coordinate system, where the file does not say: EPSG:4547, ...",
        "坐标系（文件未说明时）：EPSG:4547 等。",
    ),
    "scan.o.vertical_crs": (
        "Height system, where the file does not say: EPSG:5737 is 1985.",
        "高程系统（文件未说明时）：EPSG:5737 为 1985 国家高程基准。",
    ),
    "scan.o.epoch": (
        "Time of the scan, ISO 8601 with offset: 2026-03-15T10:00+08:00.",
        "扫描时间，ISO 8601 含时区：2026-03-15T10:00+08:00。",
    ),
    "scan.o.station": (
        "Place of the scanner in the file's coordinates, metres; repeated: one for each station, "
        "with --merge and --stations one for each file in order.",
        "测站位置，文件坐标，米；可重复：每站一个，用 --merge 或 --stations 时按文件顺序各一个。",
    ),
    "scan.o.range_sigma": ("1 sigma of a single range, metres.", "单次测距精度 1σ，米。"),
    "scan.o.registration_sigma": ("1 sigma of the registration, metres.", "配准精度 1σ，米。"),
    "scan.o.bounds": (
        "Only inside this box, in the file's coordinates (with heights: six numbers).",
        "仅取此范围，文件坐标（含高程时六个数）。",
    ),
    "scan.o.resolution": (
        "Distance between points that is enough, metres; COPC only.",
        "所需点间距，米；仅 COPC。",
    ),
    "scan.o.store": (
        "Folder that keeps the tiles of large clouds for the next command.",
        "保留大点云分块的文件夹，供下一条命令使用。",
    ),
    "scan.o.in_memory": (
        "Clouds of more points are cut into tiles on the disk (number of points).",
        "点数超过此值的点云在磁盘上分块处理（点数）。",
    ),
    "scan.o.workers": ("Local processes that work at the same time.", "同时工作的本地进程数。"),
    "scan.o.dask": (
        "Dask scheduler instead, e.g. tcp://host:8786; its workers see the same folders.",
        "改用 Dask 调度器，如 tcp://host:8786；各节点须能访问相同的文件夹。",
    ),
    "scan.o.resume": (
        "Keep results that stand there from the same files, options and version.",
        "保留由相同文件、选项和版本得到的已有结果。",
    ),
    "scan.o.report": ("Write the table of figures: .csv or .json.", "写出结果数值表：.csv 或 .json。"),
    "scan.o.json": ("Print JSON instead of tables.", "输出 JSON 而非表格。"),
    "scan.o.voxel": ("Edge of the voxels, metres.", "体素边长，米。"),
    "scan.o.convert_voxel": (
        "Keep one point a voxel of this edge, metres, before anything else.",
        "先按此边长（米）每体素保留一点。",
    ),
    "scan.o.control": (
        "CSV of control points (id, x, y, z, target_x, target_y, target_z, sigma_m), metres: local to --to-crs.",
        "控制点 CSV（id, x, y, z, target_x, target_y, target_z, sigma_m），米：由局部坐标到 --to-crs。",
    ),
    "scan.o.control_method": (
        "space: three rotations; plan: levelled instrument, one rotation.",
        "space：三个旋转；plan：整平仪器，一个旋转。",
    ),
    "scan.o.control_scale": ("Let control points scale lengths.", "允许控制点求尺度。"),
    "scan.o.to_crs": ("Coordinate system of the output: EPSG:4547, ...", "输出坐标系：EPSG:4547 等。"),
    "scan.o.to_vertical_crs": ("Height system of the control targets.", "控制点目标的高程系统。"),
    "scan.o.step": (
        "Step of LAS and COPC coordinates, metres. Default: that of a LAS input, else 0.001.",
        "LAS、COPC 坐标步长，米；默认沿用 LAS 输入的步长，否则 0.001。",
    ),
    "scan.o.clean_method": (
        "local: against the neighbours' own density; statistical, radius: as elsewhere; none: leave out.",
        "local：与邻点自身密度比较；statistical、radius：常见方法；none：不做。",
    ),
    "scan.o.neighbours": ("Nearest neighbours that are looked at (number).", "考察的最近邻点数。"),
    "scan.o.factor": (
        "local: times the usual distance (4); statistical: standard deviations (2).",
        "local：正常距离的倍数（4）；statistical：标准差倍数（2）。",
    ),
    "scan.o.radius": ("Radius of --method radius, metres.", "--method radius 的半径，米。"),
    "scan.o.min_cluster": ("Smaller lone clusters go (number of points).", "小于此点数的孤立簇被剔除。"),
    "scan.o.dust": ("Also thin clouds that float: dust, spray, snow.", "同时剔除漂浮的稀薄点：粉尘、水雾、雪。"),
    "scan.o.rays": (
        "Also reflections behind walls and mixed pixels at edges; needs stations.",
        "同时剔除墙后反射假点和边缘混合点；需测站。",
    ),
    "scan.o.walls": (
        "Look for double walls from bad registration between stations.",
        "查找测站间配准不良造成的双层面。",
    ),
    "scan.o.removed": ("Also write what was taken out, with the reason.", "同时写出被剔除的点及原因。"),
    "scan.o.ground_method": (
        "opening: pits, dumps, dams; multiscale: forest from the air.",
        "opening：采场、排土场、坝；multiscale：林区航测。",
    ),
    "scan.o.ground_cell": (
        "Finest cell, metres. Default 0.5 (opening), 1 (multiscale).",
        "最细格宽，米；默认 0.5（opening）、1（multiscale）。",
    ),
    "scan.o.object": ("Width of the widest thing to be cut off, metres.", "需去除的最宽物体宽度，米。"),
    "scan.o.height": ("Up to this above the ground is ground, metres.", "高出地面不超过此值仍为地面，米。"),
    "scan.o.only_ground": ("Write the ground points alone.", "只写出地面点。"),
    "scan.o.vegetation": ("Classes 3, 4, 5 by height (0.5 m, 2 m).", "按高度分 3、4、5 类（0.5 m、2 m）。"),
    "scan.o.objects": (
        "Find machines, vehicles, people, berms; listed in _objects.gpkg.",
        "识别设备、车辆、人员、挡墙；列于 _objects.gpkg。",
    ),
    "scan.o.stations": (
        "All files are stations of one epoch; writes them as one scan.",
        "所有文件为同一期的测站，合并写为一个扫描。",
    ),
    "scan.o.stable": ("Polygons of ground that did not move.", "未变动地面的多边形文件。"),
    "scan.o.targets": (
        "CSV of targets seen in both (name, moving_x ... fixed_z, sigma_m), metres.",
        "两次均测到的标靶 CSV（name, moving_x ... fixed_z, sigma_m），米。",
    ),
    "scan.o.targets_only": ("The targets alone decide.", "仅由标靶决定。"),
    "scan.o.coarse": (
        "Find the start by shape, wherever the scans are.",
        "按形状搜索初始位置，不论扫描在何处。",
    ),
    "scan.o.max_distance": (
        "Surfaces farther apart never count, metres. Default 1; 4 with --stations.",
        "相距更远的表面不计，米；默认 1，--stations 时为 4。",
    ),
    "scan.o.map_cell": ("Cell of the map of residuals, metres.", "残差图格宽，米。"),
    "scan.o.cell": ("Edge of the cells, metres.", "格宽，米。"),
    "scan.o.grid_method": (
        "mean, min, max, count, std, percentile, median; or over gaps idw, natural_neighbour, tin.",
        "mean、min、max、count、std、percentile、median；或跨空隙 idw、natural_neighbour、tin。",
    ),
    "scan.o.percentile": ("With --method percentile, 0 to 100 %.", "用于 --method percentile，0 至 100 %。"),
    "scan.o.max_gap": (
        "Widest gap to fill, metres; wider ones stay holes.",
        "可填补的最宽空隙，米；更宽的保持为孔。",
    ),
    "scan.o.min_points": ("Cells with fewer points stay empty (number).", "点数少于此值的格为空。"),
    "scan.o.power": ("Exponent of the distance with idw (no unit).", "idw 的距离指数（无单位）。"),
    "scan.o.hillshade": ("Also _hillshade.tif (0 to 1).", "另写 _hillshade.tif（0–1）。"),
    "scan.o.slope": ("Also _slope.tif (degrees).", "另写 _slope.tif（度）。"),
    "scan.o.contours": ("Also _contours.gpkg, lines so far apart, metres.", "另写 _contours.gpkg，等高距，米。"),
    "scan.o.mesh_method": (
        "terrain: one height at each place; poisson, ball_pivoting: overhangs; cavity: seen from inside.",
        "terrain：每处一个高程；poisson、ball_pivoting：悬垂面；cavity：从内部扫描的空区。",
    ),
    "scan.o.mesh_cell": ("Edge of the cells of a terrain, metres.", "terrain 的格宽，米。"),
    "scan.o.spacing": (
        "Detail of poisson and ball_pivoting, metres. Default: from the points.",
        "poisson、ball_pivoting 的细节尺度，米；默认由点距得出。",
    ),
    "scan.o.max_error": (
        "terrain: simplify, no cell farther from the mesh in height, metres.",
        "terrain：简化，各格高差不超过此值，米。",
    ),
    "scan.o.max_faces": ("Simplify to so many faces (number).", "简化到此面数。"),
    "scan.o.towards": (
        "A place in front of the surface, metres, where no station is known.",
        "测站未知时，表面前方的一点，米。",
    ),
    "scan.o.colour": ("Colours of the points around each vertex.", "顶点取周围点的颜色。"),
    "scan.o.texture": (
        "A picture of the points' colours on the mesh, finer than its vertices: with --to glb or obj.",
        "将点的颜色烘焙成网格贴图，比顶点更细：用于 --to glb 或 obj。",
    ),
    "scan.o.texel": (
        "Side of a pixel of this picture, metres. Default: the distance of the points.",
        "贴图像素边长，米；默认为点间距。",
    ),
    "scan.o.level": ("Above this level surface, metres.", "高于此水平面的体积，米。"),
    "scan.o.plane": ("Above the plane that fits best.", "高于最佳拟合平面的体积。"),
    "scan.o.base": (
        "Polygons of heaps' toes: above the ground around each.",
        "料堆坡脚多边形：高于周围地面推算底面的体积。",
    ),
    "scan.o.polygons": ("A row for each of these polygons.", "每个多边形一行。"),
    "scan.o.benches": ("Rising levels, metres: a row for each bench.", "升序标高，米：每个台阶一行。"),
    "scan.o.threshold": (
        "Smaller differences are neither cut nor fill, metres.",
        "小于此值的高差不计入挖填方，米。",
    ),
    "scan.o.common_sigma": (
        "1 sigma in height that all cells share, metres. Default: the scans' registration.",
        "各格共有的高程误差 1σ，米；默认取扫描的配准精度。",
    ),
    "scan.o.volume_stable": (
        "Polygons that did not move: the errors and their reach are learnt there.",
        "未变动区域多边形：用于估计误差及其相关距离。",
    ),
    "scan.o.align": ("First shift the later grid onto the earlier one.", "先将后期格网平移到前期。"),
    "scan.o.normal_radius": (
        "RADIUS in which the direction of the surface is found, metres: 20 to 25 times its roughness; "
        "repeated, each place takes the most planar.",
        "法线半径，米：约为粗糙度的 20–25 倍；重复给出时各处取最平的。",
    ),
    "scan.o.cylinder_radius": ("RADIUS in which points are averaged, metres.", "取平均的圆柱半径，米。"),
    "scan.o.depth": (
        "One-sided length of the cylinder, metres: larger change is not seen.",
        "圆柱单侧长度，米：更大的变形不可见。",
    ),
    "scan.o.core_spacing": ("Distance between the places measured, metres.", "测量点间距，米。"),
    "scan.o.change_cell": ("Cell of the difference grid, metres.", "高差格网格宽，米。"),
    "scan.o.lod": (
        "Level of detection: t (Welch), lague (published 1.96 form, for comparison), ep (from the scanner's errors, "
        "with --scanner).",
        "检测限：t（Welch）；lague（发表的 1.96 形式，供比较）；ep（由扫描仪误差传播，需 --scanner）。",
    ),
    "scan.o.scanner": (
        "1 sigma of the scanner's horizontal and vertical angle and, if known, half-width of its beam, degrees; needs "
        "stations and --range-sigma.",
        "扫描仪水平角、竖直角精度 1σ，可加光束半宽，度；须已知测站和 --range-sigma。",
    ),
    "scan.o.fdr": (
        "Also say what changed if at most this share of it may be false, 0 to 1, e.g. 0.05.",
        "另给出误报比例不超过此值的变形点，0 至 1，如 0.05。",
    ),
    "scan.o.fdr_dependence": (
        "positive (Benjamini, Hochberg), any (Benjamini, Yekutieli: holds under any dependence, weaker).",
        "positive（Benjamini–Hochberg）；any（Benjamini–Yekutieli：任意相关时均成立，较弱）。",
    ),
    "scan.o.statistic": ("mean, or median with many stray points.", "mean，杂点多时用 median。"),
    "scan.o.change_points": (
        "Fewer points in one cylinder: no distance (number).",
        "任一圆柱内点数少于此值则不计算距离。",
    ),
    "scan.o.orientation": (
        "Where normals point: up, stations, or X,Y,Z. Default: stations where known, else up.",
        "法线朝向：up、stations 或 X,Y,Z；默认有测站时朝测站，否则向上。",
    ),
    "scan.o.pair_sigma": (
        "1 sigma of the registration between the epochs, metres. Default: from the files, or from the fit.",
        "两期间配准精度 1σ，米；默认取自文件或配准结果。",
    ),
    "scan.o.register": ("First fit AFTER onto BEFORE on stable ground.", "先以稳定地面将后期配准到前期。"),
    "scan.o.registration": ("Apply this registration.json instead.", "改为应用此 registration.json。"),
    "scan.o.outline": ("Polygons: volumes only inside them.", "多边形：仅计算其内体积。"),
    "scan.o.change": ("Folder that sxrisk scan change made.", "sxrisk scan change 生成的文件夹。"),
    "scan.o.along_surface": (
        "Also look for ground that slid along itself, to which distances along the normal are blind; takes most of the "
        "time.",
        "同时查找沿自身表面滑动的地面（沿法线的距离看不到这种移动）；耗时最多。",
    ),
    "scan.o.window": (
        "Side of the windows of relief that are followed along the surface, metres; by default ten core spacings, more "
        "where points are few.",
        "沿表面追踪所用起伏窗口的边长，米；默认十倍核心点间距，点稀处更大。",
    ),
    "scan.o.max_motion": (
        "Longest motion along the surface looked for, metres, at most a third of the window; by default a quarter.",
        "沿表面查找的最大位移，米，不超过窗口的三分之一；默认四分之一。",
    ),
    "scan.o.meshes": (
        "Folder for a closed mesh of each body, B1.ply and so on; its volume is the table's.",
        "存放各块体封闭三角网的文件夹（B1.ply 等）；其体积即表中体积。",
    ),
    "scan.o.min_area": ("Smaller bodies are left out, m².", "面积小于此值的块体不列出，m²。"),
    "scan.o.epochs": ("Scans of one place at different times, in any order.", "同一地点不同时间的扫描，顺序不限。"),
    "scan.o.out_series": ("Series to write: .zarr or .nc.", "要写出的时间序列：.zarr 或 .nc。"),
    "scan.o.against": (
        "What each epoch is compared with: first, previous, both.",
        "每期与何期比较：first 首期，previous 前一期，both 两者。",
    ),
    "scan.o.series_lod": (
        "Level of detection: t (Welch), lague (published 1.96 form, for comparison).",
        "检测限：t（Welch）；lague（发表的 1.96 形式，供比较）。",
    ),
    "scan.o.append": (
        "Add the epochs to the .zarr that stands at --out; sizes and core points are its own.",
        "将各期追加到 --out 处已有的 .zarr；尺寸和核心点沿用其中的设置。",
    ),
    "scan.o.smooth_days": (
        "Also smooth in time: epochs up to so many days before and after count (number of days).",
        "另作时间平滑：取前后此天数内的各期（天）。",
    ),
    "scan.o.smoothing": (
        "regression: robust lines; median: keeps steps sharp.",
        "regression：稳健直线；median：保持突变。",
    ),
    "scan.o.events": ("Whether to look for events.", "是否查找变形事件。"),
    "scan.o.false_events": (
        "Probability of an event where nothing moves, 0 to 1.",
        "无移动处误报一个事件的概率，0 至 1。",
    ),
    "scan.o.title": ("Title of the page.", "网页标题。"),
    "scan.o.max_points": ("Points on the page (number).", "网页上的点数。"),
}
