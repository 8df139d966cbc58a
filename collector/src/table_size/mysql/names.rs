//! How InnoDB spells the names of tables, and what else of its own has names. Pure: no I/O in this file.
//!
//! A name is a file's name: letters and digits of ASCII and `_` stand for themselves, other characters are written
//! with `@`. So a `#` in it is never the user's but InnoDB's own.

/// What a name of InnoDB's dictionary or files stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'n> {
    /// The table of that spelling, or one of its partitions.
    Table(&'n [u8]),
    /// A part of a full-text index of the table with that id.
    FullText(u64),
    /// A table that an unfinished or broken schema change left: of no table's.
    Unfinished,
}

/// Returns what `name` (without its database) stands for.
pub(super) fn meaning(name: &[u8]) -> Meaning<'_> {
    if name.starts_with(b"#") {
        return Meaning::Unfinished;
    }
    if let Some(id) = full_text_table(name) {
        return Meaning::FullText(id);
    }
    // `t#P#p0#SP#p0sp0`: a partition and its part; MySQL 8 writes them small.
    let end = name
        .windows(3)
        .position(|part| part.eq_ignore_ascii_case(b"#P#"));
    let table = name.get(..end.unwrap_or(name.len())).unwrap_or(name);
    // The names of devices, such as `aux`, are marked.
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

/// Returns the spelling of `name`; `None` when it has characters that only the server can spell.
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
    fn names_are_spelled_as_the_server_spells_them() {
        for (name, expected) in [
            ("plain_1", Some("plain_1")),
            ("system$user", Some("system@0024user")),
            ("odd \"name", Some("odd@0020@0022name")),
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
