//! A point in a store's past, as people write it: a version, a position, or a time.

use hitherto::Moment;
use hitherto_store::Position;

use crate::moment;

/// Understands `v3`, `p12`, or a time.
pub(crate) fn parse(text: &str) -> Result<Moment, String> {
    let number = |prefix| text.strip_prefix(prefix).and_then(|digits| digits.parse().ok());
    match (number('v'), number('p')) {
        (Some(version), _) => Ok(Moment::Version(version)),
        (_, Some(position)) => Ok(Moment::Position(Position(position))),
        _ => moment::parse(text).map(Moment::Time).map_err(|why| {
            format!("{why}; or v3 for version 3 of the stream, p12 for position 12 of the store")
        }),
    }
}

/// The point for people, behind "at".
pub(crate) fn told(point: Moment) -> String {
    match point {
        Moment::Version(version) => format!("version {version}"),
        Moment::Position(position) => format!("position {position}"),
        Moment::Time(time) => moment::exactly(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_positions_and_times_are_told_apart() {
        assert_eq!(parse("v3"), Ok(Moment::Version(3)));
        assert_eq!(parse("p12"), Ok(Moment::Position(Position(12))));
        let noon = parse("2026-01-04T12:00Z").unwrap();
        assert_eq!(told(noon), "2026-01-04T12:00:00Z");
        assert!(matches!(parse("15m"), Ok(Moment::Time(_))));
        for wrong in ["v", "p-1", "version 3", "v99999999999999999999"] {
            assert!(parse(wrong).unwrap_err().contains("v3 for version 3"), "{wrong}");
        }
    }
}
