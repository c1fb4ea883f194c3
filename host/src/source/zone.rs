//! Which zone of the zone database a server's clock follows. Its own word for that is often an abbreviation, which names many zones
//! and half of a year (`CST`, `IST`, `GMT` in London's winter); so the server is asked what local time it makes of instants since
//! 1970, and the zones that make the same of them are found.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::{TimeZone, db};

use super::connection::Connection;
use crate::fault::Fault;

/// Seconds between two instants of the first look: no summer is shorter.
const STEP_S: i64 = 14 * 86_400;
/// 2038-01-01, before the last local time that old servers know.
const END_S: i64 = 2_145_916_800;
/// Instants in one statement.
const MOST_ASKED: usize = 1000;
/// Of zones that have been alike since 1970, most with the same history before, the one that people look for.
const WELL_KNOWN: [&str; 24] = [
    "UTC",
    "GMT",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Asia/Singapore",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Seoul",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Istanbul",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/Toronto",
    "Australia/Sydney",
    "Africa/Johannesburg",
    "Africa/Lagos",
];

/// Whether the zone database has this name, or it is an offset such as `+08:00`.
pub(super) fn is_known(name: &str) -> bool {
    is_offset(name) || TimeZone::get(name).is_ok()
}

fn is_offset(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = name.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':'));
    parts.is_some_and(|(hours, minutes)| digits(hours) && digits(minutes))
}

/// The zone that the connection's session is in, which the server calls `word`; `None` where the zone database has none that
/// makes the same of the same instants.
///
/// # Errors
/// As the statements'.
pub(super) fn of_session(connection: &mut Connection, word: &str) -> Result<Option<String>, Fault> {
    find(word, |instants| offsets(connection, instants))
}

/// Offsets from UTC in seconds at these instants, by the server.
fn offsets(connection: &mut Connection, instants: &[i64]) -> Result<Vec<i64>, Fault> {
    let mut all = Vec::with_capacity(instants.len());
    for some in instants.chunks(MOST_ASKED) {
        let mut sql = "SELECT CONCAT_WS(','".to_owned();
        for instant in some {
            // Writing to a String can't fail.
            let _ = write!(sql, ",TIMESTAMPDIFF(SECOND,'1970-01-01',FROM_UNIXTIME({instant}))-{instant}");
        }
        sql.push(')');
        let text = connection.value(&sql)?.unwrap_or_default();
        // One that is no number is no offset of any zone.
        all.extend(text.split(',').map(|offset| offset.parse().unwrap_or(i64::MAX)));
    }
    Ok(all)
}

/// The zone that gives the offsets that `ask` tells.
fn find<E>(word: &str, mut ask: impl FnMut(&[i64]) -> Result<Vec<i64>, E>) -> Result<Option<String>, E> {
    let zones = db().available().filter_map(|name| {
        let zone = TimeZone::get(name.as_str()).ok()?;
        Some((name.as_str().to_owned(), zone))
    });
    let coarse: Vec<i64> = (0..END_S).step_by(usize::try_from(STEP_S).unwrap_or(1)).collect();
    let asked = ask(&coarse)?;
    let mut alike: Vec<_> = zones.filter(|(_, zone)| fits(zone, &coarse, &asked)).collect();
    // Those that are left may still change their offsets on different days, or at different hours.
    let mut fine = BTreeSet::new();
    for (_, zone) in &alike {
        let changes = zone.following(Timestamp::UNIX_EPOCH).map(|change| change.timestamp().as_second());
        fine.extend(changes.take_while(|second| *second < END_S).flat_map(|second| [second - 1, second]));
    }
    let fine: Vec<i64> = fine.into_iter().filter(|second| *second >= 0).collect();
    if !fine.is_empty() {
        let asked = ask(&fine)?;
        alike.retain(|(_, zone)| fits(zone, &fine, &asked));
    }
    Ok(best(alike, word))
}

/// Whether the zone has these offsets at these instants.
fn fits(zone: &TimeZone, instants: &[i64], offsets: &[i64]) -> bool {
    instants.len() == offsets.len()
        && instants.iter().zip(offsets).all(|(instant, offset)| {
            let own = Timestamp::from_second(*instant).map(|instant| zone.to_offset(instant).seconds());
            own.is_ok_and(|own| i64::from(own) == *offset)
        })
}

/// One of zones that are alike: those that know the server's word for it first, then those that are well known, then by name.
fn best(mut alike: Vec<(String, TimeZone)>, word: &str) -> Option<String> {
    let known = |zone: &TimeZone| {
        let seasons = (0..END_S)
            .rev()
            .step_by(180 * 86_400)
            .take(4)
            .filter_map(|second| Timestamp::from_second(second).ok());
        seasons
            .into_iter()
            .any(|instant| zone.to_offset_info(instant).abbreviation() == word)
    };
    if alike.iter().any(|(_, zone)| known(zone)) {
        alike.retain(|(_, zone)| known(zone));
    }
    let rank = |name: &str| {
        let known = WELL_KNOWN.iter().position(|known| *known == name).unwrap_or(WELL_KNOWN.len());
        (known, !name.contains('/') || name.starts_with("Etc/"))
    };
    alike
        .into_iter()
        .map(|(name, _)| name)
        .min_by_key(|name| (rank(name), name.clone()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::convert::Infallible;

    use super::*;

    /// What is found for a server whose clock is this one.
    fn found(word: &str, offset: impl Fn(i64) -> i64) -> Option<String> {
        find(word, |instants| {
            Ok::<_, Infallible>(instants.iter().map(|instant| offset(*instant)).collect())
        })
        .unwrap()
    }

    fn offset_of(zone: &TimeZone, instant: i64) -> i64 {
        i64::from(zone.to_offset(Timestamp::from_second(instant).unwrap()).seconds())
    }

    fn of_zone(name: &str, word: &str) -> Option<String> {
        let zone = TimeZone::get(name).unwrap();
        found(word, |instant| offset_of(&zone, instant))
    }

    #[test]
    fn an_abbreviation_becomes_the_zone_that_the_clock_follows() {
        for (zone, words) in [
            ("Europe/Berlin", ["CET", "CEST"]),
            ("Europe/London", ["GMT", "BST"]),
            ("America/Chicago", ["CST", "CDT"]),
            ("Asia/Shanghai", ["CST", "China Standard Time"]),
            ("Asia/Kolkata", ["IST", "+0530"]),
            ("Europe/Dublin", ["IST", "IST"]),
            ("Asia/Jerusalem", ["IST", "IDT"]),
            ("Australia/Sydney", ["AEST", "AEDT"]),
            ("UTC", ["UTC", "Universal"]),
            ("GMT", ["GMT", "GMT"]),
        ] {
            for word in words {
                assert_eq!(of_zone(zone, word).as_deref(), Some(zone), "{zone} as {word}");
            }
        }
    }

    #[test]
    fn every_zone_is_found_to_be_one_with_the_same_offsets() {
        for (at, name) in db().available().enumerate() {
            // One in seven keeps the test short; the names are in order of places.
            if at % 7 != 0 {
                continue;
            }
            let zone = TimeZone::get(name.as_str()).unwrap();
            let other = of_zone(name.as_str(), "").unwrap();
            let other = TimeZone::get(&other).unwrap();
            for instant in (0..END_S).step_by(90_061) {
                assert_eq!(offset_of(&zone, instant), offset_of(&other, instant), "{name} at {instant}");
            }
        }
    }

    #[test]
    fn a_clock_of_its_own_is_none_of_the_zones() {
        // Berlin's, a second later; and one that skips an hour for one fortnight.
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(found("CET", |instant| offset_of(&berlin, instant + 1)), None);
        let fortnight = 500 * STEP_S - 5..500 * STEP_S + 5;
        assert_eq!(found("UTC", |instant| i64::from(fortnight.contains(&instant)) * 3600), None);
    }

    #[test]
    fn names_and_offsets_are_known_and_abbreviations_are_not() {
        for name in ["Europe/Berlin", "UTC", "+08:00", "-03:30", "+14:00"] {
            assert!(is_known(name), "{name}");
        }
        for name in ["SYSTEM", "CEST", "", "+08", "+a:00", "Mars/Olympus"] {
            assert!(!is_known(name), "{name}");
        }
    }
}
