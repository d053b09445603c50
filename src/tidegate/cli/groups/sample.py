"""`tidegate sample`: make, verify and load versioned sample data."""

from __future__ import annotations

import argparse

from tidegate.cli.command import Command, option

FOLDER = option("--folder", metavar="DIR", help="where the sample is (default: samples in the project)")
FOLDER_NESTED = (FOLDER[0], {**FOLDER[1], "default": argparse.SUPPRESS})

MAKE = (
    option("--rows", type=int, metavar="N", default=1000, help="about how many rows of each table (default: 1000)"),
    option("--seed", type=int, metavar="N", default=0, help="another choice of rows (default: 0)"),
    option(
        "--table",
        action="append",
        default=[],
        metavar="TABLE",
        help="this one instead of what dbt reads; may be repeated",
    ),
    option("--without", action="append", default=[], metavar="TABLE", help="not this one; may be repeated"),
    option(
        "--clear",
        action="append",
        default=[],
        metavar="COLUMN",
        help="schema.table.column: nothing personal is in it, whatever it is called; may be repeated",
    ),
)

SAMPLE = Command(
    name="sample",
    help="sample data for CI, masked and with its references whole: make (default), verify, load",
    handler="sample:make",
    options=(FOLDER, *MAKE),
    commands=(
        Command(
            name="make",
            help="write Parquet files of what is published, with a manifest of how each column was masked",
            handler="sample:make",
            options=tuple((names, {**said, "default": argparse.SUPPRESS}) for names, said in (FOLDER, *MAKE)),
        ),
        Command(
            name="verify",
            help="say whether the files are those of the manifest, references hold, and nothing personal is in them",
            handler="sample:verify",
            options=(FOLDER_NESTED,),
        ),
        Command(
            name="load",
            help="write the tables of a sample into a DuckDB file, to build from",
            handler="sample:load",
            options=(
                option("database", metavar="FILE", help="the database; made when it is not there"),
                FOLDER_NESTED,
            ),
        ),
    ),
)
