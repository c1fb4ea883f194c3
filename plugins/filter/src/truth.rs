//! SQL's three truths, and what is not known of them: a set of those that a condition may have for a row. A row whose images lack columns
//! may have several; where all of them come to the same, it is decided nevertheless.

/// Which of FALSE, NULL and TRUE it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truth(u8);

impl Truth {
    pub(crate) const FALSE: Self = Self(1);
    pub(crate) const NULL: Self = Self(2);
    pub(crate) const TRUE: Self = Self(4);
    /// Nothing is known.
    pub(crate) const ANY: Self = Self(7);
    /// FALSE or TRUE: whether something is NULL that is absent.
    pub(crate) const FALSE_OR_TRUE: Self = Self(5);

    #[inline(always)]
    pub(crate) const fn of(truth: bool) -> Self {
        // Without a branch, so that loops over rows become vectors.
        Self(if truth { 4 } else { 1 })
    }

    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        // TRUE where both may be; FALSE where one may be; NULL where one may be and the other need not be FALSE.
        let truth = a & b & 4;
        let falsehood = (a | b) & 1;
        let null = ((a & (b | b >> 1)) | (b & (a | a >> 1))) & 2;
        Self(truth | falsehood | null)
    }

    #[inline(always)]
    pub(crate) fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    #[inline(always)]
    pub(crate) fn not(self) -> Self {
        Self(self.0 >> 2 & 1 | self.0 & 2 | (self.0 & 1) << 2)
    }

    /// Whether it is this one.
    pub(crate) fn is(self, wanted: Self) -> Self {
        let may_be = if self.0 & wanted.0 == 0 { 0 } else { 4 };
        let may_not_be = u8::from(self.0 & !wanted.0 != 0);
        Self(may_be | may_not_be)
    }

    /// Whether it is certainly true, certainly not, or neither.
    #[inline(always)]
    pub(crate) fn verdict(self) -> Verdict {
        match self.0 {
            4 => Verdict::Pass,
            1..4 => Verdict::Fail,
            _ => Verdict::Unclear,
        }
    }
}

/// What a condition says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Fail,
    /// The row's images lack columns that it needs.
    Unclear,
}

#[cfg(test)]
mod tests {
    use super::{Truth, Verdict};

    const ALL: [Truth; 3] = [Truth::FALSE, Truth::NULL, Truth::TRUE];

    /// The truths of a set.
    fn members(set: Truth) -> Vec<Truth> {
        ALL.into_iter().filter(|one| set.0 & one.0 != 0).collect()
    }

    fn plain_and(a: Truth, b: Truth) -> Truth {
        if a == Truth::FALSE || b == Truth::FALSE {
            Truth::FALSE
        } else if a == Truth::NULL || b == Truth::NULL {
            Truth::NULL
        } else {
            Truth::TRUE
        }
    }

    #[test]
    fn sets_are_joined_as_their_members_are() {
        for a in 1..8 {
            for b in 1..8 {
                let (mut and, mut or) = (0, 0);
                for x in members(Truth(a)) {
                    for y in members(Truth(b)) {
                        and |= plain_and(x, y).0;
                        or |= plain_and(x.not(), y.not()).not().0;
                    }
                }
                assert_eq!(Truth(a).and(Truth(b)).0, and, "{a:03b} AND {b:03b}");
                assert_eq!(Truth(a).or(Truth(b)).0, or, "{a:03b} OR {b:03b}");
            }
        }
        assert_eq!((Truth::TRUE.not(), Truth::NULL.not()), (Truth::FALSE, Truth::NULL));
    }

    #[test]
    fn only_what_is_certainly_true_passes() {
        for (set, verdict) in [
            (Truth::TRUE, Verdict::Pass),
            (Truth::NULL, Verdict::Fail),
            (Truth::FALSE, Verdict::Fail),
            (Truth(3), Verdict::Fail),
            (Truth(6), Verdict::Unclear),
            (Truth::ANY, Verdict::Unclear),
        ] {
            assert_eq!(set.verdict(), verdict);
        }
        assert_eq!(Truth::ANY.is(Truth::NULL), Truth::FALSE_OR_TRUE);
        assert_eq!(Truth(3).is(Truth::TRUE), Truth::FALSE);
    }
}
