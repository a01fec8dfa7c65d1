//! Sensors: each is a stream of what it measured, and raises an alarm by itself.

mod readings;

use SensorEvent::{AlarmCleared, AlarmRaised, LimitSet, Measured, SensorInstalled};
use SensorRefused::{AlreadyInstalled, Implausible, NotInstalled};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

pub use readings::Readings;

// region: events
/// What can happen to a sensor. Temperatures are in thousandths of a degree.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum SensorEvent {
    /// It hangs somewhere from now on.
    SensorInstalled {
        /// Where.
        #[tag]
        place: String,
    },
    /// From which temperature on it is an alarm.
    LimitSet {
        /// The highest that is fine.
        limit: i64,
    },
    /// It measured.
    Measured {
        /// What.
        temperature: i64,
    },
    /// It is too hot.
    AlarmRaised {
        /// How hot.
        temperature: i64,
        /// What would have been fine.
        limit: i64,
    },
    /// It is not too hot any more.
    AlarmCleared,
}
// endregion: events

/// Why a sensor says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SensorRefused {
    /// It hangs somewhere already.
    AlreadyInstalled,
    /// It hangs nowhere.
    NotInstalled,
    /// No place on earth is so cold or so hot: the sensor is broken.
    Implausible,
}

/// A sensor, as its events made it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sensor {
    #[serde(skip)]
    root: Root<SensorEvent>,
    is_installed: bool,
    limit: Option<i64>,
    /// The last that it measured.
    pub temperature: Option<i64>,
    /// Whether it is too hot.
    pub is_alarmed: bool,
}

// region: apply
impl Aggregate for Sensor {
    const CATEGORY: &'static str = "sensor";
    type Id = String;
    type Event = SensorEvent;
    type Error = SensorRefused;

    fn root(&mut self) -> &mut Root<SensorEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &SensorEvent) {
        match event {
            SensorInstalled { .. } => self.is_installed = true,
            LimitSet { limit } => self.limit = Some(*limit),
            Measured { temperature } => self.temperature = Some(*temperature),
            AlarmRaised { .. } => self.is_alarmed = true,
            AlarmCleared => self.is_alarmed = false,
        }
    }
}
// endregion: apply

// region: commands
impl Sensor {
    /// Hangs it somewhere.
    pub fn install(&mut self, place: &str) -> Result<(), SensorRefused> {
        ensure(!self.is_installed, AlreadyInstalled)?;
        self.raise(SensorInstalled { place: place.into() })
    }

    /// Says from when on it is an alarm. A limit that is set already is not set again.
    pub fn set_limit(&mut self, limit: i64) -> Result<(), SensorRefused> {
        ensure(self.is_installed, NotInstalled)?;
        if self.limit == Some(limit) {
            return Ok(());
        }
        self.raise(LimitSet { limit })
    }

    /// Takes a temperature; and where that crosses the limit, says so once.
    pub fn measure(&mut self, temperature: i64) -> Result<(), SensorRefused> {
        ensure(self.is_installed, NotInstalled)?;
        ensure((-90_000..=60_000).contains(&temperature), Implausible)?;
        self.raise(Measured { temperature })?;
        match self.limit {
            Some(limit) if temperature > limit && !self.is_alarmed => {
                self.raise(AlarmRaised { temperature, limit })
            }
            Some(limit) if temperature <= limit && self.is_alarmed => self.raise(AlarmCleared),
            _ => Ok(()),
        }
    }
}
// endregion: commands

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::{Given as _, check_handlers, check_replay, check_snapshots};

    fn installed() -> SensorEvent {
        SensorInstalled { place: "attic".into() }
    }

    fn history() -> [SensorEvent; 6] {
        let (limit, temperature) = (30_000, 31_000);
        [
            installed(),
            LimitSet { limit },
            Measured { temperature },
            AlarmRaised { temperature, limit },
            Measured { temperature: 29_000 },
            AlarmCleared,
        ]
    }

    // region: test-alarm
    #[test]
    fn an_alarm_is_raised_once_and_cleared_once() {
        let (limit, hot, hotter) = (30_000, 31_000, 32_000);
        Sensor::given([installed(), LimitSet { limit }])
            .when(|sensor| {
                sensor.measure(hot)?;
                sensor.measure(hotter)?;
                sensor.measure(limit)
            })
            .then([
                Measured { temperature: hot },
                AlarmRaised { temperature: hot, limit },
                Measured { temperature: hotter },
                Measured { temperature: limit },
                AlarmCleared,
            ]);
    }
    // endregion: test-alarm

    #[test]
    fn what_cannot_be_is_refused() {
        Sensor::given([]).when(|sensor| sensor.measure(0)).refused(NotInstalled);
        Sensor::given([]).when(|sensor| sensor.set_limit(0)).refused(NotInstalled);
        Sensor::given([installed()]).when(|s| s.install("attic")).refused(AlreadyInstalled);
        Sensor::given([installed()]).when(|s| s.measure(60_001)).refused(Implausible);
        Sensor::given([installed()]).when(|s| s.measure(-90_001)).refused(Implausible);
        Sensor::given([installed(), LimitSet { limit: 5 }]).when(|s| s.set_limit(5)).then_nothing();
    }

    #[test]
    fn each_event_changes_the_sensor_as_it_says() {
        check_handlers::<Sensor>(history(), |event, sensor| match event {
            SensorInstalled { .. } => assert!(sensor.is_installed),
            LimitSet { limit } => assert_eq!(sensor.limit, Some(*limit)),
            Measured { temperature } => assert_eq!(sensor.temperature, Some(*temperature)),
            AlarmRaised { .. } => assert!(sensor.is_alarmed),
            AlarmCleared => assert!(!sensor.is_alarmed),
        });
    }

    #[test]
    fn the_same_history_gives_the_same_sensor() {
        check_replay::<Sensor>(history());
        check_snapshots::<Sensor>(history());
    }
}
