//! Random JSON documents and geometries, as SQL.

use pipeline_tests::Chance;

use super::world::{World, literal};

/// Names of members, some of which need quotes in a path.
pub(crate) const MEMBERS: [&str; 8] = ["a", "b", "ab", "", "a b", "é", "q\"uote", "dot.ted"];

/// A document.
pub(crate) fn json(chance: &mut Chance, world: &World) -> String {
    if world.lossless || !world.is_mysql9() || chance.percent(50) {
        let mut text = String::new();
        write(chance, 0, &mut text);
        // Long enough that a partial update is worth its while.
        if chance.percent(25) {
            let filler = chance.between(20, 400);
            text = format!(
                "{{\"filler\":\"{}\",\"a\":{text},\"b\":[1,{{\"a\":null}}]}}",
                "some text ".repeat(usize::try_from(filler).unwrap())
            );
        }
        return literal(&text);
    }
    // Values that no text of JSON has.
    let opaque = [
        "CAST('2024-02-29' AS DATE)",
        "CAST('2024-02-29 12:34:56.5' AS DATETIME(6))",
        "CAST('-12:00:00.25' AS TIME(6))",
        "CAST(1.50 AS DECIMAL(10,2))",
        "CAST(-12345678901234567890.123456789 AS DECIMAL(65,30))",
        "x'00FF'",
        "18446744073709551615",
        "-9223372036854775808",
        "1e300",
        "-0e0",
        "true",
        "NULL",
        "1.0",
        "'text'",
    ];
    let one = *chance.pick(&opaque);
    let (two, name) = (*chance.pick(&opaque), *chance.pick(&MEMBERS));
    match chance.below(3) {
        0 => format!("JSON_ARRAY({one}, JSON_ARRAY(), {two})"),
        1 => format!("JSON_OBJECT({}, {one}, 'z', JSON_OBJECT('y', {two}))", literal(name)),
        _ => format!("JSON_ARRAY(JSON_OBJECT({}, JSON_ARRAY({one}, {two})))", literal(name)),
    }
}

fn write(chance: &mut Chance, depth: u32, text: &mut String) {
    let many = chance.below(5);
    match chance.below(if depth > 3 { 9 } else { 14 }) {
        0 => text.push_str("null"),
        1 => text.push_str(if chance.percent(50) { "true" } else { "false" }),
        2 => text.push_str(&(chance.below(70_000)).to_string()),
        3 => text.push_str(&format!("-{}", chance.below(1 << 52))),
        4 => text.push_str(chance.pick::<&str>(&["18446744073709551615", "-9223372036854775808", "65535", "-32769", "2147483648"])),
        5 => text.push_str(chance.pick::<&str>(&["1.5", "-0.0", "1e20", "1.25e-7", "0.1", "123456789.123456789", "1e300"])),
        6..=8 => {
            let all = ["", "text", "é漢😀", "\\\"q\\\" \\\\ \\/", "\\n\\t\\u0001", "\\u2028", "2024-02-29"];
            text.push('"');
            text.push_str(chance.pick::<&str>(&all));
            text.push('"');
        }
        9..=11 => {
            text.push('[');
            for i in 0..many {
                text.push_str(if i > 0 { "," } else { "" });
                write(chance, depth + 1, text);
            }
            text.push(']');
        }
        _ => {
            text.push('{');
            for i in 0..many {
                text.push_str(if i > 0 { ", " } else { "" });
                let name = serde_json::Value::from(*chance.pick(&MEMBERS));
                text.push_str(&format!("{name}: "));
                write(chance, depth + 1, text);
            }
            text.push('}');
        }
    }
}

/// What makes another document of column `c` by a partial update.
pub(crate) fn change(chance: &mut Chance, c: &str) -> String {
    let function = *chance.pick(&["JSON_SET", "JSON_REPLACE", "JSON_REMOVE"]);
    let mut call = String::new();
    for _ in 0..=chance.below(3) {
        let mut path = String::from("$");
        for _ in 0..=chance.below(2) {
            match chance.below(4) {
                0 => path.push_str(&format!("[{}]", chance.below(4))),
                1 => path.push_str(".filler"),
                _ => path.push_str(&format!(".{}", serde_json::Value::from(*chance.pick(&MEMBERS)))),
            }
        }
        call.push_str(&format!(", {}", literal(&path)));
        if function != "JSON_REMOVE" {
            let values = [
                "1",
                "'text'",
                "JSON_ARRAY(1, 'x')",
                "JSON_OBJECT('a', 1, 'b', JSON_ARRAY())",
                "NULL",
                "70000",
                "true",
            ];
            call.push_str(&format!(", {}", chance.pick(&values)));
        }
    }
    format!("{function}({c}{call})")
}

/// A geometry that a column of this type takes.
pub(crate) fn geometry(chance: &mut Chance, data_type: &str) -> String {
    let kinds = [
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
    ];
    let kind = match data_type {
        "geometry" => *chance.pick(&kinds),
        "geomcollection" => "geometrycollection",
        other => other,
    };
    let text = well_known(chance, kind);
    let srid = *chance.pick(&["", "", ", 0", ", 4326"]);
    format!("ST_GeomFromText('{text}'{srid})")
}

fn pair(chance: &mut Chance) -> String {
    // Within what any reference system allows.
    let one = |chance: &mut Chance| {
        let sign = if chance.percent(40) { "-" } else { "" };
        format!("{sign}{}.{}", chance.below(90), chance.below(1 << 20))
    };
    format!("{} {}", one(chance), one(chance))
}

fn ring(chance: &mut Chance) -> String {
    let (x, y, side) = (chance.below(40), chance.below(40), chance.between(1, 40));
    format!("({x} {y},{} {y},{} {},{x} {},{x} {y})", x + side, x + side, y + side, y + side)
}

fn well_known(chance: &mut Chance, kind: &str) -> String {
    let line = |chance: &mut Chance| format!("({},{},{})", pair(chance), pair(chance), pair(chance));
    match kind {
        "point" => format!("POINT({})", pair(chance)),
        "linestring" => format!("LINESTRING{}", line(chance)),
        "polygon" => format!("POLYGON({})", ring(chance)),
        "multipoint" => format!("MULTIPOINT({},{})", pair(chance), pair(chance)),
        "multilinestring" => format!("MULTILINESTRING({},{})", line(chance), line(chance)),
        "multipolygon" => format!("MULTIPOLYGON(({}))", ring(chance)),
        _ => format!("GEOMETRYCOLLECTION(POINT({}),LINESTRING{})", pair(chance), line(chance)),
    }
}
