//! HTTP: how connectors are, in Kafka Connect's words and in ours, and metrics. Read only, and only for the machine itself: there
//! are no tokens yet. axum's types stop here.

mod connect;
mod own;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::fault::Fault;
use crate::metrics::Metrics;
use crate::pipeline::Monitor;

/// Whether HTTP may be served at an address: one that only the machine itself reaches.
///
/// # Errors
/// What may be written instead.
pub fn check_address(address: SocketAddr) -> Result<(), String> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let port = address.port();
    Err(format!(
        "{address} can be reached by others, and whoever reaches it may read everything; listen on 127.0.0.1:{port} or [::1]:{port}, and put \
         something in front of it that asks for a password"
    ))
}

/// What is told.
#[derive(Debug)]
struct View {
    metrics: Metrics,
    monitors: Vec<Monitor>,
    /// `host:port`, Kafka Connect's name of a worker.
    worker: String,
}

impl View {
    fn monitor(&self, connector: &str) -> Option<&Monitor> {
        self.monitors.iter().find(|monitor| monitor.connector() == connector)
    }
}

/// Serves HTTP on a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _over: oneshot::Sender<()>,
}

impl Server {
    /// Listens at `address`, and tells of these connectors.
    ///
    /// # Errors
    /// `Stop` where it can't listen there.
    pub fn start(address: SocketAddr, metrics: Metrics, monitors: Vec<Monitor>) -> Result<Self, Fault> {
        check_address(address).map_err(|reason| Fault::stop(anyhow::Error::msg(reason)))?;
        let tried = || format!("listening for HTTP at {address}");
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.with_context(tried).map_err(Fault::Stop)?;
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .with_context(tried)
            .map_err(Fault::Stop)?;
        let address = listener.local_addr().with_context(tried).map_err(Fault::Stop)?;
        let view = View {
            metrics,
            monitors,
            worker: address.to_string(),
        };
        let (over, is_over) = oneshot::channel();
        std::thread::Builder::new()
            .name("http".into())
            .spawn(move || serve(&runtime, listener, view, is_over))
            .with_context(tried)
            .map_err(Fault::Stop)?;
        info!(%address, "serving HTTP");
        Ok(Self { address, _over: over })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve(runtime: &Runtime, listener: TcpListener, view: View, is_over: oneshot::Receiver<()>) {
    let routes = routes::routes(Arc::new(view));
    let served = runtime.block_on(async {
        tokio::select! {
            served = axum::serve(listener, routes).into_future() => served,
            _ = is_over => Ok(()),
        }
    });
    if let Err(error) = served {
        warn!(%error, "HTTP is not served any more");
    }
}

#[cfg(test)]
mod tests;
