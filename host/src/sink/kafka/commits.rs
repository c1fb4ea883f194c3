//! Which checkpoint may be stored next. Plain bookkeeping: a commit waits for the lots before it, at most one checkpoint
//! is on its way, and a newer one that is ready makes older ones needless.

use std::collections::VecDeque;

use crate::sink::Commit;

/// Commits that were asked for and are not durable yet.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// With the lot that must be the oldest unfinished one before the commit is ready.
    waiting: VecDeque<(u64, Commit)>,
    /// Number of the commit whose checkpoint is on its way, and how many of its records are.
    sent: Option<(u64, usize)>,
    durable: u64,
}

impl Commits {
    /// Asks for a commit of every lot before `barrier`.
    pub(super) fn push(&mut self, barrier: u64, commit: Commit) {
        self.waiting.push_back((barrier, commit));
    }

    /// The commit to store now, where `oldest` is the oldest unfinished lot. Counts as sent.
    pub(super) fn take(&mut self, oldest: u64) -> Option<Commit> {
        if self.sent.is_some() {
            return None;
        }
        let mut newest: Option<Commit> = None;
        while let Some((_, mut commit)) = self.waiting.pop_front_if(|(barrier, _)| *barrier <= oldest) {
            // What an older one takes away the newer one does.
            let mut heeded = newest.map(|older| older.heeded).unwrap_or_default();
            heeded.append(&mut commit.heeded);
            newest = Some(Commit { heeded, ..commit });
        }
        self.sent = newest.as_ref().map(|commit| (commit.number, 1 + commit.heeded.len()));
        newest
    }

    /// One more record of the commit on its way is stored.
    pub(super) fn stored(&mut self) {
        match &mut self.sent {
            Some((number, 1)) => {
                self.durable = *number;
                self.sent = None;
            }
            Some((_, left)) => *left -= 1,
            None => {}
        }
    }

    /// A commit is durable together with what it covers.
    pub(super) fn committed(&mut self, number: u64) {
        self.durable = number;
    }

    /// The newest durable commit; 0 before the first.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// Whether every commit is durable.
    pub(super) fn settled(&self) -> bool {
        self.sent.is_none() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(number: u64) -> Commit {
        Commit {
            number,
            checkpoint: vec![],
            heeded: vec![],
        }
    }

    #[test]
    fn a_commit_waits_for_every_record_before_it() {
        let mut commits = Commits::default();
        commits.push(3, commit(1));
        assert_eq!(commits.take(2), None);
        assert_eq!(commits.take(3), Some(commit(1)));
        assert_eq!((commits.durable(), commits.settled()), (0, false));
        commits.stored();
        assert_eq!((commits.durable(), commits.settled()), (1, true));
    }

    #[test]
    fn one_checkpoint_is_on_its_way_and_the_newest_ready_one_follows() {
        let mut commits = Commits::default();
        for number in 1..=4 {
            commits.push(number, commit(number));
        }
        assert_eq!(commits.take(1), Some(commit(1)));
        assert_eq!(commits.take(3), None, "the first is still on its way");
        commits.stored();
        assert_eq!(commits.take(3), Some(commit(3)));
        commits.stored();
        assert_eq!((commits.durable(), commits.settled()), (3, false));
    }

    #[test]
    fn notes_of_commits_that_are_passed_over_are_taken_away_with_the_next_and_counted() {
        let mut commits = Commits::default();
        for (number, id) in [(1, "a"), (2, "b")] {
            let heeded = vec![id.to_owned()];
            commits.push(1, Commit { heeded, ..commit(number) });
        }
        assert_eq!(
            commits.take(1).map(|commit| commit.heeded),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        commits.stored();
        commits.stored();
        assert_eq!((commits.durable(), commits.settled()), (0, false));
        commits.stored();
        assert_eq!((commits.durable(), commits.settled()), (2, true));
    }
}
