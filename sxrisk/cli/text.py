"""What the command line says, in Chinese and English."""

import locale
import os
import string
from collections.abc import Mapping
from typing import Any

__all__ = ["language", "language_asked_for", "say"]

_TEXTS: Mapping[str, tuple[str, str]] = {
    "app": (
        "Industrial-safety risk mapping: layers, laser scans, findings and offline review packs.",
        "工矿安全风险制图：图层、激光扫描、隐患清单与可离线打开的评审资料包。",
    ),
    "run": (
        "Do the main job: read PROJECT, and make the run folder with the review pack.",
        "执行主任务：读取项目文件，生成包含评审资料包的结果文件夹。",
    ),
    "demo": (
        "Run the synthetic sample county that sxrisk ships; no data of your own needed.",
        "运行随附的合成示例县，无需准备数据。",
    ),
    "check": (
        "Validate PROJECT, its layers, scan headers and criteria; compute nothing.",
        "校验项目文件、图层、扫描文件头和判据，不做计算。",
    ),
    "project": ("The project file (TOML).", "项目文件（TOML）。"),
    "out": ("Run folder to make. Default: out/<project file's name>.", "结果文件夹，默认 out/<项目文件名>。"),
    "resume": ("Go on where an interrupted run stopped.", "从中断处继续。"),
    "only": (
        "Stop after this stage: layers, sites, reach, rules, region, products. Go on later with --resume.",
        "运行到该阶段为止：layers、sites、reach、rules、region、products；之后可用 --resume 继续。",
    ),
    "strict": ("Refuse rows that cannot be used instead of setting them aside.", "遇到不可用的行即报错，而不是另存。"),
    "allow": (
        "A folder outside the project's own that the project file may read from; may be repeated.",
        "允许项目文件读取的外部文件夹，可重复给出。",
    ),
    "workers": ("Local processes for the scanned sites.", "处理扫描场地的本地进程数。"),
    "quiet": ("No progress bars.", "不显示进度条。"),
    "debug": ("Show the whole traceback of an internal error.", "显示内部错误的完整回溯。"),
    "version": ("Show the version and stop.", "显示版本号后退出。"),
    "stage.layers": ("Layers: read, check, locate", "图层：读取、检查、定位"),
    "stage.sites": ("Scanned sites: clean, register, mesh, compare", "扫描场地：清理、配准、建模、变形"),
    "stage.reach": ("Reach: flow paths and influence zones", "影响范围：尾矿流经路径与移动影响区"),
    "stage.rules": ("Criteria: findings", "判据：生成隐患清单"),
    "stage.region": ("Region: heatmap and four-colour grid", "区域：热力图与四色网格"),
    "stage.products": ("Products: review pack", "成果：评审资料包"),
    "resumed": ("done before", "此前已完成"),
    "expected": ("about {time} left", "约剩 {time}"),
    "error": ("Error", "错误"),
    "warning": ("Note", "提示"),
    "internal": (
        "Internal error: {error}. This is our fault, not your input's. Please report it with the output of --debug.",
        "内部错误：{error}。这是程序的问题，不是输入的问题。请附上 --debug 的输出反馈给我们。",
    ),
    "interrupted": (
        "Interrupted. What is finished so far is kept; go on with --resume. The last good result is untouched.",
        "已中断。已完成的部分已保留，可用 --resume 继续；上一次的完整结果未受影响。",
    ),
    "aborted": ("Interrupted.", "已中断。"),
    "rules": ("The criteria: list them, show one, check a file of your own.", "判据目录：列出、查看、校验自备文件。"),
    "rules.list": (
        "List the criteria; without a filter also where sources contradict each other and what is not checked.",
        "列出判据；不加筛选时还列出资料矛盾和不判定的条款。",
    ),
    "rules.show": ("Show everything about one criterion.", "查看一条判据的全部内容。"),
    "rules.check": (
        "Check a catalogue FILE of your own, every problem with its line.",
        "校验自备判据文件，逐行指出问题。",
    ),
    "rules.id": ("Id of the criterion, such as P-30c.", "判据编号，如 P-30c。"),
    "rules.path": ("Catalogue file (TOML).", "判据文件（TOML）。"),
    "rules.file": ("One more catalogue file; may be repeated.", "另加的判据文件，可重复给出。"),
    "rules.language": ("Language of titles and texts.", "名称和条文的语言。"),
    "rules.topic": (
        "Only one topic: pipelines, tailings, chemicals, mining, goafs, monitoring.",
        "只列一个专题：pipelines、tailings、chemicals、mining、goafs、monitoring。",
    ),
    "rules.kind": ("Only criteria on this kind of layer.", "只列涉及该类图层的判据。"),
    "rules.evidence": ("Only this mark: V, V2, C, G+, G, X, user.", "只列该核实程度：V、V2、C、G+、G、X、user。"),
    "rules.format": ("How the list is written; markdown is the whole page.", "输出形式；markdown 为完整页面。"),
    "rules.json": ("Write JSON.", "输出 JSON。"),
    "rules.title": ("Criteria: {count}", "判据：{count} 条"),
    "rules.conflicts": ("Where the sources contradict each other", "资料之间的矛盾"),
    "rules.not_decidable": ("Deliberately not checked", "不判定的条款"),
    "rules.bad": ("Problems: {count}", "问题：{count} 个"),
    "rules.good": ("{path} can be used.", "{path} 可以使用。"),
    "rules.column.id": ("Id", "编号"),
    "rules.column.title": ("Criterion", "判据"),
    "rules.column.standard": ("Standard", "标准"),
    "rules.column.clause": ("Clause", "条款"),
    "rules.column.evidence": ("Evidence", "核实"),
    "rules.column.effect": ("Effect", "效力"),
    "rules.column.limit": ("Broken where", "限值"),
    "rules.column.why": ("Why", "原因"),
    "summary": ("Result", "结果"),
    "inputs": ("Inputs", "输入"),
    "rows": (
        "{used:row|rows} used, {rejected} set aside, {layers:layer|layers}",
        "采用 {used} 行，另存 {rejected} 行，共 {layers} 个图层",
    ),
    "sites": ("Scanned sites", "扫描场地"),
    "findings": ("Findings (screening, to be confirmed)", "筛查结果（须经人工确认）"),
    "not_applied": ("Criteria not applied somewhere", "未能应用的判据"),
    "not_applied.values": ("{count}, listed with the reasons in the pack", "{count} 条，原因列于资料包中"),
    "changes": ("Since the last run", "与上次相比"),
    "changes.values": (
        "{new} new, {worse} worse, {unchanged} unchanged, {better} better, {gone} gone",
        "新增 {new}，加重 {worse}，不变 {unchanged}，减轻 {better}，消失 {gone}",
    ),
    "first_run": ("no earlier run here", "此处没有更早的结果"),
    "pack": ("Review pack: open this file in a browser", "评审资料包：用浏览器打开此文件"),
    "stopped": (
        "Stopped after stage {stage}. Go on with --resume; so far:",
        "已在阶段 {stage} 后停止，可用 --resume 继续；当前内容：",
    ),
    "colour.red": ("red", "红"),
    "colour.orange": ("orange", "橙"),
    "colour.yellow": ("yellow", "黄"),
    "colour.blue": ("blue", "蓝"),
    "valid": ("The project is valid: {rules:criterion|criteria}.", "项目有效：共 {rules} 条判据。"),
    "table.layers": ("Layers", "图层"),
    "table.notices": ("Set aside, guessed, repaired or not understood", "退回、推断、修复或未能识别"),
    "column.what": ("what", "说明"),
    "column.detail": ("detail", "详情"),
    "table.scans": ("Scans", "扫描"),
    "column.layer": ("layer", "图层"),
    "column.kind": ("kind", "类别"),
    "column.rows": ("rows", "行数"),
    "column.used": ("used", "采用"),
    "column.rejected": ("set aside", "另存"),
    "column.crs_source": ("coordinates", "坐标来源"),
    "column.site": ("site", "场地"),
    "column.epoch": ("epoch", "期次"),
    "column.file": ("file", "文件"),
    "column.points": ("points", "点数"),
    "column.crs": ("CRS", "坐标系"),
    "sample.making": ("Making the synthetic sample in {folder}", "正在生成合成示例：{folder}"),
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


class _Counting(string.Formatter):
    """``{count:finding|findings}`` is a number with the word that fits it."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, more = format_spec.partition("|")
        return f"{value} {one if value == 1 else more}" if bar else format(value, format_spec)


_FORMATTER = _Counting()


def language() -> str:
    """``zh`` or ``en``: from SXRISK_LANG, else from the system's language."""
    wanted = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or "en"
    return language_asked_for() or _code(wanted)


def language_asked_for() -> str | None:
    """``zh`` or ``en`` where SXRISK_LANG says it; None where only the system has a language."""
    wanted = os.environ.get("SXRISK_LANG")
    return _code(wanted) if wanted else None


def _code(wanted: str) -> str:
    return "zh" if wanted.lower().startswith(("zh", "chinese")) else "en"


def say(key: str, **values: object) -> str:
    """The text of `key` in the user's language, with `values` filled in.

    Examples
    --------
    >>> say("stage.rules") in ("Criteria: findings", "判据：生成隐患清单")
    True
    """
    english, chinese = _TEXTS[key]
    text = chinese if language() == "zh" else english
    return _FORMATTER.format(text, **values) if values else text
