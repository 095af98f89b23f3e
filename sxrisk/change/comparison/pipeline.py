"""The whole way from two epochs to change, difference, volumes and mesh, with memory that does not grow with them."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sxrisk.change._plan import plan_m3c2
from sxrisk.change.comparison.parts import Parts, PartsSource, PartTask, work_on_part
from sxrisk.change.comparison.result import SUMMARY, ComparisonResult
from sxrisk.change.comparison.stores import Epoch, epoch_of, identity, moved_store, registered, store_of
from sxrisk.change.comparison.surface import CoarseGrid, SurfaceChoices, correlated_sigma_m3, make_surfaces
from sxrisk.change.comparison.tally import Tally, rounded
from sxrisk.change.detection import LodMethod, Statistic, false_discoveries
from sxrisk.change.result import REASONS
from sxrisk.change.scanner import ScannerErrors
from sxrisk.change.tiles import M3C2Plan
from sxrisk.errors import GeometryError, ParameterError
from sxrisk.parallel import ordered_map
from sxrisk.run_folder import RunFolder, output_errors
from sxrisk.scans import Registration, Scan, TiledScan, whole_file, write_scan
from sxrisk.scans.source import Bounds
from sxrisk.surfaces.grids import lattice_of

__all__ = ["compare_scans"]

Progress = Callable[[str, int, int], None]


def compare_scans(
    before: Epoch,
    after: Epoch,
    out: str | Path,
    *,
    normal_radius_m: float | Sequence[float],
    cylinder_radius_m: float,
    max_depth_m: float,
    core_spacing_m: float = 0.5,
    cell_m: float = 0.5,
    lod: LodMethod | Literal["ep"] = "t",
    method: Statistic = "mean",
    scanner: ScannerErrors | tuple[ScannerErrors, ScannerErrors] | None = None,
    min_points: int = 5,
    orientation: Literal["up", "stations"] | Sequence[float] | None = None,
    fdr: float | None = None,
    fdr_dependence: Literal["positive", "any"] = "positive",
    registration_sigma_m: float | None = None,
    register: bool | Registration = False,
    stable: Any = None,
    max_gap_m: float = 5.0,
    threshold_m: float = 0.0,
    outline: Any = None,
    max_vertices: int = 500_000,
    tile_points: int = 1_000_000,
    resume: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> ComparisonResult:
    """Compare two epochs of any size: M3C2, difference grid, volumes and a mesh, into one folder.

    Both clouds are cut into tiles once; everything after that goes tile by tile and block by block. The result does not
    depend on the tiling, nor on where the tiles are worked on. It is built in ``OUT.partial`` and takes the place of
    ``OUT`` when it is whole; the result before is kept as ``OUT.previous``.

    Parameters
    ----------
    before, after : Scan, sequence of Scan, or TiledScan
        The two epochs, in metres; several scans of one epoch are joined. ``before`` is the reference.
    out : str or Path
        Folder of the result.
    normal_radius_m, cylinder_radius_m, max_depth_m, core_spacing_m, lod, method, scanner, min_points, orientation
        See :func:`sxrisk.m3c2`.
    fdr, fdr_dependence
        See :func:`sxrisk.m3c2`; ``change.laz`` then also has ``p_value`` and ``significant_fdr``.
    cell_m : float
        Cell of the elevation grids, metres; edges at whole multiples.
    registration_sigma_m : float, optional
        1 sigma of the registration, metres; None takes it from the scans, or from `register`.
    register : bool or Registration
        True fits `after` onto `before` on stable ground first; a Registration is applied.
    stable : shapely geometry, optional
        Ground that did not move, for ``register=True``; without it the fit finds it.
    max_gap_m : float
        Widest gap of the grids that is filled from its rims, metres.
    threshold_m : float
        Smaller differences count neither as cut nor as fill; the balance counts all.
    outline : shapely geometry, optional
        Volumes only inside it.
    max_vertices : int
        Most vertices of the mesh; its cell is the finest power of two times `cell_m` that keeps to it, and is told.
    tile_points : int
        Most points in a tile: what a worker holds in memory.
    resume : bool
        Go on from the finished steps and tiles of an interrupted run of the same choices on the same files. Scans in
        memory cannot be told from others: with them, everything is done anew.
    executor : concurrent.futures.Executor, optional
        Where tiles are worked on: see :func:`sxrisk.parallel.open_executor`.
    progress : callable, optional
        Called with the name of the step, how much of it is done, and how much there is.

    Returns
    -------
    ComparisonResult

    Raises
    ------
    ParameterError, CRSError, GeometryError
        As :func:`sxrisk.m3c2`; also if the surfaces have no cell in common.
    InputError
        If the folder holds something else, or another run is writing there.
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile, numpy as np, sxrisk as sx
    >>> x, y = np.meshgrid(np.arange(0.05, 10.0, 0.1), np.arange(0.05, 10.0, 0.1))
    >>> ground = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    >>> result = compare_scans(sx.Scan(ground), sx.Scan(ground + [0, 0, 0.1]), tempfile.mkdtemp() + "/change",
    ...                        normal_radius_m=1.0, cylinder_radius_m=0.5, max_depth_m=2.0, registration_sigma_m=0.0)
    >>> result.summary["volume"]["net_m3"]
    10.0
    """
    _check(max_gap_m=max_gap_m, threshold_m=threshold_m)
    if max_vertices < 4:
        raise ParameterError(f"{max_vertices} vertices", where="max_vertices", expected="at least 4")
    epochs = epoch_of(before, "before"), epoch_of(after, "after")
    measured = {
        "core_spacing_m": core_spacing_m,
        "normal_radius_m": normal_radius_m,
        "cylinder_radius_m": cylinder_radius_m,
        "max_depth_m": max_depth_m,
        "lod": lod,
        "method": method,
        "min_points": min_points,
        "orientation": orientation,
        "fdr": fdr,
    }
    gridded = {"cell_m": cell_m, "max_gap_m": max_gap_m, "threshold_m": threshold_m, "max_vertices": max_vertices}
    choices = _choices(
        epochs,
        {**measured, **gridded, "fdr_dependence": fdr_dependence, "tile_points": tile_points},
        registration_sigma_m,
        register,
        stable,
        outline,
        scanner,
    )
    folder, run = RunFolder(Path(out), mark=SUMMARY, made_by="comparison"), _Run(progress)
    with folder.locked(), output_errors(folder.partial):
        _start(folder, choices, resume=resume)
        with run.step("tiles"):
            stores = [
                store_of(epoch, folder.state / name, tile_points)
                for epoch, name in zip(epochs, ("before", "after"), strict=True)
            ]
        motion: Registration | None = None
        if register is not False:
            with run.step("register"):
                given = None if register is True else register
                motion = given or registered(stores[1], stores[0], stable, folder.partial / "registration.json")
                motion.write(folder.partial / "registration.json")
                stores[1] = moved_store(epochs[1], motion, folder.state / "moved", tile_points)
        plan = plan_m3c2(
            stores[0],
            stores[1],
            registration_sigma_m=registration_sigma_m,
            registration=motion if registration_sigma_m is None else None,
            scanner=scanner,
            **measured,  # type: ignore[arg-type]
        )
        lattice = lattice_of(stores[0], cell_m)
        parts = _measure(plan, stores[0], stores[1], cell_m, folder.state / "parts", executor, run)
        sigma = plan.registration_sigma_m if motion is None or registration_sigma_m is not None else motion.sigma_m
        with run.step("surfaces"):
            surface = SurfaceChoices(max_gap_m, threshold_m, sigma, max_vertices, outline)
            volumes, coarse = make_surfaces(parts, lattice, folder.state, surface, run.telling("surfaces"))
        with run.step("write"):
            changed = None if fdr is None else false_discoveries(parts.p_values(), fdr, dependence=fdr_dependence)
            change = _write_change(parts, max_depth_m, coarse, folder.partial / "change.laz", changed)
            layers = coarse.layers()
            mesh = _write_mesh(coarse, layers, stores[0], folder.partial)
            correlated = correlated_sigma_m3(layers, coarse.lattice, stores[0], outline)
            summary = {
                "before": _about(stores[0]),
                "after": _about(stores[1]),
                "parameters": {**plan.parameters, **gridded},
                "registration": {
                    "sigma_m": rounded(sigma),
                    "unknown": plan.registration_unknown,
                    "fitted": motion is not None,
                },
                "change": change,
                "volume": volumes.summary(sigma, correlated, outlined=outline is not None),
                "difference": volumes.differences.summary(),
                "mesh": mesh,
                "files": sorted(path.name for path in folder.partial.iterdir() if path.is_file()),
            }
            with whole_file(folder.partial / SUMMARY) as partial:
                partial.write_text(json.dumps(summary, indent=1, ensure_ascii=False, sort_keys=True), encoding="utf-8")
            folder.finish()
    return ComparisonResult(folder.out, summary, run.seconds)


class _Run:
    """Times of the steps, and who wants to know how far they are."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started

    def telling(self, name: str) -> Callable[[int, int], None]:
        return (lambda done, total: None) if self._progress is None else lambda d, t: self._progress(name, d, t)  # type: ignore[misc]


def _check(**lengths: float) -> None:
    for name, value in lengths.items():
        if not (np.isfinite(value) and value >= 0):
            raise ParameterError(f"{value} m", where=name, expected="zero or more")


def _choices(
    epochs: Sequence[Sequence[Scan] | TiledScan],
    parameters: dict[str, Any],
    sigma: float | None,
    register: bool | Registration,
    stable: Any,
    outline: Any,
    scanner: ScannerErrors | tuple[ScannerErrors, ScannerErrors] | None,
) -> dict[str, Any] | None:
    """Everything that the result depends on, as JSON; None where a scan in memory cannot be named."""
    sources = [identity(epoch) for epoch in epochs]
    if any(source is None for source in sources):
        return None
    choices = {
        **parameters,
        "sources": sources,
        "registration_sigma_m": sigma,
        "register": register.to_dict() if isinstance(register, Registration) else register,
        "stable": None if stable is None else stable.wkt,
        "outline": None if outline is None else outline.wkt,
        "scanner": None if scanner is None else [asdict(one) for one in np.atleast_1d(np.array(scanner, object))],
    }
    plain: dict[str, Any] = json.loads(json.dumps(choices, default=lambda value: np.asarray(value).tolist()))
    return plain


def _start(folder: RunFolder, choices: dict[str, Any] | None, *, resume: bool) -> None:
    """Begin anew, or go on from an interrupted run of the same choices; None is never the same."""
    path = folder.state / "choices.json"
    text = json.dumps(choices, sort_keys=True, ensure_ascii=False)
    same = choices is not None and path.is_file() and path.read_text(encoding="utf-8") == text
    folder.start(resume=resume and same)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _measure(
    plan: M3C2Plan,
    before: TiledScan,
    after: TiledScan,
    cell_m: float,
    folder: Path,
    executor: Executor | None,
    run: _Run,
) -> Parts:
    """Work on all tiles; those that stand from an interrupted run are not done again."""
    folder.mkdir(exist_ok=True)
    tell = run.telling("change")
    with run.step("change"):
        tasks = (PartTask(plan, before, after, index, cell_m, folder) for index in range(before.n_tiles))
        for done, _ in enumerate(ordered_map(work_on_part, tasks, executor=executor), start=1):
            tell(done, before.n_tiles)
    return Parts(folder, before, cell_m)


def _write_change(
    parts: Parts, max_depth_m: float, coarse: CoarseGrid, path: Path, changed: npt.NDArray[np.bool_] | None
) -> dict[str, Any]:
    """Write the core points, and say what they show."""
    distances = Tally(max_depth_m)
    reasons = np.zeros(len(REASONS), np.int64)
    count = significant = 0
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for xyz, columns in parts.change():
        count += len(xyz)
        low, high = np.minimum(low, xyz.min(axis=0)), np.maximum(high, xyz.max(axis=0))
        significant += int(columns["significant"].sum())
        reasons += np.bincount(columns["reason"], minlength=len(reasons))
        distances.add(columns["distance_m"])
        coarse.add_change(xyz, columns["distance_m"], columns["lod95_m"])
    if not count:
        raise GeometryError("there is no core point", expected="a reference with points")
    more = {} if changed is None else {"significant_fdr": changed.astype(np.uint8)}
    source = PartsSource(parts, count, Bounds(*low.tolist(), *high.tolist()), more)
    write_scan(Scan.from_source(source, crs=parts.before.crs, vertical_crs=parts.before.vertical_crs), path)
    return {
        "core_points": count,
        "significant": significant,
        **({} if changed is None else {"significant_fdr": int(changed.sum())}),
        "distance": distances.summary(),
        "missing": {name: int(n) for name, n in zip(REASONS[1:], reasons[1:], strict=True)},
    }


def _write_mesh(
    coarse: CoarseGrid, layers: dict[str, npt.NDArray[np.float64]], cloud: TiledScan, folder: Path
) -> dict[str, Any]:
    """Write the later surface with its change, and say how fine it is."""
    from sxrisk.surfaces.terrain import terrain_mesh

    mesh = terrain_mesh(coarse.lattice.array(layers["elevation_m"], cloud))
    column = np.floor(mesh.vertices[:, 0] / coarse.cell_m).astype(np.int64) - coarse.lattice.first_column
    row = np.floor(mesh.vertices[:, 1] / coarse.cell_m).astype(np.int64) - coarse.lattice.first_row
    change, lod95 = layers["change_m"][row, column], layers["lod95_m"][row, column]
    significant: npt.NDArray[np.uint8] = (np.abs(change) > lod95).astype(np.uint8)
    mesh = mesh.with_fields(change_m=change, lod95_m=lod95, significant=significant)
    for name in ("mesh.ply", "mesh.glb"):
        mesh.write(folder / name)
    return {"cell_m": coarse.cell_m, "vertices": len(mesh.vertices), "faces": len(mesh.faces)}


def _about(store: TiledScan) -> dict[str, Any]:
    return {
        "source": store.source,
        "points": store.n_points,
        "epoch": None if store.epoch is None else store.epoch.isoformat(),
        "crs": store.crs_text,
        "bounds": [rounded(value, 4) for value in store.bounds()],
    }
