//! What may happen to a file.

use super::capture::Capture;

/// Random numbers that a seed repeats: splitmix64.
pub(super) struct Chance(u64);

impl Chance {
    /// Those of one damage of a run.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        chance.next();
        chance
    }

    /// Others each time.
    pub(super) fn of_clock() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self::new(now.as_secs(), u64::from(now.subsec_nanos()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length.max(1)).unwrap())).unwrap()
    }
}

/// One kind of damage.
#[derive(Debug, Clone, Copy)]
pub(super) enum Blow {
    /// The file ends anywhere.
    Cut,
    /// It ends after an event.
    CutAfterEvent,
    /// One bit is another.
    FlipBit,
    /// Some bits anywhere are others.
    FlipBits,
    /// Some bytes in a row are others.
    Overwrite,
    /// A block of the disk was never written.
    Zeros,
    /// Bytes are missing.
    Lose,
    /// Bytes are there twice.
    Repeat,
    /// Two events have changed places.
    SwapEvents,
    /// An event is missing.
    LoseEvent,
    /// An event is there twice.
    RepeatEvent,
    /// All events but the first are in another order.
    Shuffle,
    /// An event stands where it was not.
    MoveEvent,
    /// From some event on it goes on as another file does from another place on.
    Splice,
    /// It is cut, and a bit before that is another.
    CutAndFlip,
}

const ALL: [Blow; 15] = [
    Blow::Cut,
    Blow::CutAfterEvent,
    Blow::FlipBit,
    Blow::FlipBits,
    Blow::Overwrite,
    Blow::Zeros,
    Blow::Lose,
    Blow::Repeat,
    Blow::SwapEvents,
    Blow::LoseEvent,
    Blow::RepeatEvent,
    Blow::Shuffle,
    Blow::MoveEvent,
    Blow::Splice,
    Blow::CutAndFlip,
];

impl Blow {
    /// One of them; single bits as often as all others together.
    pub(super) fn any(chance: &mut Chance) -> Self {
        if chance.below(2) == 0 {
            return Self::FlipBit;
        }
        ALL[chance.index(ALL.len())]
    }

    /// A damaged copy of `capture`.
    pub(super) fn strike(self, capture: &Capture, other: &Capture, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = capture.bytes.clone();
        let at = chance.index(bytes.len());
        let run = |chance: &mut Chance, most| at..(at + 1 + chance.index(most)).min(capture.bytes.len());
        match self {
            Self::Cut => bytes.truncate(at),
            Self::FlipBit => flip(&mut bytes, chance),
            Self::FlipBits => {
                for _ in 0..2 + chance.below(7) {
                    flip(&mut bytes, chance);
                }
            }
            Self::Overwrite => {
                let run = run(chance, 64);
                bytes[run].fill_with(|| chance.next().to_le_bytes()[0]);
            }
            Self::Zeros => {
                let run = run(chance, 512);
                bytes[run].fill(0);
            }
            Self::Lose => drop(bytes.drain(run(chance, 200))),
            Self::Repeat => {
                let copy = bytes[run(chance, 200)].to_vec();
                let to = chance.index(bytes.len());
                bytes.splice(to..to, copy);
            }
            Self::CutAndFlip => {
                bytes.truncate(at.max(1));
                flip(&mut bytes, chance);
            }
            _ => return self.rearrange(capture, other, chance),
        }
        bytes
    }

    /// Damages by whole events.
    fn rearrange(self, capture: &Capture, other: &Capture, chance: &mut Chance) -> Vec<u8> {
        let mut events: Vec<&[u8]> = capture.events.iter().map(|event| &capture.bytes[event.clone()]).collect();
        let (one, two) = (chance.index(events.len()), chance.index(events.len()));
        match self {
            Self::CutAfterEvent => events.truncate(one),
            Self::SwapEvents => events.swap(one, two),
            Self::LoseEvent => drop(events.remove(one)),
            Self::RepeatEvent => events.insert(two, events[one]),
            Self::MoveEvent => {
                let event = events.remove(one);
                events.insert(two.min(events.len()), event);
            }
            Self::Splice => {
                events.truncate(one);
                let from = chance.index(other.events.len());
                // What stood at this very place in the other file could as well be this one's: nothing tells.
                let fits = other.events[from].start == capture.events[one].start;
                let from = if fits { from + 1 } else { from };
                events.extend(other.events[from..].iter().map(|event| &other.bytes[event.clone()]));
            }
            _ => {
                for last in (2..events.len()).rev() {
                    events.swap(last, 1 + chance.index(last));
                }
            }
        }
        [&capture.bytes[..4], &events.concat()].concat()
    }
}

fn flip(bytes: &mut [u8], chance: &mut Chance) {
    let at = chance.index(bytes.len());
    bytes[at] ^= 1 << chance.below(8);
}
