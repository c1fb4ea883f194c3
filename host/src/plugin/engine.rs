//! wasmtime engines: one that can interrupt a guest, for plugins that are files, and a faster one for the built-in.

use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::config;

/// Length of an epoch: a call is cut off within one tick after its limit. 100 wake-ups a second cost nothing visible.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Instances that one plugin may have beside those at work: the one that it has replaced, the one that follows, one on trial, and one more for
/// the moment in which one is thrown away.
const INSTANCES_BESIDE: u32 = 4;

/// Core modules in one component. A Rust guest has 3, a Python one about 30.
pub(super) const CORE_INSTANCES: u32 = 64;

/// Linear memories in one component. More than one is rare.
pub(super) const MEMORIES: u32 = 2;

/// Function tables in one component.
pub(super) const TABLES: u32 = 16;

/// What the pool has to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    /// Plugins that run on this engine.
    pub plugins: u32,
    /// The largest memory limit among them, in bytes.
    pub memory: usize,
    /// The largest number of instances at work among them.
    pub instances: u32,
}

impl Pool {
    /// For these plugins.
    pub(super) fn of(plugins: &[config::Plugin]) -> Self {
        Self {
            plugins: u32::try_from(plugins.len()).unwrap_or(u32::MAX),
            memory: plugins.iter().map(|plugin| plugin.memory).max().unwrap_or_default(),
            instances: plugins.iter().map(|plugin| plugin.instances).max().unwrap_or(1),
        }
    }
}

/// An engine whose guests are interrupted at their epoch deadline. Its ticking thread ends with it.
///
/// # Errors
/// Where the pool can't be reserved or the thread can't be started.
pub(super) fn interruptible(pool: Pool) -> anyhow::Result<Engine> {
    let mut config = settings(pool);
    config.epoch_interruption(true);
    let engine = Engine::new(&config)?;
    let weak = engine.weak();
    std::thread::Builder::new().name("plugin-epoch".into()).spawn(move || {
        loop {
            std::thread::sleep(TICK);
            match weak.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(engine)
}

/// An engine without epoch checks, which are an eighth of the encoder's time: only for code that ships with the host.
///
/// # Errors
/// Where the pool can't be reserved.
pub(super) fn uninterrupted(pool: Pool) -> anyhow::Result<Engine> {
    Ok(Engine::new(&settings(pool))?)
}

fn settings(pool: Pool) -> Config {
    let instances = pool.plugins.saturating_mul(INSTANCES_BESIDE.saturating_add(pool.instances)).max(1);
    let mut slots = PoolingAllocationConfig::new();
    slots
        .total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        .total_memories(instances.saturating_mul(MEMORIES))
        .total_tables(instances.saturating_mul(TABLES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memory_size(pool.memory)
        .max_unused_warm_slots(0);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_simd(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(slots));
    config
}
