//! Row events to finished Arrow batches against `mysql_common`'s row iterator, on the same captured events, one thread.
//!
//! `ROWMILL_BENCH_BINLOG` names a binlog file in which an 11-column table was filled: `id bigint`, `customer int unsigned`,
//! `sku varchar(32)`, `title varchar(120)`, `status enum` of four, `price decimal(12,2)`, `weight double`, `created
//! datetime(3)`, `updated timestamp(6)`, `active tinyint`, `note varchar(255)`, all text utf8mb4. At most `MAX_BYTES` of
//! its row events are held in memory.
#![expect(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::io::BufReader;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use mysql_common::binlog::BinlogFile;
use mysql_common::binlog::consts::BinlogVersion;
use mysql_common::binlog::events::{EventData, RowsEventData, TableMapEvent};
use rowmill::batch::Batcher;
use rowmill::config::{BatchLimits, Topics};
use rowmill::source::{Charset, Column, ColumnType, Flavor, Image, RowOp, Rows, Server, Table, Transaction};

const COLUMNS: usize = 11;
/// Small enough to stay out of the way of other programs' memory, large enough to be no cache's guest.
const MAX_BYTES: usize = 64 << 20;

/// Inserts of the benchmark table, with the table map that they follow.
struct Capture {
    map: TableMapEvent<'static>,
    events: Vec<RowsEventData<'static>>,
    bytes: usize,
    rows: u64,
}

fn main() {
    let Ok(path) = std::env::var("ROWMILL_BENCH_BINLOG") else {
        println!("skipped: ROWMILL_BENCH_BINLOG names no binlog file of the benchmark table");
        return;
    };
    let mut capture = read(&path);
    capture.rows = iterate(&capture);
    assert_eq!(decode(&capture), capture.rows, "both decoders see the same rows");
    let (rows, bytes) = (capture.rows, capture.bytes);
    println!("{rows} rows in {} events, {bytes} bytes", capture.events.len());

    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut group = criterion.benchmark_group("decode");
    group
        .throughput(Throughput::Elements(capture.rows))
        .measurement_time(Duration::from_secs(5));
    group.bench_function("rowmill", |bencher| bencher.iter(|| decode(black_box(&capture))));
    group.bench_function("mysql_common", |bencher| bencher.iter(|| iterate(black_box(&capture))));
    group.finish();

    // Taken in turns, so that whatever else the machine does hits both alike; the fastest of five counts.
    let time = |run: &dyn Fn() -> u64| {
        let start = Clock::read();
        black_box(run());
        start.elapsed()
    };
    let (mut ours, mut theirs) = (Elapsed::MAX, Elapsed::MAX);
    for _ in 0..5 {
        ours = ours.min(time(&|| decode(&capture)));
        theirs = theirs.min(time(&|| iterate(&capture)));
    }
    let rate = |time: Duration| capture.rows as f64 / time.as_secs_f64();
    println!("                    by the wall        on one core");
    println!("rowmill      {:>12.0} rows/s {:>12.0} rows/s", rate(ours.wall), rate(ours.core));
    println!("mysql_common {:>12.0} rows/s {:>12.0} rows/s", rate(theirs.wall), rate(theirs.core));
    let ratio = |ours: Duration, theirs: Duration| rate(ours) / rate(theirs);
    println!(
        "ratio        {:>12.1} {:>19.1}",
        ratio(ours.wall, theirs.wall),
        ratio(ours.core, theirs.core)
    );
}

/// Wall time, and the time that this thread was on a core: the same on an idle machine.
struct Clock {
    wall: Instant,
    core: Option<Duration>,
}

/// What two readings differ by.
#[derive(Clone, Copy)]
struct Elapsed {
    wall: Duration,
    core: Duration,
}

impl Clock {
    fn read() -> Self {
        Self {
            wall: Instant::now(),
            core: on_core(),
        }
    }

    fn elapsed(&self) -> Elapsed {
        let wall = self.wall.elapsed();
        let core = self.core.zip(on_core()).map_or(wall, |(start, end)| end - start);
        Elapsed { wall, core }
    }
}

impl Elapsed {
    const MAX: Self = Self {
        wall: Duration::MAX,
        core: Duration::MAX,
    };

    fn min(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            core: self.core.min(other.core),
        }
    }
}

/// Nanoseconds that Linux counted for this thread; elsewhere the wall clock has to do.
fn on_core() -> Option<Duration> {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = counts.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// The row events of the table that has eleven columns.
fn read(path: &str) -> Capture {
    let file = std::fs::File::open(path).unwrap();
    let binlog = BinlogFile::new(BinlogVersion::Version4, BufReader::new(file)).unwrap();
    let (mut map, mut events, mut bytes) = (None, Vec::new(), 0);
    for event in binlog {
        let event = event.unwrap();
        match event.read_data().unwrap() {
            Some(EventData::TableMapEvent(seen)) if seen.columns_count() == COLUMNS as u64 && map.is_none() => {
                map = Some(seen.into_owned());
            }
            Some(EventData::RowsEvent(rows @ RowsEventData::WriteRowsEvent(_))) if rows.num_columns() == COLUMNS as u64 => {
                bytes += rows.rows_data().len();
                events.push(rows.into_owned());
            }
            _ => {}
        }
        if bytes > MAX_BYTES {
            break;
        }
    }
    Capture {
        map: map.unwrap_or_else(|| panic!("{path} holds no table of {COLUMNS} columns")),
        events,
        bytes,
        rows: 0,
    }
}

/// Every value through `mysql_common`'s rows.
fn iterate(capture: &Capture) -> u64 {
    let mut rows = 0;
    for event in &capture.events {
        for row in event.rows(&capture.map) {
            black_box(row.unwrap());
            rows += 1;
        }
    }
    rows
}

/// Every value into Arrow batches.
fn decode(capture: &Capture) -> u64 {
    let table = Arc::new(table());
    let mut batcher = Batcher::new(limits(), 64 << 20, server(), topics());
    let transaction = Transaction::default();
    let (mut sequence, mut rows) = (0, 0);
    for event in &capture.events {
        let image = || Image {
            present: vec![0xff, 0x07],
            whole: true,
        };
        let event = Rows {
            table: &table,
            op: RowOp::Insert,
            first: image(),
            second: image(),
            data: event.rows_data(),
            is_partial: false,
            timestamp: 0,
        };
        batcher.add(&event, &transaction, &mut sequence).unwrap();
        while let Some(batch) = batcher.next_full() {
            rows += black_box(batch).rows.num_rows() as u64;
        }
    }
    for batch in batcher.close_all().unwrap() {
        rows += black_box(batch).rows.num_rows() as u64;
    }
    assert_eq!(rows, sequence);
    rows
}

fn limits() -> BatchLimits {
    BatchLimits {
        max_rows: 8192,
        max_bytes: 1 << 20,
        max_delay: Duration::from_millis(20),
    }
}

fn server() -> Server {
    Server {
        flavor: Flavor::Mysql,
        version: "9.7.0".to_owned(),
        time_zone: "UTC".to_owned(),
    }
}

fn topics() -> Topics {
    Topics {
        prefix: "bench".to_owned(),
        pattern: "{prefix}_{table}".to_owned(),
        partitions_with_key: 6,
        partitions_without_key: 1,
        replication: -1,
    }
}

fn table() -> Table {
    let text = |length_bytes| ColumnType::Text {
        charset: Charset::Utf8mb4,
        length_bytes,
    };
    let labels = ["new", "paid", "sent", "done"].map(str::to_owned).to_vec();
    let columns = [
        ("id", integer(8, false)),
        ("customer", integer(4, true)),
        ("sku", text(1)),
        ("title", text(2)),
        ("status", ColumnType::Enum { labels, bytes: 1 }),
        ("price", ColumnType::Decimal { precision: 12, scale: 2 }),
        ("weight", ColumnType::Double),
        ("created", ColumnType::Datetime { fsp: 3 }),
        ("updated", ColumnType::Timestamp { fsp: 6 }),
        ("active", integer(1, false)),
        ("note", text(2)),
    ];
    let column = |(name, kind): (&str, ColumnType)| Column {
        name: name.to_owned(),
        type_text: String::new(),
        width_unknown: None,
        kind,
        nullable: true,
    };
    Table {
        hidden: 0,
        version: 1,
        database: "bench".to_owned(),
        name: "orders".to_owned(),
        columns: columns.into_iter().map(column).collect(),
        key: vec![0],
    }
}

fn integer(bytes: u8, unsigned: bool) -> ColumnType {
    ColumnType::Int { bytes, unsigned }
}
