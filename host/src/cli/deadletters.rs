//! `rowmill deadletters`: what could not be delivered, and another try.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::arguments::DeadLetters;
use super::failure::Failure;
use super::wiring::{DeadLetter, Outcome};
use super::{output, signals, wiring};

/// Lists, shows or replays.
pub(super) fn deadletters(action: &DeadLetters) -> Result<(), Failure> {
    match action {
        DeadLetters::List { config } => list(config),
        DeadLetters::Show { offset, config } => show(config, *offset),
        DeadLetters::Replay { config, offsets } => replay(config, offsets),
    }
}

fn list(config: &Path) -> Result<(), Failure> {
    let config = rowmill::config::load(config)?;
    let mut outcome = Ok(());
    wiring::dead_letters(&config, None, &mut |letter| {
        outcome = output::print(&format!("{}\n", line(&letter)));
        Ok(outcome.is_ok())
    })?;
    outcome
}

fn show(config: &Path, offset: i64) -> Result<(), Failure> {
    let config = rowmill::config::load(config)?;
    let mut found = None;
    wiring::dead_letters(&config, Some(offset), &mut |letter| {
        if letter.offset == offset {
            found = Some(letter);
        }
        Ok(false)
    })?;
    let Some(letter) = found else {
        return Err(Failure::Failed(format!(
            "no letter of connector {} at offset {offset} of topic {}: `rowmill deadletters list` prints them",
            config.name, config.sink.dead_letter_topic
        )));
    };
    output::print_json(&letter.json())
}

fn replay(config: &Path, offsets: &[i64]) -> Result<(), Failure> {
    let config = rowmill::config::load(config)?;
    let stop = Arc::new(AtomicBool::new(false));
    let request = Arc::clone(&stop);
    let limit = config.shutdown_timeout;
    signals::watch(move || Some(limit), move || request.store(true, Ordering::Release))?;
    let replayed = wiring::replay(&config, offsets, &stop, &mut |letter, outcome| {
        let line = match outcome {
            Outcome::Sent => format!("{}\tsent\n", letter.place()),
            Outcome::Left(reason) => format!("{}\tleft\t{}\n", letter.place(), one_line(reason)),
        };
        // A reader that went away does not end what is under way.
        let _ = output::print(&line);
        Ok(())
    })?;
    if replayed.left > 0 {
        return Err(Failure::Failed(format!(
            "{} of {} letters could not be sent again, and stay as they are",
            replayed.left,
            replayed.left + replayed.sent
        )));
    }
    Ok(())
}

fn line(letter: &DeadLetter) -> String {
    let (database, table) = (letter.header("database"), letter.header("table"));
    let mut fields = vec![letter.place(), letter.header("time").to_owned(), format!("{database}.{table}")];
    fields.extend(["stage", "code", "error"].map(|name| one_line(letter.header(name))));
    if letter.replayed {
        fields.push("replayed".to_owned());
    }
    fields.join("\t")
}

/// Without anything that would make it two lines, or move the cursor.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).collect()
}
