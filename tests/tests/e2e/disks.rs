//! Disks of the connector's machine that are full or can't be written: it waits for room, or does without.

use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline_tests::{Connector, Database, Kafka, Server, until};
use serde_json::Value;

/// A small disk of its own, in memory; gone with the handle.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None where nobody may mount one, which is said.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "rowmill-test"])
            .arg(folder.path());
        let done = mount.output();
        if done.as_ref().is_ok_and(|done| done.status.success()) {
            return Some(Self(folder));
        }
        println!("passed over: this machine does not let the test mount a disk: {done:?}");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes all the room that there is but so many bytes.
    fn fill_but(&self, left: u64) {
        let filler = self.path("filler");
        // Until the disk says that it is full.
        let _ = std::fs::File::create(&filler).and_then(|mut file| std::io::copy(&mut std::io::repeat(b'x'), &mut file));
        let file = std::fs::File::options().write(true).open(&filler).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(left)).unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }

    fn make_read_only(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(self.0.path()).status();
        assert!(done.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: also where somebody still has a file of it open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Adds rows with these ids, of some 400 bytes each.
fn insert(database: &mut Database, ids: std::ops::Range<usize>) {
    for from in ids.clone().step_by(100) {
        let values: Vec<String> = (from..(from + 100).min(ids.end))
            .map(|id| format!("({id}, REPEAT('x', 400))"))
            .collect();
        database.exec(&format!("INSERT INTO t VALUES {}", values.join(",")));
    }
}

/// The ids of whole lines.
fn ids(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let message: Value = serde_json::from_str(line["value"].as_str().unwrap()).unwrap();
        message["payload"]["after"]["dataColumn"]["id"].as_u64().unwrap()
    };
    // What stands behind the last end of a line is being written.
    text.rfind('\n').map_or_else(Vec::new, |end| text[..end].lines().map(id).collect())
}

#[test]
fn an_output_file_and_a_position_file_without_room_are_waited_for_and_then_hold_each_row_once() {
    // Both on the small disk; and the output elsewhere, so that the position alone has no room.
    for is_position_alone in [false, true] {
        let Some(disk) = SmallDisk::new("8m") else { return };
        let mut database = Server::shared().database("full");
        database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
        let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
        let path = disk.path("rows.jsonl");
        if is_position_alone {
            std::os::unix::fs::symlink(connector.file("elsewhere.jsonl"), &path).unwrap();
        }
        connector.sink = format!("kind = \"file\"\npath = {path:?}");
        let rowmill = connector.start_listening();
        let http = rowmill.http();
        insert(&mut database, 0..100);
        until("the first rows", || (ids(&path).len() == 100).then_some(()));
        disk.fill_but(if is_position_alone { 0 } else { 100_000 });
        insert(&mut database, 100..1500);
        let named = if is_position_alone { "rows.jsonl.position" } else { "rows.jsonl" };
        rowmill.wait_for_log("the wait for room", |line| {
            // A reason is quoted.
            line.contains(&format!("{named}\\\": make room on its disk, and it goes on by itself"))
        });
        until("another attempt that fails", || {
            (http.metrics().value("rowmill_retries_total", &[]) >= 2.0).then_some(())
        });
        disk.make_room();
        until("all rows", || (ids(&path).len() >= 1500).then_some(()));
        rowmill.terminate().assert_code(0);
        assert_eq!(ids(&path), (0..1500).collect::<Vec<u64>>());
        // The position is behind them.
        let rowmill = connector.start();
        insert(&mut database, 1500..1501);
        until("the next row", || (ids(&path).len() > 1500).then_some(()));
        rowmill.terminate().assert_code(0);
        assert_eq!(ids(&path), (0..1501).collect::<Vec<u64>>());
    }
}

#[test]
fn a_cache_folder_that_is_full_or_read_only_is_warned_of_and_done_without() {
    for is_full in [true, false] {
        let Some(disk) = SmallDisk::new("1m") else { return };
        let kafka = Kafka::shared();
        let mut database = Server::shared().database("cache");
        database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
        let mut connector = Connector::new(&mut database, &kafka, "t");
        connector.top = format!("cache_dir = {:?}", disk.path("cache"));
        let warning = if is_full {
            disk.fill_but(0);
            "can't keep a compiled plugin"
        } else {
            disk.make_read_only();
            "no plugin cache: plugins are compiled at every start"
        };
        let rowmill = connector.start();
        insert(&mut database, 0..1);
        kafka.read(&[&connector.topic("t")], 1);
        let log = rowmill.terminate();
        log.assert_code(0);
        assert!(log.output().contains(warning), "{}", log.output());
    }
}
