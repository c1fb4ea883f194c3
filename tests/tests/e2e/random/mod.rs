//! Two random oracles on real servers. One holds each record against what SELECT said before and after each statement; the other
//! writes all records back into empty tables and compares checksums. Tables, rows and statements are random; the seed that is
//! printed repeats them.

mod alters;
mod clauses;
mod column;
mod definitions;
mod documents;
mod judge;
mod literals;
mod load;
mod murmur2;
mod names;
mod presence;
mod record;
mod replay;
mod rows;
mod scenario;
mod schema;
mod statements;
mod steps;
mod types;
mod world;

use std::time::Instant;

use pipeline_tests::{Kafka, Kind, Server, seed};

use scenario::Counts;

/// How many row changes a test is to see.
const CHANGES: &str = "ROWMILL_TEST_CHANGES";

/// So many take about ten seconds on a small machine.
const FEW_CHANGES: u64 = 3000;

/// Where nobody asks for another one, every run of the checks makes the same choices: a change must not fail by accident. These are many
/// statements that change tables, and connectors that run beside them and after them.
const SEED_OF_CHECKS: u64 = 10;

/// Runs scenarios, each with a seed of its own that follows the last one's, until there have been enough changes.
fn run(server: &Server, check: fn(&Server, &Kafka, u64) -> Counts) {
    let kafka = Kafka::shared();
    let wanted = std::env::var(CHANGES).map_or(FEW_CHANGES, |text| text.parse().unwrap_or_else(|e| panic!("{CHANGES}: {e}")));
    let (start, mut total) = (Instant::now(), Counts::default());
    let mut seed = seed(Some(SEED_OF_CHECKS).filter(|_| std::env::var_os("CI").is_some()));
    while total.changes < wanted {
        println!("scenario {}: ROWMILL_TEST_SEED={seed} begins with it", total.scenarios + 1);
        total += check(server, &kafka, seed);
        seed = seed.wrapping_add(1);
    }
    println!("{:?}: {total:?} in {} s", server.kind, start.elapsed().as_secs());
}

/// A server whose global settings a load may change. Of MySQL 5.6 it changes none.
fn server(kind: Kind) -> Server {
    if kind == Kind::Mysql56 {
        Server::shared_of(kind)
    } else {
        Server::start_of(kind, &[])
    }
}

#[test]
fn random_changes_of_mysql_arrive_as_select_shows_them() {
    run(&server(Kind::Mysql), scenario::select);
}

#[test]
fn random_changes_of_mariadb_arrive_as_select_shows_them() {
    run(&server(Kind::Mariadb), scenario::select);
}

#[test]
fn random_changes_of_mysql_5_6_arrive_as_select_shows_them() {
    run(&server(Kind::Mysql56), scenario::select);
}

#[test]
fn records_of_mysql_make_tables_with_the_same_checksums() {
    run(&Server::shared(), scenario::copy);
}

#[test]
fn records_of_mariadb_make_tables_with_the_same_checksums() {
    run(&server(Kind::Mariadb), scenario::copy);
}

#[test]
fn records_of_mysql_5_6_make_tables_with_the_same_checksums() {
    run(&server(Kind::Mysql56), scenario::copy);
}
