//! GEOMETRY and VECTOR, through `oracle`.

use pipeline_tests::{Kind as ServerKind, Server};

use crate::oracle::Kind::{Bytes, LargeBytes, LargeText, Text};
use crate::oracle::{column, compare};

on_each_server!(
    geometries_of_every_kind_are_the_servers_own_bytes,
    texts_between_shapes_and_vectors_keep_their_character_sets
);

fn geometries_of_every_kind_are_the_servers_own_bytes(server: Server) {
    const POINT: &str = "ST_GeomFromText('POINT(1 -2.5)')";
    const LINE: &str = "ST_GeomFromText('LINESTRING(0 0,1 1,2 1)', 4326)";
    const FACE: &str = "ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 0),(1 1,2 1,2 2,1 1))', 3857)";
    const POINTS: &str = "ST_GeomFromText('MULTIPOINT(1 2,-3.25 4e10)')";
    const LINES: &str = "ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))', 4326)";
    const FACES: &str = "ST_GeomFromText('MULTIPOLYGON(((0 0,4 0,4 4,0 0)))')";
    const NESTED: &str = "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),GEOMETRYCOLLECTION(LINESTRING(0 0,1 1)))')";
    compare(
        server,
        "v_geo",
        &[
            column(
                "place",
                "GEOMETRY",
                LargeBytes,
                &[POINT, LINE, FACE, POINTS, LINES, FACES, NESTED, "NULL"],
            ),
            column("spot", "POINT", LargeBytes, &["ST_GeomFromText('POINT(0 0)')", "NULL"]),
            column("line", "LINESTRING", LargeBytes, &[LINE, "NULL"]),
            column(
                "face",
                "POLYGON NOT NULL",
                LargeBytes,
                &[FACE, "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')"],
            ),
            column("spots", "MULTIPOINT", LargeBytes, &[POINTS, "NULL"]),
            column("lines", "MULTILINESTRING", LargeBytes, &[LINES, "NULL"]),
            column("area", "MULTIPOLYGON", LargeBytes, &[FACES, "NULL"]),
            column(
                "anything",
                "GEOMETRYCOLLECTION",
                LargeBytes,
                &[NESTED, "ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')"],
            ),
            column(
                "on_earth",
                "POINT NOT NULL SRID 4326",
                LargeBytes,
                &[
                    "ST_GeomFromText('POINT(52.5 13.4)', 4326)",
                    "ST_GeomFromText('POINT(-90 180)', 4326)",
                ],
            )
            .only(ServerKind::Mysql),
        ],
    );
}

#[test]
fn vectors_are_mysqls_own_bytes() {
    compare(
        Server::shared(),
        "v_vector",
        &[
            column(
                "embedding",
                "VECTOR(3)",
                LargeBytes,
                &["STRING_TO_VECTOR('[1,-2.5,0]')", "STRING_TO_VECTOR('[0.1]')", "NULL"],
            ),
            column(
                "long_embedding",
                "VECTOR(16383)",
                LargeBytes,
                &[
                    "STRING_TO_VECTOR(CONCAT('[', REPEAT('1.5,', 4000), '3.4e38]'))",
                    "STRING_TO_VECTOR('[-0]')",
                ],
            ),
        ],
    );
}

fn texts_between_shapes_and_vectors_keep_their_character_sets(server: Server) {
    compare(
        server,
        "v_between",
        &[
            column("words", "TEXT CHARACTER SET latin1", LargeText, &["'é'", "NULL"]),
            column("spot", "POINT", LargeBytes, &["ST_GeomFromText('POINT(0 0)')", "NULL"]),
            column("name", "VARCHAR(20) CHARACTER SET utf8mb4", Text, &["'😀'", "'x'"]),
            column("embedding", "VECTOR(2)", LargeBytes, &["STRING_TO_VECTOR('[1,2]')", "NULL"]).only(ServerKind::Mysql),
            column("code", "CHAR(5) CHARACTER SET koi8r", Text, &["'Ж'", "NULL"]),
            column("place", "GEOMETRY", LargeBytes, &["ST_GeomFromText('LINESTRING(0 0,1 1)')", "NULL"]),
            column("raw", "VARBINARY(5)", Bytes, &["x'FF00'", "NULL"]),
            column("last", "TINYTEXT CHARACTER SET gbk", LargeText, &["'中'", "NULL"]),
        ],
    );
}
