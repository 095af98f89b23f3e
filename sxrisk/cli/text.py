"""What the command line says, in Chinese and English."""

import locale
import os
from collections.abc import Mapping

__all__ = ["language", "say"]

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
    "summary": ("Result", "结果"),
    "inputs": ("Inputs", "输入"),
    "rows": (
        "{used} rows used, {rejected} set aside, {layers} layers",
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
    "valid": ("The project is valid: {rules} criteria.", "项目有效：共 {rules} 条判据。"),
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
}


def language() -> str:
    """``zh`` or ``en``: from SXRISK_LANG, else from the system's language."""
    wanted = os.environ.get("SXRISK_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG")
    if not wanted:
        wanted = locale.getlocale()[0] or "en"
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
    return text.format(**values) if values else text
