"""The error tree: what can go wrong, each with a stable code, an exit status, an HTTP status and a hint.

TidegateError
├── ConfigError                  config-invalid          what the user wrote cannot be used
│   ├── ConfigSyntaxError        config-syntax           not YAML; carries line and column
│   ├── UnknownKeyError          config-unknown-key      a key nobody reads; names the nearest known one
│   ├── ProjectNotFoundError     project-not-found       no tidegate.yml here or above
│   ├── ProfileNotFoundError     profile-not-found       the dbt profile or target does not exist
│   ├── PathNotFoundError        path-not-found          a path in the configuration does not exist
│   ├── ContractError            contract-invalid        a data contract cannot be used
│   ├── RunbookError             runbook-invalid         a runbook cannot be used
│   └── TargetError              target-invalid          a target of notifications cannot be used
├── StepError                    step-failed             a step of the pipeline ended with an error
│   ├── StepTimeoutError         step-timeout            a step ran longer than its timeout
│   ├── ExecutableNotFoundError  executable-not-found    dbt, python or a command is not installed
│   └── StepEscapedError         step-escaped            a step wrote to a database other than the candidate
├── WarehouseError               warehouse-failed        the warehouse refused or broke
│   ├── AdapterNotFoundError     adapter-not-found       no adapter registers that warehouse or step type
│   ├── DatabaseNotFoundError    database-not-found      there is no database file; none is created
│   ├── WarehouseLockedError     warehouse-locked        another run holds the writer's lock
│   ├── VersionNotFoundError     version-not-found       no such version, or its data was pruned
│   ├── StaleVersionError        version-stale           the bytes are not the ones that were audited
│   ├── NothingPublishedError    nothing-published       there is no published version yet
│   └── QueryError               query-failed            a statement failed; carries its SQL
├── StorageError                 storage-failed          the file system refused
│   ├── DiskFullError            disk-full               no space left for a candidate
│   └── ReadOnlyError            storage-read-only       the folder cannot be written
├── StateError                   state-failed            the state store refused or broke
│   ├── StateCorruptError        state-corrupt           the state file is not a whole SQLite database
│   ├── StateTooNewError         state-too-new           written by a later release of tidegate
│   └── StateUnreachableError    state-unreachable       no PostgreSQL server answers where `state:` says
├── PromotionError               promotion-refused       it may not go to, or run in, that environment
├── IncidentError                incident-invalid        no such incident, or the transition is not allowed
├── DeliveryError                delivery-failed         a message did not arrive, or nobody can tell
├── ComparisonError              comparison-failed       two sides cannot be compared
├── SampleError                  sample-invalid          a sample cannot be made, or is not what its manifest says
├── UsageError                   usage                   the command line cannot be understood
└── NothingCheckedError          nothing-checked         a check ran over nothing; that is never green
"""

from __future__ import annotations

from typing import ClassVar


class TidegateError(Exception):
    """What every expected failure derives from.

    `str(error)` says what happened, with the value in backticks; `hint` says what to do, in the imperative.
    """

    code: ClassVar[str] = "failed"
    exit_status: ClassVar[int] = 2
    http_status: ClassVar[int] = 500
    default_hint: ClassVar[str] = "run the command again with `--verbose` and read the log that it names"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint or self.default_hint


class ConfigError(TidegateError):
    """What the user wrote in `tidegate.yml`, a profile or an option cannot be used."""

    code = "config-invalid"
    http_status = 400
    default_hint = "correct the value in `tidegate.yml`; `tidegate config schema` prints what is allowed"


class ConfigSyntaxError(ConfigError):
    """The file is not YAML; the message carries line and column, both from 1."""

    code = "config-syntax"
    default_hint = "correct the YAML at the line and column that are named"


class UnknownKeyError(ConfigError):
    """A key that nothing reads; the hint names the nearest known one."""

    code = "config-unknown-key"
    default_hint = "remove the key; `tidegate config schema` prints the known ones"


class ProjectNotFoundError(ConfigError):
    """No `tidegate.yml` in the folder or in one above it."""

    code = "project-not-found"
    http_status = 404
    default_hint = "run `tidegate init` in the folder of your dbt project or dlt script, or pass `--project DIR`"


class ProfileNotFoundError(ConfigError):
    """The dbt profile, or the target in it, does not exist."""

    code = "profile-not-found"
    http_status = 404
    default_hint = "check `profile:` in dbt_project.yml against profiles.yml"


class PathNotFoundError(ConfigError):
    """A path that the configuration names does not exist; nothing is created in its place."""

    code = "path-not-found"
    http_status = 404
    default_hint = "correct the path in `tidegate.yml`; paths are relative to the folder of that file"


class ContractError(ConfigError):
    """A data contract cannot be used: its shape is not the standard's, or it contradicts itself."""

    code = "contract-invalid"
    http_status = 422
    default_hint = "run `tidegate contract lint` to see everything that is wrong, with line and column"


class RunbookError(ConfigError):
    """A runbook is not where a product says it is, or binds a section to nothing."""

    code = "runbook-invalid"
    default_hint = "correct the file, or `runbook:` of the product in `tidegate.yml`"


class TargetError(ConfigError):
    """A target of notifications cannot be used: its channel, its address or one of its options is not what is needed."""

    code = "target-invalid"
    http_status = 422
    default_hint = "correct the entry of `notify:` in `tidegate.yml`; docs/notifications.md shows one for every channel"


class StepError(TidegateError):
    """A step of the pipeline ended with an error; the candidate is discarded, readers keep the good version."""

    code = "step-failed"
    default_hint = "read the step's log, repair the cause and run `tidegate run` again"


class StepTimeoutError(StepError):
    """A step ran longer than its timeout and was stopped with all its children."""

    code = "step-timeout"
    http_status = 504
    default_hint = "find what hangs in the step's log, or raise `timeout:` of the step in `tidegate.yml`"


class ExecutableNotFoundError(StepError):
    """dbt, Python with dlt, or a command is not installed where Tidegate looked."""

    code = "executable-not-found"
    http_status = 424
    default_hint = "install it in the project's environment, or give its whole path in the step"


class StepEscapedError(StepError):
    """A step wrote to a database other than the candidate; the published version is protected from it."""

    code = "step-escaped"
    http_status = 409
    default_hint = (
        "remove the hard-coded database path from the step, so that the destination comes from its configuration;"
        " a `run:` step finds its file in `TIDEGATE_DATABASE`"
    )


class WarehouseError(TidegateError):
    """The warehouse refused or broke."""

    code = "warehouse-failed"
    http_status = 502
    default_hint = "check the warehouse folder and its file permissions"


class AdapterNotFoundError(WarehouseError):
    """No installed package registers that type of warehouse or step."""

    code = "adapter-not-found"
    http_status = 400
    default_hint = "use a type that is installed, or install the package that registers it"


class DatabaseNotFoundError(WarehouseError):
    """There is no database file at the path; Tidegate never creates an empty one because of a typo."""

    code = "database-not-found"
    http_status = 404
    default_hint = "correct the path, or run `tidegate run` to build the first version"


class WarehouseLockedError(WarehouseError):
    """Another run holds the writer's lock; the message says who and since when."""

    code = "warehouse-locked"
    http_status = 423
    default_hint = "wait for it to end, or pass `--wait 10m`"


class VersionNotFoundError(WarehouseError):
    """No such version, or its data was pruned by the retention rule."""

    code = "version-not-found"
    http_status = 404
    default_hint = "run `tidegate versions` to see the kept ones"


class StaleVersionError(WarehouseError):
    """The bytes of the version are not the ones that were scanned; they are not published."""

    code = "version-stale"
    http_status = 409
    default_hint = "find out what wrote to the candidate, then run `tidegate run` again"


class NothingPublishedError(WarehouseError):
    """There is no published version yet."""

    code = "nothing-published"
    http_status = 404
    default_hint = "run `tidegate run` to build and publish the first version"


class QueryError(WarehouseError):
    """A statement failed; `sql` is the statement."""

    code = "query-failed"
    default_hint = "run the statement by hand against the version's database to see it fail"

    def __init__(self, message: str, *, sql: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.sql = sql


class StorageError(TidegateError):
    """The file system refused."""

    code = "storage-failed"
    default_hint = "check the disk and the permissions of the folder that is named"


class DiskFullError(StorageError):
    """No space is left for a candidate; nothing that is published was touched."""

    code = "disk-full"
    http_status = 507
    default_hint = "free space or lower `versions` and `days` of `retention:` in `tidegate.yml`, then run again; the candidate was removed"


class ReadOnlyError(StorageError):
    """A folder that Tidegate must write cannot be written."""

    code = "storage-read-only"
    http_status = 403
    default_hint = "give the user that runs tidegate write permission on the folder"


class StateError(TidegateError):
    """The state store refused or broke."""

    code = "state-failed"
    default_hint = "check `.tidegate/state.db`"


class StateCorruptError(StateError):
    """The state file is not a whole SQLite database; it is left as it is."""

    code = "state-corrupt"
    default_hint = (
        "move `.tidegate/state.db` aside or restore it from a backup; the versions in the warehouse are not affected"
        " and are recorded again at the next run"
    )


class StateTooNewError(StateError):
    """The state file was written by a later release."""

    code = "state-too-new"
    default_hint = "upgrade tidegate to the release that wrote the file"


class StateUnreachableError(StateError):
    """No PostgreSQL server answers where `state:` says that the state store is, or it refuses the user."""

    code = "state-unreachable"
    http_status = 503
    default_hint = "check `state:` in `tidegate.yml` and the variables that it names, and that the server runs"


class PromotionError(TidegateError):
    """A version or a code revision may not go to that environment, or run there."""

    code = "promotion-refused"
    http_status = 409
    default_hint = "run `tidegate promote --plan --to NAME` to see what is missing"


class IncidentError(TidegateError):
    """No such incident, or the transition is not allowed from its present state."""

    code = "incident-invalid"
    http_status = 409
    default_hint = "run `tidegate incidents` to see the open ones"


class DeliveryError(TidegateError):
    """A message did not arrive, or nobody can tell whether it did.

    `transient` tells that a later try may do better; `retry_after_s` is how long the channel asks to wait, if it does.
    """

    code = "delivery-failed"
    http_status = 502
    default_hint = "run `tidegate notify --test TARGET` to see what the channel answers"

    def __init__(
        self, message: str, *, transient: bool, retry_after_s: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.transient = transient
        self.retry_after_s = retry_after_s


class ComparisonError(TidegateError):
    """Two sides cannot be compared: a table, a column or a way to read one of them is missing."""

    code = "comparison-failed"
    http_status = 422
    default_hint = "correct the sides, the table or the key; `tidegate reconcile --help` shows how they are written"


class SampleError(TidegateError):
    """A sample cannot be made as it is asked for, or its files are not what its manifest says."""

    code = "sample-invalid"
    http_status = 422
    default_hint = "make it again with `tidegate sample`; docs/samples.md says how rows and columns are chosen"


class UsageError(TidegateError):
    """The command line cannot be understood."""

    code = "usage"
    http_status = 400
    default_hint = "run the command with `--help`"


class NothingCheckedError(TidegateError):
    """A check was asked for and nothing was evaluated; that is never green."""

    code = "nothing-checked"
    http_status = 422
    default_hint = "check the selection and that the tables hold rows"
