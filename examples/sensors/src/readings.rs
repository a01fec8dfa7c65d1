//! The query side: every sensor's last, lowest and highest temperature, and its alarms.

use hitherto::{Projection, Recorded, Sql};

use crate::SensorEvent::{self, AlarmCleared, AlarmRaised, LimitSet, Measured, SensorInstalled};

// region: projection
/// One row a sensor, for whoever looks after the building.
pub struct Readings;

const MEASURE: &str = "update sensors set
        readings = readings + 1, total = total + ?, last = ?,
        lowest = min(coalesce(lowest, ?), ?), highest = max(coalesce(highest, ?), ?)
    where sensor = ?";

impl Projection for Readings {
    const NAME: &'static str = "readings";
    type Event = SensorEvent;

    fn tables(&self) -> &'static str {
        "create table sensors (
             sensor text primary key, place text not null,
             readings bigint not null, total bigint not null,
             last bigint, lowest bigint, highest bigint,
             alarms bigint not null, is_alarmed bigint not null
         );
         create index sensors_by_place on sensors (place)"
    }

    fn project(&self, event: &Recorded<SensorEvent>, sql: &mut Sql) {
        let sensor = event.stream_id();
        match &event.data {
            SensorInstalled { place } => sql.run(
                "insert into sensors values (?, ?, 0, 0, null, null, null, 0, 0)",
                (sensor, place),
            ),
            LimitSet { .. } => {}
            Measured { temperature: t } => sql.run(MEASURE, (t, t, t, t, t, t, sensor)),
            AlarmRaised { .. } => sql.run(
                "update sensors set alarms = alarms + 1, is_alarmed = 1 where sensor = ?",
                (sensor,),
            ),
            AlarmCleared => {
                sql.run("update sensors set is_alarmed = 0 where sensor = ?", (sensor,));
            }
        }
    }
}
// endregion: projection

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto_sql::testing::project_streams;

    // region: test-projection
    #[test]
    fn each_sensor_has_a_row_and_places_are_added_up_by_a_query() {
        let installed = || SensorInstalled { place: "attic".into() };
        let measured = |temperature| Measured { temperature };
        let read = project_streams(
            Readings,
            [
                ("sensor-a", installed()),
                ("sensor-b", installed()),
                ("sensor-a", measured(20_000)),
                ("sensor-a", measured(31_000)),
                ("sensor-a", AlarmRaised { temperature: 31_000, limit: 30_000 }),
                ("sensor-b", measured(-5_000)),
                ("sensor-a", measured(24_000)),
                ("sensor-a", AlarmCleared),
            ],
        );
        let row = "select readings, last, lowest, highest, alarms, is_alarmed from sensors";
        let of_a = format!("{row} where sensor = 'a'");
        assert_eq!(read.rows(&of_a), [[3, 24_000, 20_000, 31_000, 1, 0]]);
        let place = "select sum(total) / sum(readings) from sensors where place = 'attic'";
        assert_eq!(read.rows(place), [[17_500]]);
    }
    // endregion: test-projection
}
