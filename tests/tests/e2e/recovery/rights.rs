//! A broker that lets the connector do only what it was granted, and of that something is taken away.

use pipeline_tests::{Cluster, Connector, Database, Kafka};

use super::topics::{ids, rows, table};

const WORKER: &str = "User:worker";

/// A broker with accounts, a connector whose account may do everything, and the connector's table.
struct World {
    cluster: Cluster,
    /// The broker by a way that asks for no account.
    kafka: Kafka,
    database: Database,
    connector: Connector,
    topic: String,
    /// Rows so far.
    count: i64,
}

impl World {
    fn new(transactions: &str) -> Self {
        let cluster = Cluster::start(
            1,
            &[],
            &[
                "listener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "sasl.enabled.mechanisms=PLAIN",
                "listener.name.plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_worker=\"secret\";",
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users=User:ANONYMOUS",
            ],
        );
        let mut database = table("rights");
        let mut connector = Connector::new(&mut database, &cluster.kafka, "t");
        connector.sink += &format!(
            "\nproperties = {{ \"security.protocol\" = \"SASL_PLAINTEXT\", \"sasl.mechanism\" = \"PLAIN\", \
             \"sasl.username\" = \"worker\", \"sasl.password\" = \"secret\" }}\ntransactions = \"{transactions}\""
        );
        let world = Self {
            kafka: cluster.inside(),
            topic: connector.topic("t"),
            count: 0,
            cluster,
            database,
            connector,
        };
        let everything = "--operation All --topic * --group * --transactional-id * --cluster";
        world.acl(
            &[
                &["--add", "--allow-principal", WORKER],
                everything.split(' ').collect::<Vec<_>>().as_slice(),
            ]
            .concat(),
        );
        world
    }

    fn acl(&self, arguments: &[&str]) {
        self.cluster.admin("org.apache.kafka.tools.AclCommand", arguments);
    }

    fn rows(&mut self, count: i64) {
        rows(&mut self.database, self.count..self.count + count);
        self.count += count;
    }

    /// Waits until all rows have come, each once.
    fn all_came(&self) {
        self.kafka.read(&[&self.topic], usize::try_from(self.count).unwrap());
        assert_eq!(ids(&self.kafka.read_to_end(&self.topic)), (0..self.count).collect::<Vec<_>>());
    }

    /// Without the right to `operation` on a resource the connector ends with these words: where it loses it while it runs, unless it is only
    /// needed at the start, and where it starts without it. With it again nothing is lost.
    fn stops_without(&mut self, (operation, kind, name): (&str, &str, &str), also_running: bool, words: &[&str]) {
        let rowmill = self.connector.start();
        self.rows(5);
        self.all_came();
        let denied = ["--deny-principal", WORKER, "--operation", operation, kind, name];
        self.acl(&[&["--add"], denied.as_slice()].concat());
        self.rows(5);
        let first = if also_running {
            rowmill.wait()
        } else {
            self.all_came();
            rowmill.terminate().assert_code(0);
            self.connector.start().wait()
        };
        for ended in [first, self.connector.start().wait()] {
            ended.assert_code(1);
            for word in words {
                assert!(ended.reason().contains(word), "the last line lacks {word:?}:\n{}", ended.output());
            }
        }
        self.acl(&[&["--remove", "--force"], denied.as_slice()].concat());
        let rowmill = self.connector.start();
        self.all_came();
        rowmill.terminate().assert_code(0);
    }
}

#[test]
fn a_right_on_a_topic_that_is_missing_or_taken_away_stops_the_connector_naming_it_and_nothing_is_lost() {
    let mut world = World::new("on");
    let topic = world.topic.clone();
    let positions = "rowmill_positions";
    world.stops_without(("Write", "--topic", &topic), true, &["WRITE", "on the topic", &topic]);
    world.stops_without(("Write", "--topic", positions), true, &["WRITE", "on the topic", positions]);
    world.stops_without(("Read", "--topic", positions), false, &["READ on the topic", positions]);
    world.stops_without(("Describe", "--topic", &topic), false, &["DESCRIBE", "on the topic", &topic]);
}

#[test]
fn a_right_on_transactions_or_the_group_that_is_missing_or_taken_away_stops_the_connector_naming_it() {
    let mut world = World::new("on");
    let (id, group) = (
        format!("rowmill-{}", world.connector.name),
        format!("connect-{}", world.connector.name),
    );
    world.stops_without(
        ("Write", "--transactional-id", &id),
        true,
        &["WRITE", "on the transactional id", &id],
    );
    world.stops_without(("Read", "--group", &group), true, &["READ on the group", &group]);
}

#[test]
fn without_rights_on_transactions_auto_goes_on_at_least_once_and_says_so_and_settings_of_topics_need_not_be_told() {
    let mut world = World::new("auto");
    let id = format!("rowmill-{}", world.connector.name);
    let topic = world.topic.clone();
    world.acl(&["--add", "--deny-principal", WORKER, "--operation", "All", "--transactional-id", &id]);
    world.acl(&[
        "--add",
        "--deny-principal",
        WORKER,
        "--operation",
        "DescribeConfigs",
        "--topic",
        &topic,
    ]);
    let rowmill = world.connector.start();
    rowmill.wait_for_log("that records come at least once", |line| {
        line.contains("no transactions for this connector: records are delivered at least once")
    });
    world.rows(5);
    world.all_came();
    rowmill.terminate().assert_code(0);
}
