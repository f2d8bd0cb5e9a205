"""Make a call of the suite the one of record: `python -m benchmarks.publish RESULT.json`.

The raw data and the plots go to docs/benchmarks/, the tables into docs/benchmarks.md, between the
two comment lines that say so.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.plots import draw
from benchmarks.report import markdown
from benchmarks.results import Results

DOCS = Path(__file__).parent.parent / "docs"
BEGIN = "<!-- written by python -m benchmarks.publish: begin -->"
END = "<!-- written by python -m benchmarks.publish: end -->"
RECORD = "record.json"
_TITLES = {
    "throughput": "How many steps and runs a second one worker gets through",
    "transition": "How long one transition takes",
    "scale": "What history and further worker processes do to the rate",
    "held": "The rate while a transaction is held open",
}


def publish(result: Path, docs: Path = DOCS) -> None:
    """Write tables, plots and raw data of *result* below *docs*.

    Raises:
        ValueError: the page has no place for them.
    """
    page = docs / "benchmarks.md"
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{page} needs the line {BEGIN!r} and, below it, {END!r}, each once")
    results = Results.read(result)
    folder = docs / "benchmarks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    results.write(folder / RECORD)
    plots = draw(results, folder)
    shown = [f"![{_TITLES[path.stem]}](benchmarks/{path.name})" for path in plots]
    when = f"Measured {results.at}, {results.rounds} rounds; raw data: "
    when += f"[{RECORD}](benchmarks/{RECORD})."
    # one heading deeper, because the page has its own
    tables = markdown(results).replace("\n## ", "\n### ").replace("## ", "### ", 1)
    block = "\n\n".join([BEGIN, when, *shown, tables.strip(), END])
    head, rest = text.split(BEGIN)
    page.write_text(head + block + rest.split(END)[1], encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Publish the file that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish", description=__doc__)
    parser.add_argument("result", type=Path, help="raw data, as the suite has written them")
    options = parser.parse_args(argv)
    try:
        publish(options.result)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
