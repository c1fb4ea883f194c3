//! One attempt of a connector: from the checkpoint to the first fault.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::anyhow;
use tracing::{info, warn};

use super::copy::Crew;
use super::decode::{Existing, Part, Parts, Policy, Pulse, now_ms};
use super::gap;
use super::letters::Rules;
use super::mill;
use super::ownership::Claim;
use super::progress::Progress;
use super::recall::Recall;
use super::requests::Watch;
use super::stages::{self, Stages};
use super::{Run, State, Stop};
use crate::batch::Batcher;
use crate::checkpoint::{self, Checkpoint, Left};
use crate::config::{Config, OnLoss, OnPurged, Snapshot, SourceKind, Start};
use crate::failpoint::{Point, reach};
use crate::fault::Fault;
use crate::plugin::Chain;
use crate::position::Position;
use crate::sink::{self, TopicSpec};
use crate::source::{self, Again, Catalog, Clock, FileSource, Holding, Interpreter, Level, MysqlSource, Server, Source, TableRef};

/// What differs between a server and files.
struct Origin {
    source: Box<dyn Source>,
    server: Server,
    tables: Vec<TableRef>,
    catalog: Catalog,
    again: Again,
}

/// Share of `limits.memory` for rows that were read from tables and can't go out yet.
const COPIED_SHARE: usize = 12;
/// Share of `limits.memory` for batches that are being filled. As Arrow arrays, rows may take several times the bytes of their images.
const OPEN_SHARE: usize = 24;
/// Share of `limits.tables` for tables' columns, and for what is prepared to make batches of their rows.
const COLUMNS_SHARE: usize = 8;
const PLANS_SHARE: usize = 8;
/// Share of `limits.memory` for rows of XA transactions that are not committed yet.
const HELD_SHARE: usize = 16;

/// Starts at the checkpoint (made first where there is none) and runs until the claim ends or a fault.
///
/// Only an owner connects its sink, which takes the connector's transactions over, and only then reads the checkpoint: a former
/// owner can't move it any more.
pub(super) fn run(run: &mut Run<'_>, claim: &Claim) -> Result<(), Fault> {
    let Run {
        config,
        monitor,
        counters,
        chain,
    } = run;
    let (config, progress): (&Config, &Progress) = (config, monitor.progress());
    let stop = &claim.halt;
    monitor.enter(State::Waiting);
    if !claim.wait()? {
        return Ok(());
    }
    monitor.connect();
    reach(Point::Owned);
    let (asked_for, halt) = (config.clone(), stop.clone());
    let Some(mut origin) = stop.unless_asked(move || open_origin(&asked_for, &halt))? else {
        return Ok(());
    };
    let mut sink = sink::connect(config, stop.flag())?;
    sink.prepare(&topics(config, &origin.tables))?;
    reach(Point::TakenOver);
    if chain.is_none() {
        *chain = Some(Chain::load(config, &origin.server)?);
    }
    let Some(chain) = chain.as_mut() else { return Ok(()) };
    let mut catalog = origin.catalog.tracing_widths(chain.needs_widths());
    catalog.preload(&origin.tables)?;
    let checkpoint = load_or_create(config, (&origin.tables, &origin.again), counters)?;
    resume(chain, &checkpoint, counters)?;
    monitor.found(&checkpoint.position, checkpoint.saved_at_ms);
    reach(Point::Loaded);
    let mut watch = (config.source.kind == SourceKind::Mysql).then(|| Watch::new(config));
    let is_over = config.source.snapshot == Snapshot::Only && checkpoint.copying.is_empty();
    if is_over && !asked(&mut watch, stop)? {
        info!(connector = %config.name, "all rows were copied before; source.snapshot = \"initial\" goes on with the changes since");
        return Ok(());
    }
    let mut existing = watch.as_ref().map(|watch| {
        let bounds = (config.limits.memory / COPIED_SHARE, config.source.snapshot == Snapshot::Only);
        Existing::new(checkpoint.copying, bounds, progress.clone(), watch.inbox())
    });
    if let Some(existing) = &mut existing {
        let log = (&mut origin.source, origin.again.clone(), origin.tables.as_slice());
        recall(config, log, existing, (&checkpoint.position, stop))?;
    }
    info!(connector = %config.name, position = %checkpoint.position, "streaming");
    origin.source.expect(checkpoint.log.as_ref());
    origin.source.open(&checkpoint.position)?;
    let mut interpreter = Interpreter::new(checkpoint.position, config.source.tables.clone(), catalog)
        .with_prepared(checkpoint.prepared, holding(config, origin.again))
        .of_one_log(config.source.kind == SourceKind::Mysql)
        .pass_statements(config.source.statements == OnLoss::Warn)
        .with_row_limit(config.limits.row)
        .with_tables_limit(config.limits.for_tables() / COLUMNS_SHARE);
    if let Some(time_ms) = checkpoint.skip_before_ms {
        interpreter = interpreter.skip_before(time_ms);
    }
    let crew = existing.as_ref().map(|existing| Crew {
        config: config.clone(),
        desk: existing.desk(),
        from: interpreter.position().clone(),
        progress: progress.clone(),
    });
    let clock = (config.source.kind == SourceKind::Mysql).then(|| Clock::of_server(config));
    let decode = Parts {
        policy: Policy::new(config, &origin.server),
        pulse: Pulse::new(config.source.heartbeat_interval, clock),
        interpreter,
        batcher: Batcher::new(config.batch, config.limits.row, origin.server, config.sink.topics.clone())
            .with_plans(config.limits.for_tables() / PLANS_SHARE)
            .with_on_error(config.source.on_error),
        on_error: config.source.on_error,
        topics: config.sink.topics.clone(),
        owners: owners(config, &origin.tables),
        next_sequence: checkpoint.next_sequence,
        commit_interval: config.sink.commit_interval,
        part: part(config),
        inside: checkpoint.inside,
        server: origin.source.server().map(str::to_owned),
        existing,
        most_open: most_open(config),
        meter: monitor.meter().clone(),
        monitor: Some(monitor.clone()),
    };
    let stages = Stages {
        source: origin.source,
        decode,
        chain,
        sink,
        limits: config.limits,
        shutdown_timeout: config.shutdown_timeout,
        rules: Rules::of(config),
        counters,
        crew: crew.map(|crew| (crew, config.source.snapshot_threads)),
        watch,
    };
    monitor.meter().begin_stream();
    monitor.enter(State::Running);
    stages::run(stages, stop)
}

/// Has tables that are being copied know again what the stream told before, up to the place at which it goes on.
fn recall(
    config: &Config,
    (source, again, tables): (&mut Box<dyn Source>, Again, &[TableRef]),
    existing: &mut Existing,
    (until, stop): (&Position, &Stop),
) -> Result<(), Fault> {
    let Some(since) = existing.since() else { return Ok(()) };
    let mut catalog = Catalog::of_server(config, stop.flag());
    catalog.preload(tables)?;
    let interpreter = Interpreter::new(since, config.source.tables.clone(), catalog)
        .with_prepared(Vec::new(), holding(config, again))
        .pass_statements(true)
        .with_row_limit(config.limits.row)
        .with_tables_limit(config.limits.for_tables() / COLUMNS_SHARE);
    Recall::new(source.as_mut(), interpreter, existing, stop).run(until)
}

fn holding(config: &Config, again: Again) -> Holding {
    Holding {
        again,
        memory: config.limits.memory / HELD_SHARE,
        most: config.limits.prepared,
        passes_lost: config.source.lost_xa == OnLoss::Warn,
    }
}

/// Whether somebody asks for copies now.
fn asked(watch: &mut Option<Watch>, stop: &Stop) -> Result<bool, Fault> {
    let Some(watch) = watch else { return Ok(false) };
    watch.look(stop)?;
    Ok(watch.inbox().has_some())
}

/// The largest part of a source transaction that is committed at once.
pub(super) fn part(config: &Config) -> Part {
    Part {
        bytes: config.sink.transaction_max_bytes,
        time: config.sink.transaction_max_time,
    }
}

/// What open batches of all tables may take: more than one of them anyway.
pub(super) fn most_open(config: &Config) -> usize {
    (config.limits.memory / OPEN_SHARE).max(2 * config.batch.max_bytes)
}

fn open_origin(config: &Config, stop: &Stop) -> Result<Origin, Fault> {
    match &config.source.kind {
        SourceKind::File(files) => {
            let source = FileSource::new(files.clone());
            let server = source.server()?;
            Ok(Origin {
                source: Box::new(source),
                server,
                tables: Vec::new(),
                catalog: Catalog::none(),
                again: Again::of_files(files),
            })
        }
        SourceKind::Mysql => {
            let server = source::server(config)?;
            let findings = source::preflight(config);
            source::demand(&findings).map_err(|fault| fault.context("checking the server"))?;
            for finding in findings.iter().filter(|finding| finding.level == Level::Warn) {
                warn!(check = finding.name, mend = finding.mend, "{}", finding.message);
            }
            let tables = source::tables(config)?;
            Ok(Origin {
                source: Box::new(MysqlSource::new(config)),
                server,
                tables,
                catalog: Catalog::of_server(config, stop.flag()),
                again: Again::of_server(config),
            })
        }
    }
}

/// Has plugins go on from where they were, and tells of them before the first batch.
fn resume(chain: &mut Chain, checkpoint: &Checkpoint, counters: &super::counters::Counters) -> Result<(), Fault> {
    let standing: Vec<_> = checkpoint.plugins.iter().map(mill::standing).collect();
    chain.resume(&standing)?;
    counters.begin(&chain.standing());
    Ok(())
}

/// The saved checkpoint. A first start saves one before any record is written, so that a crash right after it neither moves
/// the start nor changes the sequence numbers.
fn load_or_create(
    config: &Config,
    (tables, again): (&[TableRef], &Again),
    counters: &super::counters::Counters,
) -> Result<Checkpoint, Fault> {
    let mut store = checkpoint::open(config);
    if let Some(found) = store.load()? {
        return gap::pass(config, found, tables, store.as_mut());
    }
    if let Some(place) = counters.place() {
        return Err(Fault::stop(anyhow!(
            "the position that was committed last, {place}, is gone from where positions are kept (the topic rowmill_positions, or the sink's \
             position file): it was deleted. Set it again (rowmill position set), and start the connector"
        )));
    }
    let now = now_ms();
    let copies = config.source.snapshot != Snapshot::Never;
    let position = first_position(config, copies)?;
    demand_start(config, again, &position)?;
    // What a start at a time passes over is told by nobody, so that the copy has to have it.
    let since = Some(&position).filter(|_| !matches!(config.source.start, Start::Time(_)));
    let first = Checkpoint {
        next_sequence: Checkpoint::first_sequence(now),
        saved_at_ms: now,
        skip_before_ms: match config.source.start {
            Start::Time(ms) => Some(ms),
            _ => None,
        },
        prepared: Vec::new(),
        inside: None,
        log: None,
        plugins: Vec::new(),
        copying: tables
            .iter()
            .filter(|_| copies)
            .map(|table| Left {
                since: since.cloned(),
                ..Left::all_of(&table.database, &table.name)
            })
            .collect(),
        position,
    };
    store.save(&first)?;
    Ok(first)
}

/// A place that the server refuses is not kept: else a mended `source.start`, which counts for the first start only, would not count.
fn demand_start(config: &Config, again: &Again, position: &Position) -> Result<(), Fault> {
    let is_named = matches!(config.source.start, Start::Gtid(_) | Start::File { .. });
    if !is_named || config.source.on_purged == OnPurged::Snapshot {
        return Ok(());
    }
    again.demand(position).map_err(|fault| {
        fault.context(format!(
            "beginning at {position}, as source.start says (it is not kept, so that another value counts at the next start)"
        ))
    })
}

fn first_position(config: &Config, copies: bool) -> Result<Position, Fault> {
    match &config.source.kind {
        SourceKind::Mysql if copies => source::settled_start(config),
        SourceKind::Mysql => source::resolve_start(config),
        SourceKind::File(_) => Ok(Position::default()),
    }
}

fn topics(config: &Config, tables: &[TableRef]) -> Vec<TopicSpec> {
    let spec = |table: &TableRef| TopicSpec {
        name: config.sink.topics.name(&table.database, &table.name),
        table: format!("{}.{}", table.database, table.name),
        keyed: table.has_key,
    };
    tables.iter().map(spec).chain(sink::dead_letter_topic(config)).collect()
}

fn owners(config: &Config, tables: &[TableRef]) -> HashMap<Arc<str>, (String, String)> {
    let owner = |table: &TableRef| {
        let name = config.sink.topics.name(&table.database, &table.name);
        (name.into(), (table.database.clone(), table.name.clone()))
    };
    tables.iter().map(owner).collect()
}
