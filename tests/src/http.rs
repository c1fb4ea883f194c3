//! HTTP as a reader of metrics and status sees it: one question a connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::Rowmill;
use crate::wait::DEADLINE;

/// Where a `rowmill run --listen` answers.
#[derive(Debug, Clone)]
pub struct Http {
    address: String,
}

impl Rowmill {
    /// Where this process serves HTTP, as its log tells.
    pub fn http(&self) -> Http {
        let line = self.wait_for_log("where HTTP is served", |line| line.contains("serving HTTP"));
        let address = line.split("address=").nth(1).and_then(|rest| rest.split(' ').next());
        Http {
            address: address.unwrap_or_else(|| panic!("no address: {line}")).to_owned(),
        }
    }
}

impl Http {
    /// Status and body of an answer.
    ///
    /// # Panics
    /// Where there is none.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (code.unwrap_or_else(|| panic!("no status: {head}")), body.to_owned())
    }

    /// A body as JSON.
    pub fn json(&self, path: &str) -> Value {
        let (_, body) = self.get(path);
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"))
    }

    /// All metrics.
    pub fn metrics(&self) -> Metrics {
        let (code, text) = self.get("/metrics");
        assert_eq!(code, 200, "{text}");
        Metrics(text)
    }
}

/// Metrics as they were told once.
#[derive(Debug)]
pub struct Metrics(String);

impl Metrics {
    /// The sum of all series of this name whose labels have each of these texts in them; `None` without any.
    pub fn sum(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (own, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let is_meant = labels.iter().all(|label| own.contains(label));
            is_meant.then(|| value.parse::<f64>().unwrap_or_else(|e| panic!("{e}: {line}")))
        });
        values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// The same, of series that are there.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[&str]) -> f64 {
        self.sum(name, labels)
            .unwrap_or_else(|| panic!("no {name} {labels:?} in\n{}", self.0))
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.0
    }
}
