"""Ask the real `dbt ls` many things in one process: reads lists of arguments as JSON, writes what each of them lists."""

from __future__ import annotations

import json
import sys

from dbt.cli.main import dbtRunner

COMMON = ["--output", "json", "--output-keys", "unique_id", "--quiet"]


def main() -> int:
    """One process, one parse; an answer is null where dbt refuses."""
    manifest = dbtRunner().invoke(["parse", "--no-partial-parse", "--quiet"]).result
    runner = dbtRunner(manifest=manifest)
    answers = []
    for arguments in json.load(sys.stdin):
        done = runner.invoke(["ls", *COMMON, *arguments])
        lines = done.result if done.success and isinstance(done.result, list) else None
        answers.append(None if lines is None else sorted(json.loads(line)["unique_id"] for line in lines))
    sys.stderr.write("\x1e" + json.dumps(answers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
