//! A summer day in an office building: `cargo run -p hitherto-example-sensors`.

use std::error::Error;
use std::time::Instant;

use hitherto::projection::Value;
use hitherto::{EmbeddedStore, Outcome as _, Projector, Query, Repository, Result, Store};
use hitherto_example_sensors::{Readings, Sensor, SensorEvent};
use hitherto_sql::Sqlite;
use hitherto_store::{Keep, Target};

const PLACES: [&str; 4] = ["attic", "hall", "kitchen", "server room"];
const SENSORS: usize = 200;
/// One reading in ten minutes.
const READINGS: usize = 144;

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let records = EmbeddedStore::in_memory();
    hitherto::wait(tell(&Store::on(records.clone()), &records))?;
    Ok(())
}

async fn tell(store: &Store, records: &EmbeddedStore) -> Result<()> {
    let sensors = Repository::<Sensor>::new(store);
    install(&sensors).await?;
    measure_a_day(store, &sensors).await?;
    let read = Sqlite::in_memory()?;
    let readings = Projector::start(store, read.clone(), Readings).await?;
    readings.reached(store.head().await?).await?;
    ask(&read)?;
    refuse_a_broken_one(&sensors).await?;
    look_at_one(store, &sensors).await?;
    keep_little(store, records, &read)
}

/// The name of a sensor.
fn name(number: usize) -> String {
    format!("{number:03}")
}

async fn install(sensors: &Repository<Sensor>) -> Result<()> {
    for number in 0..SENSORS {
        let place = PLACES[number % PLACES.len()];
        let installed = sensors.update(&name(number), |sensor| {
            sensor.install(place)?;
            sensor.set_limit(30_000)
        });
        installed.await.must()?;
    }
    println!("{SENSORS} sensors hang in {} places; each is a stream of its own.", PLACES.len());
    Ok(())
}

async fn measure_a_day(store: &Store, sensors: &Repository<Sensor>) -> Result<()> {
    let (before, started) = (store.head().await?, Instant::now());
    for number in 0..SENSORS {
        // region: batch
        // A sensor sends what it measured in a whole day at once: one append.
        let day = sensors.update(&name(number), |sensor| {
            (0..READINGS).try_for_each(|reading| sensor.measure(temperature(number, reading)))
        });
        // endregion: batch
        day.await.must()?;
    }
    let events = store.head().await?.0 - before.0;
    println!("A day later there are {events} events more, stored in {:.0?}.", started.elapsed());
    Ok(())
}

/// A day under the sun: cool at night, warm after noon, warmer in the attic. The machines in the
/// server room know no night.
fn temperature(number: usize, reading: usize) -> i64 {
    let from_afternoon = i64::try_from(reading.abs_diff(90) / 6).unwrap_or_default();
    let own = i64::try_from(number * 37 % 1_000).unwrap_or_default();
    match PLACES[number % PLACES.len()] {
        "attic" => 33_000 - 900 * from_afternoon + own,
        "server room" => 21_000 + own,
        _ => 27_000 - 600 * from_afternoon + own,
    }
}

fn ask(read: &Sqlite) -> Result<()> {
    println!("\nHow warm was it, by place: the lowest, the mean, the highest?\n");
    // region: query
    let by_place = "select place, count(*), min(lowest), sum(total) / sum(readings), max(highest)
        from sensors group by place order by max(highest) desc";
    let rows = read.rows(by_place)?;
    // endregion: query
    for row in rows {
        let [place, sensors, lowest, mean, highest] = &row[..] else { continue };
        println!(
            "  {:<12} {} sensors  {:>6} {:>6} {:>6}",
            text(place),
            text(sensors),
            degrees(lowest),
            degrees(mean),
            degrees(highest)
        );
    }
    let alarms = read.rows("select sum(alarms), sum(is_alarmed) from sensors")?;
    let still = text(&alarms[0][1]);
    println!("\n{} alarms were raised, {still} of them still stand.", text(&alarms[0][0]));
    Ok(())
}

async fn refuse_a_broken_one(sensors: &Repository<Sensor>) -> Result<()> {
    let refusal = sensors.update("000", |sensor| sensor.measure(1_000_000)).await.refusal()?;
    println!("\nSensor 000 says that it is 1000 degrees: {:?}.", refusal.expect("it is broken"));
    Ok(())
}

async fn look_at_one(store: &Store, sensors: &Repository<Sensor>) -> Result<()> {
    println!("\nWhen was sensor 000 alarmed, and what did it show one event before?\n");
    // region: look
    let alarms = Query::stream("sensor-000").kinds(["AlarmRaised", "AlarmCleared"]);
    for event in store.read_as::<SensorEvent>(alarms) {
        let event = event?;
        let then = sensors.at_version("000", event.version() - 2).await?;
        let before = then.temperature.map_or("nothing".to_owned(), celsius);
        println!("  version {:>3}  {:<12} before: {before}", event.version(), event.kind());
    }
    // endregion: look
    Ok(())
}

/// What the tables say outlives the readings that they were made from.
fn keep_little(store: &Store, records: &EmbeddedStore, read: &Sqlite) -> Result<()> {
    let before = store.read(Query::stream("sensor-000")).count();
    // region: retention
    records.keep(Target::category("sensor"), Keep::max_count(12))?;
    let after = store.read(Query::stream("sensor-000")).count();
    // endregion: retention
    println!(
        "\nFrom now on twelve events are kept of each sensor: sensor 000 had {before}, and has {after}."
    );
    let rows = read.rows("select readings, highest from sensors where sensor = '000'")?;
    println!(
        "The table still knows of {} readings, and of {} at the highest.",
        text(&rows[0][0]),
        degrees(&rows[0][1])
    );
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

fn degrees(value: &Value) -> String {
    match value {
        Value::Integer(thousandths) => celsius(*thousandths),
        other => format!("{other:?}"),
    }
}

fn celsius(thousandths: i64) -> String {
    format!("{}.{}°", thousandths / 1_000, thousandths % 1_000 / 100)
}
