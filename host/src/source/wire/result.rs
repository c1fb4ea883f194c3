//! Rows of a statement by the binary protocol, one packet after the other, in bounded memory: numbers come as they are stored, and
//! nothing is taken apart here.
//!
//! Format: `COM_STMT_PREPARE`, `COM_STMT_EXECUTE` and "Binary Protocol Resultset" of MySQL's protocol documentation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::answer::{self, ERROR, First};
use super::link::{FULL, HEAD, Link, length, senseless};
use super::{COMMAND_TIMEOUT, Wire};
use crate::fault::Fault;
use crate::source::connection::classify;
use crate::source::reader::{Parsed, Reader};

const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
const CLOSE: u8 = 0x19;
/// Columns of a statement's rows, an end, and nothing else may follow.
const MOST_COLUMNS: usize = 4097;
/// How often a wait looks whether it should end.
const LOOK: Duration = Duration::from_millis(50);

/// How long to wait for rows.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct Patience<'a> {
    /// Set when nobody wants them any more.
    pub(in crate::source) stop: &'a AtomicBool,
    /// A server that sends nothing for so long is gone.
    pub(in crate::source) silence: Duration,
    /// Bytes of a row at most.
    pub(in crate::source) most: usize,
}

impl Wire {
    /// Runs a statement that has rows: the type codes of their columns. Then `row` gives the rows, to the end, before anything else is
    /// asked for.
    ///
    /// # Errors
    /// As the statement's.
    pub(in crate::source) fn select(&mut self, sql: &str, patience: Patience<'_>) -> Result<Vec<u8>, Fault> {
        let tried = |fault: Fault| fault.context(format!("running {} on {}", shown(sql), self.address));
        if let Some([a, b, c, d]) = self.statement.take() {
            // There is no answer to this one.
            self.link.command(&[CLOSE, a, b, c, d]).map_err(tried)?;
        }
        let (statement, types) = self.link.select(sql, patience).map_err(tried)?;
        self.statement = Some(statement);
        Ok(types)
    }

    /// The next row in place of what `row` holds, its first byte left out; `false` at the end.
    ///
    /// # Errors
    /// As the statement's; `Reject` for a row above the limit.
    pub(in crate::source) fn row(&mut self, row: &mut Vec<u8>, patience: Patience<'_>) -> Result<bool, Fault> {
        let address = &self.address;
        let link = &mut self.link;
        link.payload(row, patience)
            .and_then(|()| checked(row))
            .map_err(|fault| fault.context(format!("reading rows from {address}")))?;
        Ok(!answer::is_end(row))
    }
}

/// What an error asks for, where the packet is one.
fn checked(packet: &[u8]) -> Result<(), Fault> {
    if packet.first() == Some(&ERROR) {
        let error = answer::error(packet).map_err(|_| senseless())?;
        return Err(classify(error.into()));
    }
    Ok(())
}

/// The type code in a column's description.
fn type_code(packet: &[u8]) -> Parsed<u8> {
    let mut reader = Reader::new(packet);
    for _ in 0..6 {
        reader.counted()?;
    }
    reader.lenenc()?;
    reader.take(6)?;
    reader.u8()
}

impl Link {
    fn select(&mut self, sql: &str, patience: Patience<'_>) -> Result<([u8; 4], Vec<u8>), Fault> {
        let mut command = vec![PREPARE];
        command.extend_from_slice(sql.as_bytes());
        self.command(&command)?;
        let deadline = Instant::now() + COMMAND_TIMEOUT;
        let prepared = self.packet(deadline)?;
        let (statement, columns) = prepared_as(&prepared).map_err(|_| senseless())?;
        if columns == 0 || columns > MOST_COLUMNS {
            return Err(senseless());
        }
        for _ in 0..=columns {
            self.packet(deadline)?;
        }
        let mut execute = vec![EXECUTE];
        execute.extend_from_slice(&statement);
        execute.extend_from_slice(&[0, 1, 0, 0, 0]);
        self.command(&execute)?;
        let mut packet = Vec::new();
        self.payload(&mut packet, patience)?;
        checked(&packet)?;
        match answer::first(&packet).map_err(|_| senseless())? {
            First::Columns(count) if usize::try_from(count) == Ok(columns) => {}
            _ => return Err(senseless()),
        }
        let mut types = Vec::with_capacity(columns);
        for _ in 0..columns {
            self.payload(&mut packet, patience)?;
            types.push(type_code(&packet).map_err(|_| senseless())?);
        }
        self.payload(&mut packet, patience)?;
        Ok((statement, types))
    }

    /// The next packet, put together where it comes in parts, in place of what `payload` holds.
    fn payload(&mut self, payload: &mut Vec<u8>, patience: Patience<'_>) -> Result<(), Fault> {
        payload.clear();
        loop {
            while self.input.bytes().len() < HEAD {
                self.patient_fill(patience)?;
            }
            let head = self.input.bytes();
            let mut left = length(head);
            let is_full = left == FULL;
            if head.get(3) != Some(&self.number) {
                return Err(Fault::retry(anyhow!("packets from the server are out of order")));
            }
            self.number = self.number.wrapping_add(1);
            self.input.consume(HEAD);
            if payload.len().saturating_add(left) > patience.most {
                return Err(Fault::reject(anyhow!(
                    "a row has more than {} bytes; raise limits.row, and limits.memory with it",
                    patience.most
                )));
            }
            while left > 0 {
                let arrived = self.input.bytes();
                let part = arrived.get(..left).unwrap_or(arrived);
                payload.extend_from_slice(part);
                let taken = part.len();
                left -= taken;
                self.input.consume(taken);
                if left > 0 {
                    self.patient_fill(patience)?;
                }
            }
            if !is_full {
                return Ok(());
            }
        }
    }

    fn patient_fill(&mut self, patience: Patience<'_>) -> Result<(), Fault> {
        let since = Instant::now();
        while !self.fill(LOOK)? {
            if patience.stop.load(Ordering::Acquire) {
                return Err(Fault::retry(anyhow!("asked to stop")));
            }
            if since.elapsed() > patience.silence {
                return Err(Fault::retry(anyhow!(
                    "the server has been silent for {} s",
                    patience.silence.as_secs()
                )));
            }
        }
        Ok(())
    }
}

/// A prepared statement's id, as it is sent, and its columns. One with parameters is none of ours.
fn prepared_as(packet: &[u8]) -> Parsed<([u8; 4], usize)> {
    let mut reader = Reader::new(packet);
    reader.u8()?;
    let statement = reader.array()?;
    let columns = reader.u16()?;
    Ok((statement, usize::from(columns)))
}

/// A statement without the values in it: what stands before its condition.
fn shown(sql: &str) -> &str {
    sql.split(" WHERE ").next().unwrap_or(sql)
}
