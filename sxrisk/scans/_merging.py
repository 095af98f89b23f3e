"""Several scans of one epoch as one."""

from collections.abc import Sequence

import numpy as np

from sxrisk.errors import CRSError, ParameterError
from sxrisk.scans._checks import largest
from sxrisk.scans.scan import Scan

__all__ = ["merged"]


def merged(scans: Sequence[Scan]) -> Scan:
    """See :meth:`Scan.merge`."""
    if not scans:
        raise ParameterError("no scans to merge", expected="at least one")
    first = scans[0]
    for other in scans[1:]:
        if first.crs != other.crs or first.vertical_crs != other.vertical_crs:
            raise CRSError(
                f"{other.crs_text} differs from {first.crs_text}",
                where=other.source or None,
                expected="scans in one coordinate and height system",
                remedy="Bring them together with Scan.to_crs before merging",
            )
    if len(scans) == 1:
        return first
    shared = set.intersection(*(set(scan.attribute_names) for scan in scans)) - {"station_index"}
    names = [name for name in first.attribute_names if name in shared]
    attributes = {name: np.concatenate([s.attributes[name] for s in scans]) for name in names}
    offset, indices, places = 0, [], []
    for scan in scans:
        index = scan.station_index
        indices.append(np.where(index >= 0, index + offset, -1).astype(np.int32))
        if scan.stations is not None:
            places.append(scan.stations)
            offset += len(scan.stations)
    attributes["station_index"] = np.concatenate(indices)
    epochs = [scan.epoch for scan in scans if scan.epoch is not None]
    return Scan(
        np.concatenate([scan.xyz for scan in scans]),
        crs=first.crs,
        vertical_crs=first.vertical_crs,
        epoch=min(epochs) if epochs else None,
        stations=np.concatenate(places) if places else None,
        range_sigma_m=largest([scan.range_sigma_m for scan in scans]),
        attributes=attributes,
        registration_sigma_m=largest([scan.registration_sigma_m for scan in scans]),
        source=", ".join(dict.fromkeys(scan.source for scan in scans if scan.source)),
    )
