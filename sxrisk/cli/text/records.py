"""Words of the commands on findings, registers and layer files."""

from collections.abc import Mapping

__all__ = ["TEXTS"]

TEXTS: Mapping[str, tuple[str, str]] = {
    "compare": (
        "Show what changed from RUN_A to RUN_B: new, worse, unchanged, better, gone.",
        "比较两次运行的结果：新增、加重、不变、减轻、消失。",
    ),
    "compare.run_a": ("The earlier run folder, e.g. OUT.previous.", "较早的结果文件夹，如 OUT.previous。"),
    "compare.run_b": ("The later run folder.", "较晚的结果文件夹。"),
    "compare.out": ("Write all of it as .xlsx or .csv.", "将全部结果写为 .xlsx 或 .csv。"),
    "compare.all": ("Show what is unchanged as well.", "同时显示不变的记录。"),
    "compare.matched": (
        "{count:finding whose id differs was|findings whose ids differ were} matched by name and place.",
        "{count} 条编号不同的记录按名称与位置匹配。",
    ),
    "register": (
        "Make the rectification register for RUN, or bring it up to RUN; what people wrote in it stays.",
        "按结果文件夹建立或更新隐患整改台账；人工填写的内容保持不变。",
    ),
    "register.run": ("The run folder.", "结果文件夹。"),
    "register.book": ("The workbook; made if it is not there.", "台账工作簿；不存在时新建。"),
    "register.states": ("States", "整改状态"),
    "register.events": ("Since the last update", "自上次更新以来"),
    "register.nothing": ("nothing", "无"),
    "register.overdue": ("Past their deadline", "超期未完成"),
    "register.conflicts": (
        "{count:conflict|conflicts} to be decided by a person, also on the sheet 冲突 conflicts:",
        "{count} 处冲突须人工处理，另见“冲突 conflicts”工作表：",
    ),
    "register.more": ("  and {count} more", "  另有 {count} 处"),
    "register.untouched": ("Nothing has changed, the file was left alone", "没有变化，文件未改动"),
    "register.option": (
        "The rectification register to read; confirmations in it count.",
        "要读取的整改台账；其中的人工确认计入结果。",
    ),
    "violations": (
        "Check the features of one file against those of another, by a distance or a criterion; no project needed.",
        "按距离或判据核查两个文件中的要素，无需项目文件。",
    ),
    "violations.subjects": ("File of what may break the limit.", "主体文件（可能违反要求的一方）。"),
    "violations.objects": ("File of what is protected.", "保护对象文件。"),
    "violations.distance": ("Required distance in metres.", "要求的距离（米）。"),
    "violations.rule": (
        "Criterion instead of a distance, e.g. P-33; see sxrisk rules list.",
        "以判据代替距离，如 P-33；见 sxrisk rules list。",
    ),
    "violations.kind": (
        "What the file holds, e.g. pipeline; taken from the criterion or the file's name where they tell.",
        "文件内容的类别，如 pipeline；可由判据或文件名确定时可省略。",
    ),
    "violations.crs": (
        "Coordinate system, where the file does not say: EPSG:4490, EPSG:4547, GCJ-02, ...",
        "坐标系（文件未说明时）：EPSG:4490、EPSG:4547、GCJ-02 等。",
    ),
    "violations.sigma": ("1 sigma of the positions in metres.", "位置精度 1σ（米）。"),
    "violations.layer": ("Layer or sheet of the file.", "文件中的图层或工作表。"),
    "violations.value": ("A value that the criterion asks for; may be repeated.", "判据要求给定的数值，可重复给出。"),
    "violations.rules": ("More criteria; may be repeated.", "附加判据文件，可重复给出。"),
    "violations.as_of": ("Day of the assessment. Default: today.", "评估基准日，默认今天。"),
    "violations.out": (
        "Write the findings: a folder, or a file .xlsx, .gpkg, .geojson, .csv or .parquet.",
        "写出清单：文件夹，或 .xlsx、.gpkg、.geojson、.csv、.parquet 文件。",
    ),
    "violations.found": (
        "{count:finding|findings} (screening, to be confirmed by a person).",
        "共 {count} 条筛查结果（须经人工确认）。",
    ),
    "layers": ("Single layer files.", "单个图层文件。"),
    "layers.info": (
        "Show how FILE is understood: columns, coordinates, rows set aside.",
        "显示文件被如何识别：列、坐标、退回的行。",
    ),
    "layers.file": ("A layer file.", "图层文件。"),
    "written": ("Written", "已写出"),
    "shown_of": ("{shown} of {total} shown", "显示 {shown} / {total} 条"),
    "register.read": ("Register", "整改台账"),
    "register.read.values": (
        "{rows:row|rows} read, {confirmed} confirmed by a person, {unclear} not understood",
        "读取 {rows} 行，经人工确认 {confirmed} 条，无法识别 {unclear} 条",
    ),
    "quality": ("Data quality", "数据质量"),
    "quality.values": ("{count:note|notes}, listed in the pack", "{count} 项提示，列于资料包中"),
    "table.columns": ("Columns", "列"),
    "table.rejected": ("Rows set aside", "退回的行"),
    "column.attribute": ("attribute", "属性"),
    "column.header": ("header in the file", "文件中的列名"),
    "column.filled": ("features that have it", "有值的要素数"),
    "column.reason": ("reason", "原因"),
    "column.first_row": ("first row", "首行"),
    "register.language": (
        "Language of a new register. Default: SXRISK_LANG, else the project's; one that exists keeps its own.",
        "新建台账的语言；默认取 SXRISK_LANG，否则取项目语言；已有台账保持原语言。",
    ),
    "register.day": ("Past their deadline: as of {day}.", "超期按 {day} 计。"),
}
