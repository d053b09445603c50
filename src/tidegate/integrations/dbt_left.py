"""Which of its own tests dbt need not run, because Tidegate evaluates them in the scan that it makes anyway.

dbt sends one query per test; the scan answers all of them together, and the verdicts are equal. What only dbt can
evaluate, or what it is to store the failures of, it still runs itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.integrations import dbt_tests
from tidegate.integrations.dbt_artifacts import TESTS, Artifacts, Raw, declared
from tidegate.model import Check

SELECTING = (
    "--select",
    "-s",
    "--models",
    "-m",
    "--exclude",
    "--selector",
    "--resource-type",
    "--exclude-resource-type",
)
"""Flags of a command line beside which another `--exclude` could mean something else."""

WARNING = ("--warn-error", "--warn-error-options")
"""Flags that make an error of a warning, and dbt warns of an `--exclude` that meets no test."""

ONLY_TESTS = ("--resource-type", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The generic tests, by name without their package, that an invocation of dbt leaves to Tidegate."""

    names: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """What keeps dbt from running them."""
        return ("--exclude", *(f"test_name:{name}" for name in self.names)) if self.names else ()

    def has(self, check: Check) -> bool:
        """Whether dbt was kept from running this test, which Tidegate evaluates itself."""
        return called(check) in self.names and dbt_tests.is_native(check)

    def again(self, artifacts: Artifacts) -> tuple[str, ...] | None:
        """Flags of a further invocation for the tests that should not have been left out; None where there are none.

        That is so for a kind of test that meanwhile only dbt can evaluate, and where the selection had nothing but tests.
        """
        results = artifacts.run_results.get("results")
        if not self.names or not isinstance(results, list):
            return None
        if not results:
            return ()
        kept = set(_for_dbt(artifacts.manifest))
        wrong = [name for name in self.names if name in kept]
        fine = Left(names=tuple(name for name in self.names if name not in kept))
        return (*ONLY_TESTS, *fine.flags) if wrong else None


NOTHING = Left()


def left(
    manifest: Raw, *, command: Sequence[str], args: Sequence[str], settings: Raw, environment: Mapping[str, str]
) -> Left:
    """What `dbt build` may leave to Tidegate; nothing for any other command or where flags leave it in doubt.

    Args:
        manifest: of the last version; without one, only dbt's four built-in tests are left.
        settings: the project's `dbt_project.yml`.
    """
    said = [word.partition("=")[0] for word in (*command[1:], *args)]
    if command[0] != "build" or any(word in (*SELECTING, *WARNING) for word in said):
        return NOTHING
    if any("WARN_ERROR" in name and value.lower() not in {"", "0", "false"} for name, value in environment.items()):
        return NOTHING
    flags = settings.get("flags")
    if isinstance(flags, Mapping) and (flags.get("warn_error") or flags.get("warn_error_options")):
        return NOTHING
    if not manifest:
        return Left(names=dbt_tests.BUILT_IN)
    kept = set(_for_dbt(manifest))
    ours = dict.fromkeys(called(check) for check in declared(manifest) if dbt_tests.is_native(check))
    return Left(names=tuple(name for name in ours if name not in kept))


def joined(first: Artifacts, second: Artifacts) -> Artifacts:
    """What two invocations left together: everything but the tests by the first, and every test by the last one that ran it.

    The manifest of each has the compiled SQL only of what it ran.
    """
    nodes = _nodes(first.manifest) | {
        unique_id: raw for unique_id, raw in _nodes(second.manifest).items() if unique_id.split(".", 1)[0] in TESTS
    }
    results = {str(r.get("unique_id")): r for r in (*_results(first), *_results(second))}
    return Artifacts(
        manifest={**(first.manifest or second.manifest), "nodes": nodes},
        run_results={**first.run_results, "results": list(results.values())},
        sources=first.sources,
    )


def called(check: Check) -> str:
    """The name of a test without its package, as dbt's selection method `test_name` has it."""
    return str(check.arguments.get("test", check.kind)).rpartition(".")[2]


def _for_dbt(manifest: Raw) -> Iterator[str]:
    """The names of tests that dbt has to run: Tidegate has no entry for them, or dbt keeps what fails them."""
    for check in declared(manifest):
        if check.stored_in is not None or not dbt_tests.is_native(check):
            yield called(check)


def _nodes(manifest: Raw) -> dict[str, Raw]:
    nodes = manifest.get("nodes")
    return {k: v for k, v in nodes.items() if isinstance(v, Mapping)} if isinstance(nodes, Mapping) else {}


def _results(artifacts: Artifacts) -> Iterable[Raw]:
    results = artifacts.run_results.get("results")
    return [r for r in results if isinstance(r, Mapping)] if isinstance(results, list) else []
