//! Written by `tests/servers/charset-tables`, not by hand: eucjpms's characters of several bytes,
//! as far as ujis does not have them too.

use super::Run;

/// Codes of two bytes.
#[rustfmt::skip]
pub(in crate::source::charset) static TWO_BYTES: &[Run] = &[
    (0xa1c0, "\u{ff3c}\u{ff5e}\u{2225}"),
    (0xa1dd, "\u{ff0d}"),
    (0xa1f1, "\u{ffe0}\u{ffe1}"),
    (0xa2cc, "\u{ffe2}"),
    (0xada1, "\u{2460}\u{2461}\u{2462}\u{2463}\u{2464}\u{2465}\u{2466}\u{2467}\u{2468}\u{2469}\u{246a}\u{246b}\u{246c}\u{246d}\u{246e}\u{246f}\u{2470}\u{2471}\u{2472}\u{2473}\u{2160}\u{2161}\u{2162}\u{2163}\u{2164}\u{2165}\u{2166}\u{2167}\u{2168}\u{2169}"),
    (0xadc0, "\u{3349}\u{3314}\u{3322}\u{334d}\u{3318}\u{3327}\u{3303}\u{3336}\u{3351}\u{3357}\u{330d}\u{3326}\u{3323}\u{332b}\u{334a}\u{333b}\u{339c}\u{339d}\u{339e}\u{338e}\u{338f}\u{33c4}\u{33a1}"),
    (0xaddf, "\u{337b}\u{301d}\u{301f}\u{2116}\u{33cd}\u{2121}\u{32a4}\u{32a5}\u{32a6}\u{32a7}\u{32a8}\u{3231}\u{3232}\u{3239}\u{337e}\u{337d}\u{337c}\u{2252}\u{2261}\u{222b}\u{222e}\u{2211}\u{221a}\u{22a5}\u{2220}\u{221f}\u{22bf}\u{2235}\u{2229}\u{222a}"),
];

/// Codes of three bytes, without their first one, which is 0x8f.
#[rustfmt::skip]
pub(in crate::source::charset) static THREE_BYTES: &[Run] = &[
    (0xa2b7, "\u{ff5e}"),
    (0xa2c3, "\u{ffe4}"),
    (0xf3f3, "\u{2170}\u{2171}\u{2172}\u{2173}\u{2174}\u{2175}\u{2176}\u{2177}\u{2178}\u{2179}\u{2160}\u{2161}"),
    (0xf4a1, "\u{2162}\u{2163}\u{2164}\u{2165}\u{2166}\u{2167}\u{2168}\u{2169}\u{ff07}\u{ff02}\u{3231}\u{2116}\u{2121}炻仼僴凬匇匤\u{fa0e}咊坙\u{fa0f}\u{fa10}增寬峵嵓\u{fa11}德悅愠敎昻晥\u{fa12}\u{f929}栁\u{fa13}\u{fa14}橫櫢淸淲瀨\u{fa15}\u{fa16}甁皂皞\u{fa17}礰\u{fa18}\u{fa19}\u{fa1a}\u{fa1b}竧\u{fa1c}\u{fa1d}綠緖\u{fa1e}荢\u{fa1f}薰\u{fa20}\u{fa21}蠇\u{fa22}譿賴赶\u{fa23}\u{fa24}\u{fa25}郞\u{fa26}鄕\u{fa27}\u{fa28}閒\u{f9dc}\u{fa29}霻靍靑\u{fa2a}\u{fa2b}\u{fa2c}馞髙魲\u{fa2d}黑"),
];
