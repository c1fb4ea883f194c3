//! Which topic names Kafka allows, and which tables would share a topic.

use super::TopicSpec;
use crate::config::{OWN_TOPICS, alike};

/// Kafka's limit.
const MAX_LENGTH: usize = 249;

/// What is wrong with the names of these topics: names that Kafka does not allow, and tables that give the same topic. One
/// text a finding, each naming the tables.
pub(super) fn findings(topics: &[TopicSpec]) -> Vec<String> {
    let mut found = Vec::new();
    for (i, topic) in topics.iter().enumerate() {
        if let Some(rule) = broken_rule(&topic.name) {
            found.push(format!(
                "table {} gives the topic name {:?}, which {rule}; change sink.topic or leave the table out",
                topic.table, topic.name
            ));
        }
        let other = topics
            .iter()
            .take(i)
            .find(|other| alike(&other.name, &topic.name) && other.table != topic.table);
        if let Some(other) = other {
            found.push(if other.name == topic.name {
                format!(
                    "tables {} and {} give the same topic {:?}; put {{database}} into sink.topic or leave one out",
                    other.table, topic.table, topic.name
                )
            } else {
                format!(
                    "tables {} and {} give the topics {:?} and {:?}, which differ only in '.' and '_': Kafka takes them for one; change sink.topic or leave one out",
                    other.table, topic.table, other.name, topic.name
                )
            });
        }
    }
    found
}

/// The rule that a name breaks, as the end of a sentence about it.
fn broken_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name == "." || name == ".." {
        return Some("Kafka reserves");
    }
    if name.len() > MAX_LENGTH {
        return Some("is longer than 249 characters");
    }
    if OWN_TOPICS.iter().any(|own| alike(own, name)) {
        return Some("rowmill keeps its own records in");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (!name.chars().all(allowed)).then_some("has other characters than a-z, A-Z, 0-9, '.', '_' and '-'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(table: &str, name: &str) -> TopicSpec {
        TopicSpec {
            name: name.into(),
            table: table.into(),
            keyed: true,
        }
    }

    #[test]
    fn a_table_whose_topic_kafka_does_not_allow_is_refused_by_name() {
        for name in ["", ".", "..", "mysql_größe", "mysql_a b", "mysql_a/b", &"x".repeat(250)] {
            let found = findings(&[topic("shop.t", name)]);
            assert!(
                found.len() == 1 && found.iter().all(|f| f.contains("table shop.t ")),
                "{name:?}: {found:?}"
            );
        }
        assert!(findings(&[topic("shop.t", &"x".repeat(249)), topic("shop.u", "mysql_A-1.b_c")]).is_empty());
    }

    #[test]
    fn two_tables_that_give_one_topic_are_refused_naming_both() {
        let found = findings(&[topic("a.t", "m_t"), topic("a.u", "m_u"), topic("b.t", "m_t")]);
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|f| f.starts_with("tables a.t and b.t ")), "{found:?}");
    }

    #[test]
    fn two_topics_that_kafka_takes_for_one_are_refused_naming_both() {
        let found = findings(&[topic("a.t", "m_a_t"), topic("a.u", "m.a_t"), topic("a.v", "m_v")]);
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|f| f.starts_with("tables a.t and a.u ")), "{found:?}");
    }

    #[test]
    fn the_topics_of_rowmill_itself_are_no_tables_topics() {
        for name in ["rowmill_positions", "rowmill_connectors"] {
            let found = findings(&[topic("shop.positions", name)]);
            assert!(
                found.len() == 1 && found.iter().all(|f| f.contains("table shop.positions ")),
                "{found:?}"
            );
        }
    }
}
