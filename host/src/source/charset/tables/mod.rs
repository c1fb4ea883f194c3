//! What a server makes of each code of the character sets that follow no rule.

/// Codes that follow one another: the first one, and the characters of it and its successors.
pub(super) type Run = (u16, &'static str);

pub(super) mod single_byte;
pub(super) mod big5;
pub(super) mod euckr;
pub(super) mod gb2312;
pub(super) mod gbk;
pub(super) mod gb18030;
pub(super) mod sjis;
pub(super) mod cp932;
pub(super) mod ujis;
pub(super) mod eucjpms;
