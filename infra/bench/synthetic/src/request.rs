//! A listing request, and the parameters of its query.

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path with its query, encoded.
    pub path: String,
    /// Whole head of the request.
    pub head: String,
    /// Number of listing requests before it.
    pub number: usize,
}

impl Request {
    /// Returns a parameter of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        let value = query.split('&').find_map(|pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            (found == name).then_some(value)
        })?;
        Some(decoded(value))
    }

    /// Returns whether it starts after a given key, as only the first page of a range does.
    pub fn starts_range(&self) -> bool {
        let is_first_of_range =
            self.query("key-marker").is_some() && self.query("version-id-marker").is_none();
        self.query("start-after").is_some() || is_first_of_range
    }
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, next)) = rest.split_first() {
        let hex = next.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &next[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = next;
            }
            _ => {
                bytes.push(*first);
                rest = next;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}
