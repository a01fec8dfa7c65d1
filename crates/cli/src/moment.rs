//! Times as people write them, and as programs read them.

use hitherto_store::{Clock, SystemClock, Timestamp};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const FORMS: &str = "write 2026-01-04T12:30:00Z, 2026-01-04 (its start in UTC), or 15m (ago)";

/// Understands a time in RFC 3339, a day, or how long ago.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    let ago =
        |duration: SignedDuration| i128::from(SystemClock.now().as_nanos()) - duration.as_nanos();
    let start_of = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let nanos = if let Ok(time) = text.parse::<jiff::Timestamp>() {
        time.as_nanosecond()
    } else if let Some(time) = text.parse().ok().and_then(start_of) {
        time.as_nanosecond()
    } else {
        text.parse().map(ago).map_err(|_| format!("it is no time: {FORMS}"))?
    };
    let nanos = i64::try_from(nanos);
    nanos.map(Timestamp::from_nanos).map_err(|_| "it is before 1677 or after 2262".to_owned())
}

/// The time in RFC 3339, to the nanosecond.
pub(crate) fn exactly(time: Timestamp) -> String {
    of(time).to_string()
}

/// The time in RFC 3339, to the millisecond.
pub(crate) fn briefly(time: Timestamp) -> String {
    format!("{:.3}", of(time))
}

fn of(time: Timestamp) -> jiff::Timestamp {
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos()));
    time.expect("64 bits of nanoseconds are within jiff's range of years")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_a_day_and_a_duration_are_understood() {
        let noon = parse("2026-01-04T12:00:00+01:00").unwrap();
        assert_eq!(exactly(noon), "2026-01-04T11:00:00Z");
        assert_eq!(exactly(parse("2026-01-04").unwrap()), "2026-01-04T00:00:00Z");
        let ago = parse("2h").unwrap().until(SystemClock.now());
        assert!((7_200..7_260).contains(&ago.as_secs()), "{ago:?}");
    }

    #[test]
    fn anything_else_is_refused_with_what_would_be_understood() {
        assert!(parse("yesterday").unwrap_err().contains("2026-01-04"));
        assert!(parse("").is_err());
        assert!(parse("9999-01-01").unwrap_err().contains("2262"));
    }
}
