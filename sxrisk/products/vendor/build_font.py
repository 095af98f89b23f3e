"""Cut Noto Sans SC down to the characters that Chinese office data use.

GB 2312 (6763 Han characters, punctuation, Greek, Cyrillic), Latin with diacritics, the signs of measurement, and Han
characters of Shanxi's place names that GB 2312 lacks. Run by ``build.mjs``:
``python build_font.py SOURCE.ttf TARGET.ttf``.
"""

import sys

from fontTools import subset, ttLib

PLACE_NAMES_BEYOND_GB2312 = "圐圙墕垴塄崄嶅峧岮畖畛磛塝堎埝壋砭鉨晉県臨運長陽〇"
SIGNS = "±×÷·°′″‰≤≥≈≠²³⁻¹–—‘’“”…→←↑↓■□▲△▼▽◆◇●○★☆✓✗㎡㎥µ√∞Δσ−"
FAMILY = "SXRisk Sans SC"


def characters() -> set[str]:
    """Every character the shipped font shall draw."""
    found = set(PLACE_NAMES_BEYOND_GB2312 + SIGNS)
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            found.update(bytes((high, low)).decode("gb2312", errors="ignore"))
    return found | {chr(code) for code in (*range(0x20, 0x7F), *range(0xA0, 0x180))}


def main(source: str, target: str) -> None:
    """Write the subset under a name of its own, with the same bytes every time."""
    font = ttLib.TTFont(source, recalcTimestamp=False)
    options = subset.Options()
    options.hinting = False
    options.notdef_outline = True
    options.layout_features = []
    options.drop_tables += ["vhea", "vmtx", "BASE", "GPOS", "GSUB", "GDEF", "STAT"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes={ord(character) for character in characters()})
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4):
            record.string = FAMILY
        elif record.nameID == 6:
            record.string = FAMILY.replace(" ", "")
    font.save(target)


if __name__ == "__main__":
    main(*sys.argv[1:3])
