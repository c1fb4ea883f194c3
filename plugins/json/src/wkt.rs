//! Geometries as well-known text, which is written from the well-known binary that the server stores behind its SRID.

use rowmill_sdk::json::{self, FLOAT_BYTES};
use rowmill_sdk::{Bytes, Column, Error};

use crate::wide;

/// Collections within collections that are followed; a server takes no more than some dozen.
const DEPTH: u8 = 64;

/// Refuses the first row whose value is no geometry.
pub(crate) fn geometries<'a>(bytes: Bytes<'a>, column: &Column<'_>) -> Result<Bytes<'a>, Error> {
    wide::checked(bytes, column, |bytes| text(bytes).is_some())
}

/// A geometry as text; none where the bytes are no geometry.
pub(crate) fn text(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut writer = Writer {
        rest: bytes.get(4..)?,
        text: Vec::with_capacity(2 * bytes.len()),
    };
    writer.geometry(true, DEPTH)?;
    writer.rest.is_empty().then_some(writer.text)
}

/// What is still to be read, and what has been written.
struct Writer<'a> {
    rest: &'a [u8],
    text: Vec<u8>,
}

impl Writer<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// Byte order, kind, then what the kind has. Members of a collection that has only one kind go without its name.
    fn geometry(&mut self, named: bool, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let [1] = self.take::<1>()? else { return None };
        let (name, members_named) = match self.number()? {
            1 => ("POINT", None),
            2 => ("LINESTRING", None),
            3 => ("POLYGON", None),
            4 => ("MULTIPOINT", Some(false)),
            5 => ("MULTILINESTRING", Some(false)),
            6 => ("MULTIPOLYGON", Some(false)),
            7 => ("GEOMETRYCOLLECTION", Some(true)),
            _ => return None,
        };
        if named {
            self.text.extend_from_slice(name.as_bytes());
            self.text.push(b' ');
        }
        match (name, members_named) {
            (_, Some(named)) => self.list(|writer| writer.geometry(named, depth)),
            ("POINT", _) => {
                self.text.push(b'(');
                self.pair()?;
                self.text.push(b')');
                Some(())
            }
            ("POLYGON", _) => self.list(|ring| ring.list(Self::pair)),
            _ => self.list(Self::pair),
        }
    }

    /// A count and as many parts.
    fn list(&mut self, mut part: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let count = self.number()?;
        if count == 0 {
            self.text.extend_from_slice(b"EMPTY");
            return Some(());
        }
        for i in 0..count {
            self.text.extend_from_slice(if i == 0 { b"(" } else { b", " });
            part(self)?;
        }
        self.text.push(b')');
        Some(())
    }

    /// Two coordinates.
    fn pair(&mut self) -> Option<()> {
        let (x, y) = (f64::from_le_bytes(self.take()?), f64::from_le_bytes(self.take()?));
        json::write(&mut self.text, 2 * FLOAT_BYTES + 1, |cursor| {
            (cursor.double(x).byte(b' ').double(y), ())
        });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wkb(kind: u32) -> Vec<u8> {
        [&[1][..], &kind.to_le_bytes()].concat()
    }

    fn pairs(numbers: &[f64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn counted(kind: u32, members: &[Vec<u8>]) -> Vec<u8> {
        let count = u32::try_from(members.len()).unwrap_or(0).to_le_bytes();
        [wkb(kind), count.to_vec(), members.concat()].concat()
    }

    fn written(wkb: &[u8]) -> Option<String> {
        text(&[&[0; 4], wkb].concat()).map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn every_kind_has_its_text() {
        let point = [wkb(1), pairs(&[1.5, -2.0])].concat();
        let line = counted(2, &[pairs(&[0.0, 0.0]), pairs(&[1e20, 0.1])]);
        let ring = [2_u32.to_le_bytes().to_vec(), pairs(&[0.0, 0.0, 1.0, 1.0])].concat();
        let polygon = counted(3, &[ring.clone(), ring]);
        for (bytes, expected) in [
            (point.clone(), "POINT (1.5 -2)"),
            (line.clone(), "LINESTRING (0 0, 1e+20 0.1)"),
            (polygon.clone(), "POLYGON ((0 0, 1 1), (0 0, 1 1))"),
            (counted(4, &[point.clone(), point.clone()]), "MULTIPOINT ((1.5 -2), (1.5 -2))"),
            (counted(5, &[line]), "MULTILINESTRING ((0 0, 1e+20 0.1))"),
            (counted(6, &[polygon]), "MULTIPOLYGON (((0 0, 1 1), (0 0, 1 1)))"),
            (
                counted(7, &[point.clone(), counted(7, &[])]),
                "GEOMETRYCOLLECTION (POINT (1.5 -2), GEOMETRYCOLLECTION EMPTY)",
            ),
        ] {
            assert_eq!(written(&bytes).as_deref(), Some(expected));
            assert_eq!(written(&[bytes.as_slice(), &[0]].concat()), None, "{expected} and a byte");
            assert_eq!(written(bytes.get(..bytes.len() - 1).unwrap_or_default()), None, "{expected} cut");
        }
        let deep = (0..65).fold(point, |inner, _| counted(7, &[inner]));
        assert_eq!((written(&deep), written(&wkb(8)), text(&[])), (None, None, None));
    }
}
