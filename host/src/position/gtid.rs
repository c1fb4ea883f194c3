//! GTIDs and sets of them, in both forms: MySQL's (a server's UUID, an optional tag, numbers) and MariaDB's
//! (`domain-server-number`, of which a set keeps the last of each domain). Only this room knows the forms.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::domain::DomainGtid;
use super::intervals::Intervals;

/// A server's UUID.
pub type Uuid = [u8; 16];

/// One transaction's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gtid {
    /// MySQL's.
    Server(ServerGtid),
    /// MariaDB's.
    Domain(DomainGtid),
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(gtid) => gtid.fmt(f),
            Self::Domain(gtid) => gtid.fmt(f),
        }
    }
}

/// One transaction's id in MySQL's form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerGtid {
    /// The server's UUID.
    pub uuid: Uuid,
    /// The tag, lower case; empty without one.
    pub tag: String,
    /// The transaction's number, from 1.
    pub number: u64,
}

impl ServerGtid {
    /// Whether `number` is one that MySQL gives a transaction.
    pub fn is_number(number: u64) -> bool {
        (1..=LAST_NUMBER).contains(&number)
    }

    /// Whether `tag` is one: 1-32 lower-case letters, digits and underscores, no digit first; or none at all.
    pub fn is_tag(tag: &str) -> bool {
        tag.is_empty() || parse_tag(tag).is_some_and(|lower| lower == tag)
    }
}

impl fmt::Display for ServerGtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(f, &self.uuid)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        write!(f, ":{}", self.number)
    }
}

/// A set of GTIDs, in one form or the other; an empty one is both. Its text is the server's own: of MySQL with the line break
/// after each comma, of MariaDB as in `gtid_binlog_pos`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GtidSet {
    /// By server, then by tag; no entry is empty.
    servers: BTreeMap<Uuid, BTreeMap<String, Intervals>>,
    /// MariaDB: server and number of the last transaction of each domain. All before it in the domain are members.
    domains: BTreeMap<u32, (u32, u64)>,
}

impl GtidSet {
    /// A set without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.domains.is_empty()
    }

    /// Adds one transaction. Of a domain it becomes the last, whatever its number: servers that do not share
    /// `gtid_strict_mode` may go back.
    pub fn add(&mut self, gtid: &Gtid) {
        match gtid {
            Gtid::Server(gtid) => self.add_range(gtid.uuid, &gtid.tag, gtid.number, gtid.number),
            Gtid::Domain(gtid) => drop(self.domains.insert(gtid.domain, (gtid.server, gtid.number))),
        }
    }

    /// The last transaction of each domain: MariaDB's form of a position.
    pub fn last_of_domains(&self) -> impl Iterator<Item = DomainGtid> {
        self.domains.iter().map(|(domain, (server, number))| DomainGtid {
            domain: *domain,
            server: *server,
            number: *number,
        })
    }

    /// Whether it has members in MySQL's form.
    pub fn has_servers(&self) -> bool {
        !self.servers.is_empty()
    }

    /// Whether it has members in MariaDB's form.
    pub fn has_domains(&self) -> bool {
        !self.domains.is_empty()
    }

    /// Adds the transactions `first` to `last`, both included; nothing where `first` is past `last`, or one of
    /// them is no transaction's number.
    pub fn add_range(&mut self, uuid: Uuid, tag: &str, first: u64, last: u64) {
        if first > last || !ServerGtid::is_number(first) || !ServerGtid::is_number(last) {
            return;
        }
        let tags = self.servers.entry(uuid).or_default();
        // Looked up before it is inserted: this runs for each transaction and must not allocate.
        match tags.get_mut(tag) {
            Some(intervals) => intervals.add(first, last),
            None => tags.entry(tag.to_owned()).or_default().add(first, last),
        }
    }

    /// Whether `gtid` is a member: of a domain, whether its number is not past the last one's.
    pub fn contains(&self, gtid: &Gtid) -> bool {
        match gtid {
            Gtid::Server(gtid) => self.intervals(&gtid.uuid, &gtid.tag).is_some_and(|i| i.contains(gtid.number)),
            Gtid::Domain(gtid) => self.domains.get(&gtid.domain).is_some_and(|(_, last)| gtid.number <= *last),
        }
    }

    /// Adds all members of `other`.
    pub fn union(&mut self, other: &Self) {
        for (uuid, tag, first, last) in other.ranges() {
            self.add_range(uuid, tag, first, last);
        }
        for gtid in other.last_of_domains() {
            let gtid = Gtid::Domain(gtid);
            if !self.contains(&gtid) {
                self.add(&gtid);
            }
        }
    }

    /// Whether every member is one of `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.ranges()
            .all(|(uuid, tag, first, last)| other.intervals(&uuid, tag).is_some_and(|i| i.covers(first, last)))
            && self.last_of_domains().all(|gtid| other.contains(&Gtid::Domain(gtid)))
    }

    /// All members in MySQL's form as (server, tag, first, last), both ends included, in ascending order.
    pub fn ranges(&self) -> impl Iterator<Item = (Uuid, &str, u64, u64)> {
        self.servers.iter().flat_map(|(uuid, tags)| {
            tags.iter()
                .flat_map(move |(tag, intervals)| intervals.iter().map(move |(first, last)| (*uuid, tag.as_str(), first, last)))
        })
    }

    /// The text on one line, for people.
    pub fn one_line(&self) -> String {
        self.to_string().replace('\n', "")
    }

    fn intervals(&self, uuid: &Uuid, tag: &str) -> Option<&Intervals> {
        self.servers.get(uuid)?.get(tag)
    }

    /// Adds `uuid[:tag]:first[-last]…` of one server, tags and intervals in any order.
    fn add_text(&mut self, part: &str) -> Option<()> {
        let mut fields = part.split(':').map(str::trim);
        let uuid = parse_uuid(fields.next()?)?;
        let mut tag = String::new();
        let mut intervals = 0;
        let mut tag_open = false;
        for field in fields {
            if let Some(name) = parse_tag(field) {
                if tag_open {
                    return None;
                }
                tag = name;
                tag_open = true;
                continue;
            }
            let (first, last) = field.split_once('-').unwrap_or((field, field));
            let (first, last) = (parse_number(first.trim())?, parse_number(last.trim())?);
            // Like MySQL: an interval whose end is before its start is empty, not wrong.
            self.add_range(uuid, &tag, first, last);
            intervals += 1;
            tag_open = false;
        }
        (intervals > 0 && !tag_open).then_some(())
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (uuid, tags)) in self.servers.iter().enumerate() {
            if i > 0 {
                f.write_str(",\n")?;
            }
            write_uuid(f, uuid)?;
            for (tag, intervals) in tags {
                if !tag.is_empty() {
                    write!(f, ":{tag}")?;
                }
                for (first, last) in intervals.iter() {
                    if first == last {
                        write!(f, ":{first}")?;
                    } else {
                        write!(f, ":{first}-{last}")?;
                    }
                }
            }
        }
        for (i, gtid) in self.last_of_domains().enumerate() {
            if i > 0 || self.has_servers() {
                f.write_str(",")?;
            }
            gtid.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for GtidSet {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut set = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || ParseError { text: text.to_owned() };
            match part.parse::<DomainGtid>() {
                // A domain has one last transaction.
                Ok(gtid) if set.domains.contains_key(&gtid.domain) => return Err(wrong()),
                Ok(gtid) => set.add(&Gtid::Domain(gtid)),
                Err(_) => set.add_text(part).ok_or_else(wrong)?,
            }
        }
        if set.has_servers() && set.has_domains() {
            return Err(ParseError { text: text.to_owned() });
        }
        Ok(set)
    }
}

/// Text that is no GTID set.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is not a GTID set: expected uuid[:tag]:first-last[:first-last] of MySQL, or one domain-server-number for each domain of \
     MariaDB, separated by commas"
)]
pub struct ParseError {
    /// What was given.
    pub text: String,
}

impl TryFrom<String> for GtidSet {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<GtidSet> for String {
    fn from(set: GtidSet) -> Self {
        set.to_string()
    }
}

/// The largest number that MySQL gives a transaction.
const LAST_NUMBER: u64 = i64::MAX.unsigned_abs() - 1;

fn parse_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = digits.then(|| text.parse().ok())??;
    ServerGtid::is_number(number).then_some(number)
}

/// 1-32 letters, digits and underscores, no digit first; lower case from then on.
fn parse_tag(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let first = bytes.next()?;
    let tag = (first.is_ascii_alphabetic() || first == b'_') && text.len() <= 32 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    tag.then(|| text.to_ascii_lowercase())
}

/// 32 hexadecimal digits, with hyphens where MySQL puts them or without any.
fn parse_uuid(text: &str) -> Option<Uuid> {
    let bytes = text.as_bytes();
    if bytes.len() == 36 && [8, 13, 18, 23].iter().any(|at| bytes.get(*at) != Some(&b'-')) {
        return None;
    }
    let mut digits = text.chars().filter(|c| bytes.len() != 36 || *c != '-');
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        let high = digits.next()?.to_digit(16)?;
        let low = digits.next()?.to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(uuid)
}

fn write_uuid(f: &mut fmt::Formatter<'_>, uuid: &Uuid) -> fmt::Result {
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{Gtid, GtidSet, ServerGtid};

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn set(text: &str) -> GtidSet {
        text.parse().unwrap()
    }

    #[test]
    fn text_is_normalised_as_mysql_prints_it() {
        let printed = |text: &str| set(text).to_string();
        assert_eq!(printed(&format!("{}:5:1-3:4:9", A.to_uppercase())), format!("{A}:1-5:9"));
        assert_eq!(printed(&format!(" {A}:1 , {A}:2-3,")), format!("{A}:1-3"));
        assert_eq!(printed(&format!("{A}:TagB:3:1-2:a:1")), format!("{A}:a:1:tagb:1-3"));
        assert_eq!(printed(&format!("{A}:7:a:1")), format!("{A}:7:a:1"));
        let other = "00000000-0000-0000-0000-000000000001";
        assert_eq!(printed(&format!("{A}:1,{other}:1")), format!("{other}:1,\n{A}:1"));
        assert_eq!(printed(&A.replace('-', "").to_string().replace("62", "62:1-2")), format!("{A}:1-2"));
        assert_eq!(printed(""), "");
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in [
            "x",
            A,
            "3e11fa47:1",
            &format!("{A}:0"),
            &format!("{A}:1-"),
            &format!("{A}:tag"),
            &format!("{A}:-1"),
            "0-1",
            "0-1-2-3",
            "0-1-5,0-2-6",
            "4294967296-1-1",
            "0-1--5",
            &format!("{A}:1,0-1-5"),
        ] {
            assert!(text.parse::<GtidSet>().is_err(), "{text}");
        }
    }

    #[test]
    fn mariadbs_form_keeps_the_last_of_each_domain() {
        let mut position = set("1-2-9, 0-1-7");
        assert_eq!(position.to_string(), "0-1-7,1-2-9");
        let gtid = |text: &str| Gtid::Domain(text.parse().unwrap());
        assert!(position.contains(&gtid("0-1-7")) && position.contains(&gtid("0-5-6")) && !position.contains(&gtid("0-1-8")));
        assert!(!position.contains(&gtid("2-1-1")));
        position.add(&gtid("0-3-8"));
        position.add(&gtid("2-1-1"));
        assert_eq!(position.to_string(), "0-3-8,1-2-9,2-1-1");
        assert!(set("0-1-7").is_subset(&position) && !position.is_subset(&set("0-1-7")));
        let mut both = set("0-1-7,3-1-4");
        both.union(&position);
        assert_eq!(both.to_string(), "0-3-8,1-2-9,2-1-1,3-1-4");
        assert_eq!(serde_json::to_string(&both).unwrap(), "\"0-3-8,1-2-9,2-1-1,3-1-4\"");
    }

    fn gtid() -> impl Strategy<Value = Gtid> {
        (0..3u8, "(a|b_1)?", 1..40u64).prop_map(|(server, tag, number)| {
            Gtid::Server(ServerGtid {
                uuid: [server; 16],
                tag,
                number,
            })
        })
    }

    fn collect(gtids: &BTreeSet<Gtid>) -> GtidSet {
        let mut set = GtidSet::new();
        gtids.iter().for_each(|gtid| set.add(gtid));
        set
    }

    proptest! {
        #[test]
        fn a_set_behaves_like_a_set_of_its_members(
            a in proptest::collection::btree_set(gtid(), 0..60),
            b in proptest::collection::btree_set(gtid(), 0..60),
            probe in gtid(),
        ) {
            let (set_a, set_b) = (collect(&a), collect(&b));
            prop_assert_eq!(set_a.contains(&probe), a.contains(&probe));
            prop_assert_eq!(set_a.is_subset(&set_b), a.is_subset(&b));
            let mut both = set_a.clone();
            both.union(&set_b);
            prop_assert_eq!(&both, &collect(&a.union(&b).cloned().collect()));
            prop_assert!(set_a.is_subset(&both) && set_b.is_subset(&both));
        }

        #[test]
        fn the_text_reads_back_to_the_same_set(a in proptest::collection::btree_set(gtid(), 0..60)) {
            let set = collect(&a);
            prop_assert_eq!(&set.to_string().parse::<GtidSet>().unwrap(), &set);
            prop_assert_eq!(&set.one_line().parse::<GtidSet>().unwrap(), &set);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-fA-F:,\\- _x]{0,90}") {
            let _ = text.parse::<GtidSet>();
        }
    }
}
