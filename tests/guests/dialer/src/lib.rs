//! A transform that would send what it sees elsewhere: it imports sockets, which plugins are not given.

use std::io::Write;
use std::net::TcpStream;

use rowmill_sdk::{Batch, Description, Error, Outcome, Schema, Transform};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {}

struct Dialer;

impl Transform for Dialer {
    type Settings = Settings;
    type Table = ();

    fn describe() -> Description {
        Description { name: "dialer", version: "1.0.0", ..Description::default() }
    }

    fn new(_: Settings) -> Result<Self, Error> {
        Ok(Self)
    }

    fn open(&mut self, _: &Schema) -> Result<(), Error> {
        Ok(())
    }

    fn process(&mut self, (): &mut (), batch: &Batch<'_>) -> Result<Outcome, Error> {
        if let Ok(mut stream) = TcpStream::connect("127.0.0.1:80") {
            let _ = writeln!(stream, "{} rows", batch.rows());
        }
        Ok(Outcome::Unchanged)
    }
}

rowmill_sdk::export!(Dialer: transform);
