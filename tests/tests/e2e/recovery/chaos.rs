//! Whatever dies, in any order, at any moment: the worker, a broker, the server, the network. Afterwards the topics are held against the
//! tables.
//!
//! `tests/chaos` runs it by hand, for as long and with the seed that it is given.

use std::time::Duration;

use pipeline_tests::{Chance, Cluster, Connector, Cut, Database, Proxy, Rowmill, Server, Traffic};

use super::load::{Load, TABLES, judge, tables, wait_for_last};

/// Faults of a run among all the other tests.
const USUAL_ROUNDS: u64 = 8;
const BROKERS: usize = 3;
/// Steps of `host/src/failpoint` that a change meets, and at the how-manieth time at most the process dies there.
const STEPS: [(&str, u64); 10] = [
    ("Owned", 1),
    ("TakenOver", 1),
    ("Loaded", 1),
    ("Read", 40),
    ("Batched", 20),
    ("Decided", 20),
    ("Sent", 20),
    ("Stored", 20),
    ("Flushed", 20),
    ("Committed", 20),
];

/// What happens in a round, and how often among a hundred.
const FAULTS: [(Fault, u64); 11] = [
    (Fault::KillWorker, 40),
    (Fault::DieAtStep, 12),
    (Fault::EndWorker, 4),
    (Fault::StandStill, 6),
    (Fault::KillServer, 8),
    (Fault::KillBroker, 10),
    (Fault::EndBroker, 4),
    (Fault::CutServer, 6),
    (Fault::CutBrokers, 5),
    (Fault::Freeze, 5),
    (Fault::Refuse, 4),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// SIGKILL, and started again.
    KillWorker,
    /// It dies at a step of its own, and is started again.
    DieAtStep,
    /// SIGTERM, and started again.
    EndWorker,
    /// It stands still, another process takes over, it wakes up beside that one, and ends.
    StandStill,
    KillServer,
    KillBroker,
    EndBroker,
    /// All connections to the server end.
    CutServer,
    /// Those to one broker, or to all.
    CutBrokers,
    /// For some seconds nothing passes to or from the server, or one broker.
    Freeze,
    /// For some seconds it refuses connections, after those that were there were cut.
    Refuse,
}

/// What there is to break.
struct World {
    // Declared before what it reads and writes: it ends first.
    worker: Option<Rowmill>,
    connector: Connector,
    database: Database,
    server: Proxy,
    brokers: Vec<Proxy>,
    cluster: Cluster,
    chance: Chance,
}

#[test]
fn whatever_dies_at_random_each_change_comes_once_and_in_order() {
    let rounds = std::env::var("ROWMILL_TEST_CHAOS_ROUNDS").map_or(USUAL_ROUNDS, |text| text.parse().unwrap());
    let mut world = World::new();
    let pause = Duration::from_millis(world.chance.between(2, 20));
    let load = Load::start(&world.database, pause);
    world.begin();
    world.more(20);
    let mut counts = FAULTS.map(|(fault, _)| (fault, 0));
    for round in 1..=rounds {
        let fault = world.choose();
        println!("round {round} of {rounds}: {fault:?}");
        let counted = counts.iter_mut().find(|(counted, _)| *counted == fault);
        counted.unwrap().1 += 1;
        world.happen(fault);
        // In some rounds the next fault meets what is still coming back from this one.
        if world.chance.percent(70) {
            let count = world.chance.between(1, 30);
            world.more(usize::try_from(count).unwrap());
        }
    }
    load.stop();
    wait_for_last(&world.cluster.kafka, &world.connector, &mut world.database);
    world.worker.take().unwrap().terminate().assert_code(0);
    judge(&world.cluster.kafka, &world.connector, &mut world.database);
    println!("{rounds} faults: {counts:?}");
}

impl World {
    fn new() -> Self {
        let chance = Chance::new();
        let mut database = Server::start(&[]).database("chaos");
        tables(&mut database);
        let server = Proxy::to(database.server.port);
        let brokers: Vec<Proxy> = (0..BROKERS).map(|_| Proxy::new()).collect();
        let ports: Vec<u16> = brokers.iter().map(|proxy| proxy.port).collect();
        let cluster = Cluster::start(BROKERS, &ports, &[]);
        for (n, proxy) in (1..).zip(&brokers) {
            proxy.lead_to(cluster.port(n));
        }
        let mut connector = Connector::new(&mut database, &cluster.kafka, TABLES);
        connector.address.1 = server.port;
        connector.sink += "\ntransactions = \"on\"";
        Self {
            worker: None,
            connector,
            database,
            server,
            brokers,
            cluster,
            chance,
        }
    }

    fn begin(&mut self) {
        self.worker = Some(self.connector.start());
    }

    fn choose(&mut self) -> Fault {
        let mut number = self.chance.below(FAULTS.iter().map(|(_, weight)| weight).sum());
        for (fault, weight) in FAULTS {
            if number < weight {
                return fault;
            }
            number -= weight;
        }
        unreachable!("the number is below the sum");
    }

    /// Waits for so many more records of committed transactions.
    fn more(&self, count: usize) {
        self.cluster.kafka.read_new(&self.connector.topic("entries"), count);
    }

    /// A time in which nothing is known to have come back.
    fn moment(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.chance.below(most_ms)));
    }

    fn happen(&mut self, fault: Fault) {
        match fault {
            Fault::KillWorker => {
                self.moment(400);
                drop(self.worker.take().unwrap().kill());
                self.begin();
            }
            Fault::DieAtStep => {
                drop(self.worker.take().unwrap().kill());
                let (step, most) = *self.chance.pick(&STEPS);
                self.connector.dies_at(step, self.chance.between(1, most));
                self.begin();
            }
            Fault::EndWorker => {
                self.moment(400);
                self.worker.take().unwrap().terminate().assert_code(0);
                self.begin();
            }
            Fault::StandStill => self.stand_still(),
            Fault::KillServer => self.database.restart("KILL"),
            Fault::KillBroker | Fault::EndBroker => {
                let n = 1 + self.chance.index(BROKERS);
                match fault {
                    Fault::KillBroker => self.cluster.kill(n),
                    _ => self.cluster.stop(n),
                }
                self.moment(4000);
                self.cluster.start_again(n);
            }
            Fault::CutServer => self.server.cut(*self.chance.pick(&[Cut::Reset, Cut::Close])),
            Fault::CutBrokers => {
                let how = *self.chance.pick(&[Cut::Reset, Cut::Close]);
                let only = self.chance.percent(50).then(|| self.chance.index(BROKERS));
                let those = (0..).zip(&self.brokers).filter(|(n, _)| only.is_none_or(|only| only == *n));
                those.for_each(|(_, proxy)| proxy.cut(how));
            }
            Fault::Freeze | Fault::Refuse => {
                let traffic = if fault == Fault::Freeze { Traffic::Freeze } else { Traffic::Refuse };
                let number = self.chance.index(BROKERS + 1);
                self.proxy(number).set(traffic);
                if fault == Fault::Refuse {
                    self.proxy(number).cut(Cut::Reset);
                }
                self.moment(5000);
                self.proxy(number).set(Traffic::Pass);
            }
        }
    }

    /// One of the brokers', or behind these the server's.
    fn proxy(&self, number: usize) -> &Proxy {
        self.brokers.get(number).unwrap_or(&self.server)
    }

    /// The owner stops at any instruction; another process takes over; the former goes on beside it, and one of the two dies.
    fn stand_still(&mut self) {
        let first = self.worker.take().unwrap();
        let second = self.connector.start();
        self.moment(400);
        first.signal("STOP");
        second.wait_for_log("that it is the owner now", |line| line.contains("this process runs the connector"));
        self.more(1);
        first.signal("CONT");
        self.moment(2000);
        let (dies, lives) = if self.chance.percent(50) {
            (first, second)
        } else {
            (second, first)
        };
        drop(dies.kill());
        self.worker = Some(lives);
    }
}
