//! Values arrive as the types of their columns, and one that does not fit is the event's failure.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use crate::common::Database;
use hitherto::projection::{Place, Value};
use hitherto::runner::{Failure, Work};
use hitherto::{Append, Event, NewEvent, Position, Projection, Query, Recorded, Sql, Store};
use hitherto_postgres::Postgres;

use std::sync::Arc;

#[derive(Event)]
enum Noted {
    ValueNoted { column: String, value: String },
}

/// One row for each value, in a column of the type that is wanted.
struct Values;

impl Projection for Values {
    const NAME: &'static str = "values";
    type Event = Noted;

    fn tables(&self) -> &'static str {
        "create type mood as enum ('glad', 'sad'); \
         create table v (i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision, n numeric, b bool, \
         t text, c char(3), u uuid, j jsonb, at timestamptz, d date, by bytea, m mood, a int[])"
    }

    fn project(&self, event: &Recorded<Noted>, sql: &mut Sql) {
        let Noted::ValueNoted { column, value } = &event.data;
        let value = match value.split_once(':').unwrap() {
            ("int", number) => Value::Integer(number.parse().unwrap()),
            ("real", number) => Value::Real(number.parse().unwrap()),
            ("bool", word) => Value::Bool(word == "true"),
            ("bytes", text) => Value::Blob(text.as_bytes().to_vec()),
            ("null", _) => Value::Null,
            (_, text) => Value::Text(text.to_owned()),
        };
        sql.run(format!("insert into v ({column}) values (?)"), vec![value]);
    }
}

fn kept(database: &Database, column: &str, value: &str) -> Result<String, Failure> {
    let store = Store::in_memory();
    let noted = Noted::ValueNoted { column: column.to_owned(), value: value.to_owned() };
    let event = NewEvent::json("ValueNoted", noted.encode().unwrap());
    hitherto::wait(store.append(Append::without_stream().event(event))).unwrap();
    let events = store.read(Query::all()).collect::<Result<Vec<_>, _>>().unwrap();
    let mut place = Postgres::connect(&database.url).unwrap();
    let mut target = place.open(&Arc::new(Values)).unwrap();
    target.spread(1, Position::START).unwrap();
    let mut handler = target.handler(0, 1).unwrap();
    handler.resume().unwrap();
    handler.commit(&Work { events: &events, up_to: Position(1), ..Work::default() })?;
    let mut session = database.session();
    let found = session.rows(&format!("select {column} from values.v")).remove(0).remove(0);
    session.run("truncate values.v");
    Ok(found)
}

#[test]
fn every_value_arrives_as_the_type_of_its_column() {
    let Some(database) = Database::new("values of all types") else { return };
    for (column, value, expected) in [
        ("i2", "int:7", "7"),
        ("i4", "int:-70000", "-70000"),
        ("i8", "int:9223372036854775807", "9223372036854775807"),
        ("i4", "bool:true", "1"),
        ("f4", "real:0.5", "0.5"),
        ("f8", "real:inf", "Infinity"),
        ("f8", "int:3", "3"),
        ("n", "int:12", "12"),
        ("n", "text:12345678901234567890.5", "12345678901234567890.5"),
        ("n", "real:0.25", "0.25"),
        ("b", "bool:true", "t"),
        ("b", "int:1", "t"),
        ("t", "text:Zoë ? 'x' \\", "Zoë ? 'x' \\"),
        ("t", "int:5", "5"),
        ("t", "null:", "null"),
        ("c", "text:abc", "abc"),
        ("u", "text:0190e9a0-0000-7000-8000-000000000001", "0190e9a0-0000-7000-8000-000000000001"),
        ("j", "text:{\"a\": 1}", "{\"a\": 1}"),
        ("j", "bytes:[1, 2]", "[1, 2]"),
        ("d", "text:2026-01-04", "2026-01-04"),
        ("by", "bytes:ab", "\\x6162"),
        ("m", "text:glad", "glad"),
        ("a", "text:{1,2}", "{1,2}"),
    ] {
        assert_eq!(kept(&database, column, value).unwrap(), expected, "{value} in {column}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_the_events_failure_and_says_so() {
    let Some(database) = Database::new("values that do not fit") else { return };
    for (column, value, said) in [
        ("i4", "int:5000000000", "does not fit into int4"),
        ("i2", "int:40000", "does not fit into int2"),
        ("i8", "text:many", "invalid input syntax"),
        ("u", "text:no id", "invalid input syntax"),
        ("m", "text:bored", "invalid input value for enum"),
        ("t", "text:a\0b", "zero byte"),
        ("nowhere", "int:1", "\"nowhere\""),
    ] {
        match kept(&database, column, value) {
            Err(Failure::Event { index: Some(0), kept: 0, error }) => {
                assert!(format!("{error}").contains(said), "{value} in {column}: {error}");
            }
            other => panic!("{value} in {column}: {other:?}"),
        }
    }
    assert_eq!(kept(&database, "i4", "int:1").unwrap(), "1", "the next one is not concerned");
}
