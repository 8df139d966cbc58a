//! InnoDB's encoding of table names, and its names for partitions and full-text indexes. Pure: no I/O in this file.
//!
//! Encoded names are file names: ASCII letters, digits and `_` are kept, all other characters are written with `@`.
//! A `#` in an encoded name therefore always comes from InnoDB and never from the user.

/// Meaning of a name in InnoDB's dictionary or of one of its files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'n> {
    /// The table with this encoded name, or one of its partitions.
    Table(&'n [u8]),
    /// A part of a full-text index of the table with this id.
    FullText(u64),
    /// Left by an unfinished or failed schema change; belongs to no table.
    Unfinished,
}

/// Returns the meaning of `name`, which is given without its database.
pub(super) fn meaning(name: &[u8]) -> Meaning<'_> {
    if name.starts_with(b"#") {
        return Meaning::Unfinished;
    }
    if let Some(id) = full_text_table(name) {
        return Meaning::FullText(id);
    }
    // `t#P#p0#SP#p0sp0`: a partition and its subpartition; MySQL 8 writes the marks in lower case.
    let end = name
        .windows(3)
        .position(|part| part.eq_ignore_ascii_case(b"#P#"));
    let table = name.get(..end.unwrap_or(name.len())).unwrap_or(name);
    // Device names, such as `aux`, carry a suffix.
    Meaning::Table(table.strip_suffix(b"@@@").unwrap_or(table))
}

/// Returns the id in `FTS_0000000000000021_…`.
fn full_text_table(name: &[u8]) -> Option<u64> {
    let (prefix, rest) = name.split_at_checked(4)?;
    let (id, rest) = rest.split_at_checked(16)?;
    if !prefix.eq_ignore_ascii_case(b"FTS_") || !rest.starts_with(b"_") {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(id).ok()?, 16).ok()
}

/// Returns InnoDB's encoding of `name`; `None` if it has characters that only the server can encode.
pub(super) fn encoded(name: &str) -> Option<Vec<u8>> {
    if let Some(old) = name.strip_prefix("#mysql50#") {
        return Some(old.as_bytes().to_vec());
    }
    let mut spelling = Vec::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => spelling.push(byte),
            0..=0x7f => spelling.extend_from_slice(format!("@{byte:04x}").as_bytes()),
            _ => return None,
        }
    }
    Some(spelling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_the_server_encodes_them() {
        for (name, expected) in [
            ("plain_1", Some("plain_1")),
            ("system$user", Some("system@0024user")),
            ("quoted \"name", Some("quoted@0020@0022name")),
            ("a#P#p0", Some("a@0023P@0023p0")),
            ("acme-prod", Some("acme@002dprod")),
            ("#mysql50#a-b", Some("a-b")),
            ("日本", None),
        ] {
            let expected = expected.map(|text| text.as_bytes().to_vec());
            assert_eq!(encoded(name), expected, "{name}");
        }
    }

    #[test]
    fn partitions_and_full_text_parts_belong_to_their_table() {
        for (name, expected) in [
            ("t", Meaning::Table(b"t")),
            ("t#P#p0", Meaning::Table(b"t")),
            ("t#p#p0#sp#p0sp0", Meaning::Table(b"t")),
            ("a@0023P@0023p0", Meaning::Table(b"a@0023P@0023p0")),
            ("aux@@@", Meaning::Table(b"aux")),
            ("#sql-alter-1f-2", Meaning::Unfinished),
            ("FTS_0000000000000021_CONFIG", Meaning::FullText(33)),
            (
                "fts_0000000000000021_000000000000002e_index_1",
                Meaning::FullText(33),
            ),
            ("FTS_notes", Meaning::Table(b"FTS_notes")),
        ] {
            assert_eq!(meaning(name.as_bytes()), expected, "{name}");
        }
    }
}
