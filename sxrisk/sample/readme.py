"""The note that lies beside the sample's files."""

from pathlib import Path

__all__ = ["write_readme"]

_TEXT = """\
# 合山县示例数据（合成） / Heshan county sample (synthetic)

**全部为程序生成的合成数据，与任何真实地点、人员、企业无关，不得用于任何实际判断。**
**Everything here is made by a program. No real place, person or firm is meant; never use it for a real decision.**

生成 / made by: `python -m sxrisk.sample`（同一种子得到逐字节相同的文件 / the same seed gives the same bytes）。
许可 / licence: Apache-2.0，同本项目 / as the project.

| 文件 file | 内容 | contents | 坐标系 CRS |
|---|---|---|---|
| dem.tif | 30 米高程模型，1985 高程 | elevation model, 30 m, 1985 height | EPSG:4547 |
| townships.gpkg | 乡镇界 | townships | EPSG:4490 |
| enterprises.csv | 企业台账 200 行，GBK，含错误行 | 200 enterprises, GBK, some rows wrong on purpose | EPSG:4490 |
| pipelines.shp | 油气管道，GBK 属性，含一段隧道 | pipelines, GBK attributes, one tunnel part | EPSG:4547 |
| tailings_ponds.gpkg | 尾矿库 | tailings ponds | EPSG:4490 |
| pits.gpkg / blasting_sites.gpkg | 露天矿、爆破作业点 | open pits, blasting sites | EPSG:4490 |
| quarries.gpkg / goafs.gpkg | 采石场、采空区 | quarries, goafs | EPSG:4547 |
| dumps.gpkg | 排土场（堆高为设计值） | waste dumps (designed height) | EPSG:4526 (zone 38 prefix) |
| villages, buildings, schools .geojson | 村庄、建筑、学校 | villages, buildings, schools | EPSG:4490 |
| hospitals.geojson | 医院，**GCJ-02 偏移坐标** | hospitals, **shifted GCJ-02 coordinates** | GCJ-02 |
| roads.dxf | 公路，CAD 图层名为道路等级 | roads, the CAD layer is the class | EPSG:4547 |
| chemical_sites.gpkg | 化工企业厂界 | fences of chemical plants | EPSG:4490 |
| chemical_units.xlsx | 危险化学品单元，两行表头、合并单元格 | chemical units, merged header cells | EPSG:4490 |
| power_lines, gas_pipes .geojson | 架空电力线、城镇燃气管 | overhead power lines, town gas mains | EPSG:4490 |
| rivers.geojson, accidents.csv | 河流、历年事故 | river, past accidents | EPSG:4490 |
| truth/*.json | 真值：对象对，错误行，头顶库，危化单元周边人口 | truth: pairs, bad rows, ponds, people by plants | |
| ../scans/*.laz | 激光扫描（LAS 1.4，按测站） | laser scans, one file a station | EPSG:4547 + 5737 |
| ../scans/truth.json | 扫描真值：体积、位移、配准误差、测站 | volumes, movement, misregistration, stations | |

`truth/planted.json` 是有意布设的对象对；`truth/pairs.json` 是全部应被检出的对象对（含“临界”）。
`truth/planted.json` holds the pairs put on purpose, `truth/pairs.json` every pair that a screening should list.
"""


def write_readme(path: Path) -> Path:
    """Write the note in Chinese and English."""
    path.write_text(_TEXT, encoding="utf-8", newline="\n")
    return path
