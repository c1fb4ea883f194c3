//! What to do about an error. Rooms classify; only `pipeline` acts.

/// An error, and what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The same work may succeed later: a lost connection, a broker that is away. Back off, start again at the checkpoint.
    #[error("{0:#}")]
    Retry(#[source] anyhow::Error),
    /// These rows can't be delivered, others can. They go to the dead-letter topic or stop the connector, as configured.
    #[error("{0:#}")]
    Reject(#[source] anyhow::Error),
    /// A person must act. The connector fails with this as its reason.
    #[error("{0:#}")]
    Stop(#[source] anyhow::Error),
}

impl Fault {
    /// A `Retry` from anything that is an error.
    pub fn retry(error: impl Into<anyhow::Error>) -> Self {
        Self::Retry(error.into())
    }

    /// A `Reject` from anything that is an error.
    pub fn reject(error: impl Into<anyhow::Error>) -> Self {
        Self::Reject(error.into())
    }

    /// A `Stop` from anything that is an error.
    pub fn stop(error: impl Into<anyhow::Error>) -> Self {
        Self::Stop(error.into())
    }

    /// The error alone, where it is told on: a fault's own text has its error's in it already.
    pub fn into_error(self) -> anyhow::Error {
        match self {
            Self::Retry(error) | Self::Reject(error) | Self::Stop(error) => error,
        }
    }

    /// The same fault with what was tried before its text.
    #[must_use]
    pub fn context(self, tried: impl std::fmt::Display + Send + Sync + 'static) -> Self {
        match self {
            Self::Retry(error) => Self::Retry(error.context(tried)),
            Self::Reject(error) => Self::Reject(error.context(tried)),
            Self::Stop(error) => Self::Stop(error.context(tried)),
        }
    }
}
