"""A real PostgreSQL with PostGIS of this machine's Debian packages, for the time of the tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PASSWORD", "missing_parts", "postgis_server"]

PASSWORD = "Geheim-42:@/口令"
_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)


def missing_parts() -> str:
    """What keeps the server from being started here, empty if nothing does."""
    if not _BINARIES:
        return "no PostgreSQL (Debian: postgresql postgresql-15-postgis-3)"
    version = _BINARIES[0].parts[-3]
    if not Path(f"/usr/share/postgresql/{version}/extension/postgis.control").is_file():
        return f"no PostGIS (Debian: postgresql-{version}-postgis-3)"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "no runuser, and PostgreSQL does not run as root"
    return ""


def _as_user(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root: then it is the packages' own user."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@contextmanager
def postgis_server() -> Iterator[str]:
    """Start a server on a Unix socket in a folder of its own; gives the address of a database with PostGIS."""
    binaries = _BINARIES[0].parent
    home = Path(tempfile.mkdtemp(prefix="sxpg-"))
    user = "postgres"
    try:
        if os.geteuid() == 0:
            entry = pwd.getpwnam(user)
            os.chown(home, entry.pw_uid, entry.pw_gid)
        secret = home / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        data = home / "data"

        def run(*command: str) -> None:
            subprocess.run(_as_user(list(command)), check=True, capture_output=True, cwd=home, timeout=60)

        run(
            str(binaries / "initdb"), "-D", str(data), "-U", user, "-A", "scram-sha-256", "--pwfile", str(secret),
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off -c max_connections=20"
        control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-t", "30"]
        run(*control, "-l", str(home / "log"), "-o", options, "start")
        try:
            from urllib.parse import quote

            import psycopg

            base = f"postgresql://{user}:{quote(PASSWORD, safe='')}@/"
            where = f"?host={quote(str(home), safe='')}"
            with psycopg.connect(f"{base}postgres{where}", autocommit=True) as connection:
                connection.execute("create database county")
            with psycopg.connect(f"{base}county{where}", autocommit=True) as connection:
                connection.execute("create extension postgis")
            yield f"{base}county{where}"
        finally:
            # Stops the very process of this data folder, by the id in its postmaster.pid.
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
