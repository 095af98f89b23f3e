"""Words of ``sxrisk rules``."""

from collections.abc import Mapping

__all__ = ["TEXTS"]

TEXTS: Mapping[str, tuple[str, str]] = {
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
}
