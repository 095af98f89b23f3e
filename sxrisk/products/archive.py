"""Office files with the same bytes every time: their archives carry clocks, which are set to the assessment's date."""

import re
import zipfile
from datetime import date
from pathlib import Path

__all__ = ["settle_archive"]

_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:(?:created|modified)>)")


def settle_archive(path: Path, as_of: date) -> None:
    """Rewrite an xlsx or docx so that nothing in it depends on the hour it was made.

    Parameters
    ----------
    path : Path
        Rewritten in place.
    as_of : date
        Put for every time in it; the archive's format knows none before 1980.
    """
    stamp = (max(as_of.year, 1980), as_of.month, as_of.day, 0, 0, 0)
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in entries:
            if name == "docProps/core.xml":
                content = _STAMP.sub(rb"\g<1>%sT00:00:00Z\g<2>" % as_of.isoformat().encode(), content)
            info = zipfile.ZipInfo(name, stamp)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            archive.writestr(info, content)
