"""Write a contract as the Open Data Contract Standard 3.2 has it."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.integrations.yaml_files import write_yaml
from tidegate.model import Contract, ContractColumn, ContractTable

HEAD = """\
# Written by `tidegate contract export` from what the published version holds: read it, and correct what is so by chance.
# While its status is draft, what is not kept is told and holds nothing; with `status: active` it holds the version.
"""


def document(contract: Contract, *, database: str) -> dict[str, object]:
    """The contract as plain values, valid by the standard's JSON Schema; `database` is the file that readers open."""
    server: dict[str, object] = {"server": "tidegate", "type": "duckdb", "database": database}
    if contract.schema is not None:
        server["schema"] = contract.schema
    return {
        "apiVersion": contract.api_version,
        "kind": "DataContract",
        "id": contract.id,
        **({"name": contract.name} if contract.name else {}),
        "version": contract.version,
        "status": contract.status,
        **({"description": {"purpose": contract.description}} if contract.description else {}),
        "servers": [server],
        "schema": [_table(table) for table in contract.tables],
    }


def text(contract: Contract, *, database: str) -> str:
    """The file: the document as YAML under a comment that says what it is."""
    return HEAD + write_yaml(document(contract, database=database))


def _table(table: ContractTable) -> dict[str, object]:
    return {
        "name": table.name,
        "physicalName": table.physical_name,
        **_given({"physicalType": table.physical_type, "description": table.description}),
        "properties": [_column(column) for column in table.columns],
    }


def _column(column: ContractColumn) -> dict[str, object]:
    found: dict[str, object] = {"name": column.name}
    found |= _given(
        {
            "logicalType": column.logical_type,
            "physicalType": column.physical_type,
            "description": column.description,
            "required": column.required,
            "unique": column.unique,
        }
    )
    if column.primary_key is not None:
        found |= {"primaryKey": True, "primaryKeyPosition": column.primary_key or 1}
    if column.enum:
        found["enum"] = [{"value": value} for value in column.enum]
    return found


def _given(said: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in said.items() if value}
