//! What holds for every GTID set, wherever it came from. Fuzz targets and tests call it; a promise that is broken is a panic.
#![expect(clippy::unwrap_used, reason = "a promise that is broken is a panic")]

use super::gtid::{Gtid, GtidSet, ServerGtid};

/// Text and stored form read back to the same set, and the set's members are what its ranges say.
pub fn check_gtid_set(set: &GtidSet) {
    let text = set.to_string();
    assert_eq!(text.parse::<GtidSet>().ok().as_ref(), Some(set), "{text}");
    assert_eq!(set.one_line().parse::<GtidSet>().ok().as_ref(), Some(set), "{text}");
    let stored = serde_json::to_string(set).unwrap();
    assert_eq!(&serde_json::from_str::<GtidSet>(&stored).unwrap(), set, "{text}");
    assert_eq!(set.is_empty(), text.is_empty());
    check_ranges(set);
    for gtid in set.last_of_domains() {
        assert!(set.contains(&Gtid::Domain(gtid)), "{text}");
    }
    assert!(set.is_subset(set), "{text}");
    let mut twice = set.clone();
    twice.union(set);
    assert_eq!(&twice, set);
}

/// Ranges ascend and never touch; their ends are members, and what is right beside them is not.
fn check_ranges(set: &GtidSet) {
    let member = |uuid, tag: &str, number| {
        set.contains(&Gtid::Server(ServerGtid {
            uuid,
            tag: tag.to_owned(),
            number,
        }))
    };
    let mut before = None;
    for (uuid, tag, first, last) in set.ranges() {
        assert!(
            ServerGtid::is_number(first) && ServerGtid::is_number(last) && first <= last,
            "{set}"
        );
        assert!(ServerGtid::is_tag(tag), "{set}");
        if let Some((other, name, end)) = before {
            assert!((other, name) <= (uuid, tag), "{set}");
            assert!((other, name) != (uuid, tag) || end + 1 < first, "{set}");
        }
        assert!(member(uuid, tag, first) && member(uuid, tag, last), "{set}");
        assert!(!member(uuid, tag, first - 1) && !member(uuid, tag, last + 1), "{set}");
        let mut again = set.clone();
        again.add_range(uuid, tag, first, last);
        assert_eq!(&again, set);
        before = Some((uuid, tag, last));
    }
}

/// A union has the members of both sets and no others, in whichever order it is made.
pub fn check_gtid_sets(a: &GtidSet, b: &GtidSet) {
    let union = |first: &GtidSet, second: &GtidSet| {
        let mut all = first.clone();
        all.union(second);
        all
    };
    let all = union(a, b);
    if all.has_servers() && all.has_domains() {
        // Of two families of servers: nothing makes a position of both.
        return;
    }
    check_gtid_set(&all);
    assert!(a.is_subset(&all) && b.is_subset(&all), "{a} | {b}");
    assert_eq!(union(&all, a), all, "{a} | {b}");
    // Two of MariaDB's servers may give the same number: each is then a member of the other's set.
    assert_eq!(all.is_subset(b), a.is_subset(b), "{a} | {b}");
    if !all.has_domains() {
        assert_eq!(all == *b, a.is_subset(b), "{a} | {b}");
        assert_eq!(union(b, a), all, "{a} | {b}");
        assert_eq!(format!("{a},{b}").parse::<GtidSet>().unwrap(), all, "{a} | {b}");
        let inside = |set: &GtidSet, (uuid, tag, first, _): (_, &str, _, _)| {
            set.ranges()
                .any(|range| (range.0, range.1) == (uuid, tag) && (range.2..=range.3).contains(&first))
        };
        assert!(all.ranges().all(|range| inside(a, range) || inside(b, range)), "{a} | {b}");
    }
}
