//! Types as the catalogue prints them.

use super::{Form, Rest, differs_in_display_only, labels};

#[test]
fn only_the_display_width_of_integers_is_taken_from_the_catalogue() {
    assert!(differs_in_display_only("tinyint", "tinyint(1)"));
    assert!(differs_in_display_only("int unsigned", "int(5) unsigned zerofill"));
    assert!(!differs_in_display_only("int", "int(5) unsigned zerofill"));
    assert!(!differs_in_display_only("int unsigned", "bigint(20) unsigned"));
    assert!(!differs_in_display_only("varchar(3)", "varchar(4)"));
    assert!(!differs_in_display_only("decimal(3,1)", "decimal(4,1)"));
}

#[test]
fn labels_are_read_as_the_catalogue_escapes_them() {
    let read = labels("'it''s','back\\\\slash','new\\nline','nul\\0','a,b','q\"q','ü',''");
    let expected = ["it's", "back\\slash", "new\nline", "nul\0", "a,b", "q\"q", "ü", ""];
    assert_eq!(read, Some(expected.map(str::to_owned).to_vec()));
    for broken in ["", "'a", "'a',", "a", "'a' ", "'a'b'"] {
        assert_eq!(labels(broken), None, "{broken}");
    }
}

#[test]
fn types_of_the_catalogue_are_coded_as_in_a_table_map() {
    let form = |text: &str, charset: Option<&str>| {
        let form = Form::parse(text, charset)?;
        Some((form.code, form.metadata, form.rest))
    };
    let number = |unsigned| Rest::Unsigned(unsigned);
    for (text, charset, expected) in [
        ("int(10) unsigned zerofill", None, (3, 0, number(true))),
        ("decimal(10,2)", None, (246, 0x020a, number(false))),
        ("bit(13)", None, (16, 0x0105, Rest::Nothing)),
        ("datetime(3)", None, (18, 3, Rest::Nothing)),
        ("char(255)", Some("utf8mb4"), (254, 1020, Rest::Text(45))),
        ("varchar(100)", Some("utf8"), (15, 300, Rest::Text(33))),
        ("varbinary(300)", None, (15, 300, Rest::Text(63))),
        ("varchar(100) /*M!100301 COMPRESSED*/", Some("latin1"), (141, 101, Rest::Text(5))),
        ("mediumblob", None, (252, 3, Rest::Text(63))),
        ("inet6", None, (254, 16, Rest::Text(63))),
        ("geomcollection", None, (255, 4, Rest::Geometry(7))),
        (
            "set('a','b)')",
            Some("latin1"),
            (248, 1, Rest::Labels(vec!["a".to_owned(), "b)".to_owned()], false)),
        ),
    ] {
        assert_eq!(form(text, charset), Some(expected), "{text}");
    }
    assert_eq!(form("xmltype", None), None);
    assert_eq!(form("char(3)", Some("klingon")), None);
}
