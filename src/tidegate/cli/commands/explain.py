"""`tidegate explain`: what an error code means and what to do."""

from __future__ import annotations

import argparse
import difflib
import inspect

from tidegate.cli.output import Output
from tidegate.errors import TidegateError, UsageError


def catalogue() -> dict[str, type[TidegateError]]:
    """Every error by its code, in the order of the tree."""
    found: dict[str, type[TidegateError]] = {}
    todo: list[type[TidegateError]] = [TidegateError]
    while todo:
        kind = todo.pop(0)
        found[kind.code] = kind
        todo[:0] = kind.__subclasses__()
    return found


def explain(arguments: argparse.Namespace, output: Output) -> int:
    """Explain one code, or list all."""
    known = catalogue()
    if arguments.code is None:
        if output.json:
            output.document("errors", {"errors": [_entry(kind) for kind in known.values()]})
        else:
            output.table(["code", "meaning"], [(code, _first_line(kind)) for code, kind in known.items()])
        return 0
    kind = known.get(arguments.code)
    if kind is None:
        near = difflib.get_close_matches(arguments.code, known, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else "`tidegate explain` lists all codes"
        raise UsageError(f"there is no error code `{arguments.code}`", hint=hint)
    if output.json:
        output.document("error-code", _entry(kind))
        return 0
    output.line(f"{kind.code}: {inspect.cleandoc(kind.__doc__ or '')}")
    output.line(f"exit status {kind.exit_status}, HTTP status {kind.http_status}")
    output.line(f"hint: {kind.default_hint}")
    return 0


def _first_line(kind: type[TidegateError]) -> str:
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0]


def _entry(kind: type[TidegateError]) -> dict[str, object]:
    return {
        "code": kind.code,
        "meaning": inspect.cleandoc(kind.__doc__ or ""),
        "exit_status": kind.exit_status,
        "http_status": kind.http_status,
        "hint": kind.default_hint,
    }
