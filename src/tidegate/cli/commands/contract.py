"""`tidegate contract`: lint, export, diff and test Open Data Contract Standard files."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app import contracts
from tidegate.app.compose import open_site
from tidegate.cli import render_contract as render
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.config import find_project, load
from tidegate.errors import NothingCheckedError, ReadOnlyError
from tidegate.model.words import counted


def lint(arguments: argparse.Namespace, output: Output) -> int:
    """Say what is wrong with contracts, and where; exit 1 when something must be repaired."""
    files = [(Path(name), name) for name in arguments.file]
    if not files:
        settings = load(find_project(Path(arguments.project)))
        files = [(path, contracts.named(path, settings.root)) for path in settings.contract_files]
    if not files:
        raise NothingCheckedError("there is no contract to look at: `*.odcs.yaml`", hint="name a file")
    remarks = [remark for path, name in files for remark in contracts.read(path, name=name).remarks]
    errors = sum(remark.level == "error" for remark in remarks)
    if output.json:
        body = {"files": [name for _, name in files], "errors": errors, "remarks": remarks}
        output.document("contract-lint", body)
    else:
        render.remarks(output, remarks, files=len(files))
    return 1 if errors else 0


def export(arguments: argparse.Namespace, output: Output) -> int:
    """Write a contract from the published version, to stdout or into a new file."""
    from tidegate.integrations import odcs_write
    from tidegate.integrations.descriptions import descriptions
    from tidegate.services import contract as service

    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        published = site.state.published()
        kept = published is not None and published.number in site.warehouse.kept()
        words = descriptions(site.warehouse.state_folder(published.number)) if published and kept else {}
        made = service.export(site, arguments.table, words)
        database = site.settings.warehouse.database
    text = odcs_write.text(made, database=database)
    if arguments.output is not None:
        _write(Path(arguments.output), text, force=arguments.force)
    if output.json:
        plain = odcs_write.document(made, database=database)
        output.document("contract", {"path": arguments.output, "contract": plain})
    elif arguments.output is not None:
        output.line(f"wrote    {arguments.output}: {counted(len(made.tables), 'table')}")
        output.line("next     read it, then tidegate contract test")
    else:
        output.line(text.rstrip("\n"))
    return 0


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write a file that is not there yet, or with `force` in place of one.

    Raises:
        ReadOnlyError: it exists, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ReadOnlyError(f"`{path}` exists", hint="pass `--force` to write it anew, or name another file") from None
    except OSError as error:
        raise ReadOnlyError(f"`{path}` cannot be written: {error.strerror}") from None


def diff(arguments: argparse.Namespace, output: Output) -> int:
    """Say what changed between two contracts; exit 1 when something breaks those who rely on the old one."""
    from tidegate.services import compatibility

    old, new = contracts.of_files([arguments.old, arguments.new])
    found = compatibility.changes(old, new)
    needed = compatibility.bump(found, old, new)
    if output.json:
        body = {
            "old": {"file": old.file, "id": old.id, "version": old.version},
            "new": {"file": new.file, "id": new.id, "version": new.version},
            "breaking": any(change.breaking for change in found),
            "bump": needed,
            "suggested_version": compatibility.next_version(old.version, needed),
            "bumped": compatibility.bumped(old.version, new.version),
            "changes": found,
        }
        output.document("contract-diff", body)
    else:
        render.changes(output, old, new, found, needed)
    return 1 if any(change.breaking for change in found) else 0


def test(arguments: argparse.Namespace, output: Output) -> int:
    """Judge the published version against the contracts alone; exit 1 when one in force is not kept."""
    from tidegate.services import contract as service

    named = contracts.of_files(getattr(arguments, "file", []))  # `tidegate contract` alone has none
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        told = service.test(site, named or contracts.with_contracts(site.settings).contracts)
        if output.json:
            output.document("contract-test", told)
        else:
            render.tested(output, told)
    return 1 if told.broken else 0
