-- What other programs and the encoders that write their formats are compared over: every type of docs/types.md, every operation. One statement a
-- line; what stands behind names and a colon is for those: Debezium on MySQL (`mysql`) and on MariaDB (`mariadb`), Maxwell, Canal.
CREATE TABLE numbers (id INT PRIMARY KEY, tiny TINYINT, tiny_u TINYINT UNSIGNED, flag TINYINT(1), small SMALLINT, small_u SMALLINT UNSIGNED, medium MEDIUMINT, medium_u MEDIUMINT UNSIGNED, middle_u INT UNSIGNED, big BIGINT NOT NULL, big_u BIGINT UNSIGNED, zero_filled INT(8) ZEROFILL, born YEAR, bit_1 BIT(1), bit_2 BIT(2), bit_12 BIT(12), bit_64 BIT(64) NOT NULL, f FLOAT, d DOUBLE, money DECIMAL(12,2), whole DECIMAL(10,0), wide DECIMAL(65,30), unsigned_money DECIMAL(5,2) UNSIGNED)
INSERT INTO numbers VALUES (1, -128, 255, 1, -32768, 65535, -8388608, 16777215, 4294967295, -9223372036854775808, 9223372036854775807, 42, 1901, b'1', b'11', b'101010101010', 18446744073709551615, -12.5, 0.1, -9999999999.99, 1234567890, -99999999999999999999999999999999999.999999999999999999999999999999, 999.99)
INSERT INTO numbers VALUES (2, 127, 0, 0, 32767, 32768, 8388607, 8388608, 2147483648, 9223372036854775807, 0, 0, 0, b'0', b'0', b'1', 0, 3.4e38, 1.7976931348623157e308, 0.01, 0, 0.000000000000000000000000000001, 0), (3, -1, 128, 2, -1, 1, -1, 1, 1, 0, 1, 7, 2155, NULL, NULL, NULL, 9223372036854775808, 1e-45, 2.2250738585072014e-308, -0.01, -1, 128, 1.5)
INSERT INTO numbers (id, big, bit_64) VALUES (-4, -1, 1)
UPDATE numbers SET tiny = NULL, money = 127.99, wide = -128 WHERE id = 1
UPDATE numbers SET money = money + 1.28
DELETE FROM numbers WHERE id = 2
CREATE TABLE words (id VARCHAR(20) PRIMARY KEY, c CHAR(5) CHARACTER SET latin1, v VARCHAR(100), t TEXT CHARACTER SET utf8mb3, label ENUM('new','paid','it''s, "so"'), labels SET('a','b','c') NOT NULL, doc JSON, fixed BINARY(4), varied VARBINARY(20), bytes BLOB)
INSERT INTO words VALUES ('ключ', 'abc ', 'Größe "x" \\ \n\t', 'текст', 'paid', 'a,c', '{"b": [1, 2.50, null], "a": "x\\"y", "c": {}}', x'01', x'fbff00', x'00ff'), ('n', NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL), ('e', '', '', '', 'it''s, "so"', 'b', '"text"', x'', x'', x'')
UPDATE words SET doc = '[true, 18446744073709551615, -1.5e10, 1.0]' WHERE id = 'n'
UPDATE words SET id = 'renamed', v = 'x' WHERE id = 'e'
DELETE FROM words
CREATE TABLE moments (id BIGINT UNSIGNED PRIMARY KEY, day DATE, clock DATETIME, clock_1 DATETIME(1), clock_3 DATETIME(3), clock_4 DATETIME(4), clock_6 DATETIME(6), stamp TIMESTAMP NULL, stamp_3 TIMESTAMP(3) NULL, stamp_6 TIMESTAMP(6) NULL, span TIME, span_3 TIME(3), span_6 TIME(6), day_n DATE NOT NULL, clock_n DATETIME(6) NOT NULL)
INSERT INTO moments VALUES (1, '2024-02-29', '2024-02-29 23:59:59', '2024-02-29 23:59:59.1', '2024-02-29 23:59:59.123', '2024-02-29 23:59:59.1234', '2024-02-29 23:59:59.123456', '2024-02-29 23:59:59', '2024-02-29 23:59:59.123', '2024-02-29 23:59:59.123456', '23:59:59', '12:34:56.789', '12:34:56.789012', '1000-01-01', '1000-01-01 00:00:00')
INSERT INTO moments VALUES (2, '1969-12-31', '1969-12-31 23:59:59', '1969-12-31 23:59:59.9', '1969-12-31 23:59:59.999', '1969-12-31 23:59:59.9999', '1969-12-31 23:59:59.999999', '1970-01-01 00:00:01', '1970-01-01 00:00:01.500', '2038-01-19 03:14:07.100000', '00:00:00', '00:00:00.001', '00:00:00.000001', '9999-12-31', '9999-12-31 23:59:59.999999')
INSERT INTO moments (id, day_n, clock_n) VALUES (18446744073709551, '2000-01-01', '2000-01-01 00:00:00')
INSERT INTO moments (id, span, span_3, span_6, day_n, clock_n) VALUES (3, '-838:59:59', '-00:00:00.500', '838:59:59', '2000-01-01', '2000-01-01 00:00:00')
SET sql_mode = 'ALLOW_INVALID_DATES'
INSERT INTO moments (id, day, clock, clock_6, stamp, day_n, clock_n) VALUES (4, '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00')
SET sql_mode = DEFAULT
UPDATE moments SET id = 5 WHERE id = 1
CREATE TABLE places (a INT, b VARCHAR(10), spot POINT, shape GEOMETRY, line LINESTRING NOT NULL, PRIMARY KEY (b, a))
INSERT INTO places VALUES (1, 'x', ST_GeomFromText('POINT(1.5 -2)'), ST_GeomFromText('POLYGON((0 0, 1 0, 1 1, 0 0))'), ST_GeomFromText('LINESTRING(1 2, 3 4)', 4326)), (2, 'y', NULL, NULL, ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326))
UPDATE places SET a = 3, b = 'z' WHERE a = 1
DELETE FROM places WHERE a = 3
CREATE TABLE keyless (a INT, b VARCHAR(10))
INSERT INTO keyless VALUES (1, 'x'), (NULL, NULL)
UPDATE keyless SET b = 'y' WHERE a = 1
DELETE FROM keyless
CREATE TABLE uniquely (n INT, code VARCHAR(10) NOT NULL, UNIQUE KEY (code))
INSERT INTO uniquely VALUES (1, 'k')
UPDATE uniquely SET n = 2
DELETE FROM uniquely
mysql: CREATE TABLE own (id INT PRIMARY KEY, embedding VECTOR(3), many GEOMETRYCOLLECTION, sum INT AS (id + 1) STORED, unseen INT INVISIBLE)
mysql: INSERT INTO own (id, embedding, many, unseen) VALUES (1, STRING_TO_VECTOR('[1.5, -2, 0.1]'), ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1))'), 5), (2, NULL, NULL, NULL)
mariadb: CREATE TABLE own (id UUID PRIMARY KEY, other UUID, many GEOMETRYCOLLECTION, sum INT AS (1 + 1) STORED, unseen INT INVISIBLE)
mariadb: INSERT INTO own (id, other, many, unseen) VALUES ('123e4567-e89b-12d3-a456-426655440000', '0188e4f0-1111-7222-8333-abcdefabcdef', ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1))'), 5), ('ffffffff-ffff-ffff-ffff-fffffffffffe', NULL, NULL, NULL)
maxwell,canal: CREATE TABLE odd_keys (day DATE, price DECIMAL(5,2), raw BINARY(3), label ENUM('x','y'), bits BIT(3), clock DATETIME(3), stamp TIMESTAMP, span TIME, PRIMARY KEY (price, day, raw, label, bits, clock, stamp, span))
maxwell,canal: INSERT INTO odd_keys VALUES ('2024-02-29', 1.50, x'010203', 'y', b'101', '2024-02-29 23:59:59.123', '2024-02-29 23:59:59', '12:34:56')
maxwell,canal: CREATE TABLE Mixed_Case (Id INT PRIMARY KEY, `Na"me` VARCHAR(10), shapes MULTIPOLYGON, spots MULTIPOINT, lines_ MULTILINESTRING, far DOUBLE, near FLOAT, tiny_blob TINYBLOB, long_text LONGTEXT CHARACTER SET utf16)
maxwell,canal: INSERT INTO Mixed_Case VALUES (1, 'x', ST_GeomFromText('MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)), ((0 0, 2 0, 2 2, 0 0)))'), ST_GeomFromText('MULTIPOINT(1 2, 3 4)'), ST_GeomFromText('MULTILINESTRING((0 0, 1 1), (2.25 -2, 3 3))'), 1e16, 16777216, x'ff00', '😀')
maxwell,canal: CREATE TABLE partly (id INT PRIMARY KEY, a INT, b VARCHAR(10) DEFAULT 'd', c TIMESTAMP NULL)
maxwell,canal: SET binlog_row_image = 'MINIMAL'
maxwell,canal: INSERT INTO partly (id, a) VALUES (1, 2)
maxwell,canal: UPDATE partly SET a = 3 WHERE id = 1
maxwell,canal: UPDATE partly SET id = 2, b = NULL
maxwell,canal: DELETE FROM partly
maxwell,canal: SET binlog_row_image = DEFAULT
canal: CREATE TABLE shifting (id INT PRIMARY KEY, a INT)
canal: ALTER TABLE shifting ADD b VARCHAR(10)
canal: CREATE INDEX on_a ON shifting (a)
canal: DROP INDEX on_a ON shifting
canal: TRUNCATE TABLE shifting
canal: RENAME TABLE shifting TO shifted
canal: DROP TABLE shifted
canal: CREATE TABLE shifting (id INT PRIMARY KEY)
canal: CREATE TABLE shifted (id INT PRIMARY KEY)
CREATE TABLE the_end (id INT PRIMARY KEY)
INSERT INTO the_end VALUES (1)
