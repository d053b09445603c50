"""What stands in a sample in the place of personal values: the form is kept, joins hold, nothing of the source is left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sampled import World, refers
from tidegate.errors import SampleError, UsageError

PEOPLE = """
create table raw.people as select i as person_id,
    ['Anna', 'Zoë', 'Łukasz', 'Ng'][1 + i % 4] || ' No' || i as name,
    case i % 10 when 0 then null when 1 then '' else 'Person' || i || '@Mail' || (i % 3) || '.example' end as email,
    '+49 (171) ' || (1000000 + 7 * i) as phone,
    date '1950-01-01' + i::int as birth_date,
    (1000 + i * 1.37)::decimal(9, 2) as salary,
    ['m', 'f', 'x'][1 + i % 3] as gender,
    md5(i::varchar)::uuid as device_id,
    '10.1.' || (i % 250) || '.' || (i // 250) as ip_address,
    ['gold', 'basic'][1 + i % 2] as tier,
    900000000 + i * 3 as tax_id,
    {'email': 'x', 'n': i} as details
from range(400) t(i)
"""


@pytest.fixture
def people(tmp_path: Path) -> World:
    return World(folder=tmp_path).write(PEOPLE)


def how(world: World, **wanted: object) -> dict[str, str | None]:
    told = world.sample(**wanted)
    return {c.name: c.mask for t in told.tables for c in t.columns}


def test_every_personal_column_is_masked_in_its_way(people: World) -> None:
    assert how(people) == {
        "person_id": None,
        "name": "form",
        "email": "form",
        "phone": "form",
        "birth_date": "moved",
        "salary": "scaled",
        "gender": "drawn",
        "device_id": "form",
        "ip_address": "form",
        "tier": None,
        "tax_id": "form",
        "details": "emptied",
    }


def test_values_keep_their_form_and_are_others(people: World) -> None:
    people.sample()
    raw = {row[0]: row for row in people.source("select * from raw.people")}
    shown = people.rows("people")
    assert len(shown) == 400
    for row in shown:
        own = raw[row[0]]
        _, name, email, phone, birth, salary, gender, device, ip, tier, tax, details = row
        assert len(name) == len(own[1])
        assert name != own[1]
        assert [c.isupper() for c in name] == [c.isupper() for c in own[1]]
        if own[2]:
            assert re.fullmatch(r"[0-9a-f]{12}@[0-9a-f]{6}\.example\.com", email)
        else:
            assert email == own[2]
        assert re.fullmatch(r"\+\d\d \(\d{3}\) \d{7}", phone)
        assert 0 < abs((birth - own[4]).days) <= 182
        assert 0.49 < float(salary) / float(own[5]) < 0.96
        assert gender in {"m", "f", "x"}
        assert device != own[7]
        assert ip.startswith("10.")
        assert ip != own[8]
        assert (tier, details) == (own[9], None)
        assert len(str(tax)) == 9
        assert tax != own[10]
    for column in (1, 2, 3, 7, 10):
        values = [row[column] for row in shown if row[column]]
        assert len(set(values)) == len(values), f"column {column} was unique"
        assert not {str(v).lower() for v in values} & {str(r[column]).lower() for r in raw.values()}


def test_one_domain_stays_one(people: World) -> None:
    people.sample()
    shown = [row[0] for row in people.rows("people", "select email") if row[0]]
    assert len({email.split("@")[1] for email in shown}) == 3


def test_a_choice_is_drawn_for_each_row_and_says_nothing_of_it(people: World) -> None:
    people.sample()
    pairs = people.source("select person_id, gender from raw.people")
    same = sum(dict(pairs)[number] == gender for number, gender in people.rows("people", "select person_id, gender"))
    assert 80 < same < 190, "a third is met by chance"


def test_another_secret_gives_other_values_and_the_same_rows(people: World, tmp_path: Path) -> None:
    first, second = people.sample(), people.sample(tmp_path / "other", secret="another secret, as long as it")
    assert first.secret != second.secret
    names = [set(people.rows("people", "select name", folder)) for folder in (people.samples, tmp_path / "other")]
    assert not names[0] & names[1]
    numbers = [people.rows("people", "select person_id", f) for f in (people.samples, tmp_path / "other")]
    assert sorted(numbers[0]) == sorted(numbers[1])


def test_the_secret_is_in_no_file(people: World) -> None:
    people.sample(secret="hunter2-hunter2-hunter2")
    for path in people.samples.iterdir():
        assert b"hunter2" not in path.read_bytes()


def test_a_short_secret_is_refused(people: World) -> None:
    with pytest.raises(UsageError, match="the secret has `5` characters"):
        people.sample(secret="short")


def test_keys_that_are_personal_still_join(tmp_path: Path) -> None:
    world = World(folder=tmp_path, checks=[refers("logins", "who", "users", "email")]).write(
        "create table raw.users as select 'user' || i || '@shop.example' as email, i as n from range(200) t(i)",
        "create table raw.logins as select 'user' || (i % 200) || '@shop.example' as who, i as n from range(900) t(i)",
        "create table raw.letters as select upper('user' || i || '@shop.example') as email from range(200) t(i)",
    )
    told = world.sample()
    why = {f"{t.table}.{c.name}": c.why for t in told.tables for c in t.columns if c.mask}
    assert why["raw.logins.who"] == "it holds the same keys as raw.users.email, its name"
    users, logins = (
        {row[0] for row in world.rows(t, f"select {c}")} for t, c in (("users", "email"), ("logins", "who"))
    )
    assert logins == users
    assert {row[0] for row in world.rows("letters", "select email")} == users, "a join by lower case, declared nowhere"
    numbers = dict(world.rows("users", "select email, n"))
    assert all(numbers[who] == n % 200 for who, n in world.rows("logins", "select who, n"))


def test_what_looks_personal_is_masked_whatever_it_is_called(tmp_path: Path) -> None:
    world = World(folder=tmp_path).write(
        "create table raw.t as select i as n, 'reach me at a' || i || '@b.example' as about,"
        " 'DE' || (10 + i % 80) || '50010517' || lpad(i::varchar, 10, '0') as account,"
        " '+49 30 ' || (100000 + i) as line, 'word ' || i as plain,"
        " '{\"to\": \"a' || i || '@b.example\"}' as payload from range(100) t(i)"
    )
    told = world.sample()
    (table,) = told.tables
    assert {c.name: (c.mask, c.why) for c in table.columns if c.mask} == {
        "about": ("form", "its values hold e-mail addresses"),
        "account": ("form", "its values look like IBANs"),
        "line": ("form", "its values look like phone numbers"),
        "payload": ("emptied", "its values hold e-mail addresses"),
    }
    assert world.rows("t", "select count(payload)") == [(0,)]


def test_a_column_with_values_of_a_personal_one_is_found_and_masked(tmp_path: Path) -> None:
    world = World(folder=tmp_path).write(
        "create table raw.people as select i as n, 'Person Number' || i as full_name from range(100) t(i)",
        "create table raw.parcels as select i as n, 'to: person number' || i || ', Berlin' as label from range(100) t(i)",
    )
    told = world.sample()
    why = {f"{t.table}.{c.name}": c.why for t in told.tables for c in t.columns if c.mask}
    assert why["raw.parcels.label"] == "it holds values of raw.people.full_name"
    assert not [label for (label,) in world.rows("parcels", "select label") if "person number" in label]


def test_what_is_said_to_be_clear_is_left_alone_and_told(people: World) -> None:
    told = people.sample(clear=("raw.people.NAME",))
    (name,) = [c for t in told.tables for c in t.columns if c.name == "name"]
    assert (name.mask, name.why) == (None, "somebody said that nothing personal is in it")
    with pytest.raises(UsageError, match=r"there is no column `raw\.people\.nam`"):
        people.sample(clear=("raw.people.nam",))


def test_what_tidegate_yml_masks_is_masked(people: World) -> None:
    people.masked = ("tier",)
    told = people.sample()
    (tier,) = [c for t in told.tables for c in t.columns if c.name == "tier"]
    assert (tier.mask, tier.why) == ("drawn", "tidegate.yml says so")


def test_short_texts_find_a_place(tmp_path: Path) -> None:
    """So many two-letter user names that hardly one is free: they get longer, and that is told."""
    world = World(folder=tmp_path).write(
        "create table raw.t as select chr((97 + i // 26)::int) || chr((97 + i % 26)::int) as username from range(676) t(i)"
    )
    told = world.sample()
    names = [name for (name,) in world.rows("t", "select username")]
    assert len(set(names)) == 676
    assert "longer than in the source" in told.notes[0]


def test_values_that_meet_are_tried_again_and_keep_their_form(tmp_path: Path) -> None:
    """Of 200 names of two letters some dozen would meet by chance."""
    world = World(folder=tmp_path).write(
        "create table raw.t as select chr((97 + i // 26)::int) || chr((97 + i % 26)::int) as username from range(200) t(i)"
    )
    told = world.sample()
    names = [name for (name,) in world.rows("t", "select username")]
    assert told.notes == ()
    assert {len(name) for name in names} == {2}
    assert len(set(names)) == 200


def test_a_collation_neither_merges_nor_doubles_rows(tmp_path: Path) -> None:
    world = World(folder=tmp_path).write(
        "create table raw.one (id int, email varchar collate nocase)",
        "insert into raw.one values (1, 'A@x.example'), (2, 'a@x.example'), (3, 'Á@x.example')",
        "create table raw.two as select 1 as id, 'A@x.example' as email union all select 2, 'a@X.example'",
    )
    world.sample()
    shown = dict(world.rows("one", "select id, email"))
    assert set(shown) == {1, 2, 3}
    assert shown[1] == shown[2] != shown[3]
    assert dict(world.rows("two", "select id, email")) == {1: shown[1], 2: shown[1]}


@pytest.mark.parametrize(
    "type_text",
    ["decimal(38,10)", "decimal(4,2)", "hugeint", "float", "double", "tinyint", "utinyint", "bigint", "ubigint"],
)
def test_the_greatest_numbers_of_a_type_can_be_masked(tmp_path: Path, type_text: str) -> None:
    extremes = {
        "decimal(38,10)": "9999999999999999999999999999", "decimal(4,2)": "99.99", "tinyint": "127", "utinyint": "255",
        "hugeint": "170141183460469231731687303715884105727", "float": "3e38", "double": "1e308",
        "bigint": "9223372036854775807", "ubigint": "18446744073709551615",
    }  # fmt: skip
    value = extremes[type_text]
    world = World(folder=tmp_path).write(
        f"create table raw.t as select {value}::{type_text} as salary union all select 0::{type_text} union all select null"
    )
    world.sample()
    shown = [row[0] for row in world.rows("t", "select salary")]
    assert len(shown) == 3
    assert None in shown
    numbers = {float(v) for v in shown if v is not None}
    assert 0 in numbers
    assert float(value) not in numbers


def test_a_value_that_cannot_be_kept_away_stops(people: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is made of the files, so it does not believe the masking."""
    from tidegate.services import masking

    monkeypatch.setattr(masking, "select_masked", lambda source, _: f"SELECT * FROM {source.sql}")
    with pytest.raises(SampleError, match="still holds personal values of the source"):
        people.sample()
