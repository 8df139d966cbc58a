//! Name patterns: `*` matches any characters, everything else matches itself.

/// Returns whether `pattern` matches `name`, in time proportional to the product of both lengths at most.
pub(super) fn is_match(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_characters_and_everything_else_itself() {
        for (pattern, name, expected) in [
            ("Sales.Url", "Sales.Url", true),
            ("Sales.Url", "Sales.Urls", false),
            ("Sales.*", "Sales.Url", true),
            ("Sales.*", "Sales.", true),
            ("Sales.*", "SalesUrl", false),
            ("*Url", "Sales.ApiUrl", true),
            ("*", "", true),
            ("S*s.*l", "Sales.Url", true),
            ("a*a", "a", false),
            ("a**b", "ab", true),
            ("*ä*", "Müller.Wäre", true),
            ("", "x", false),
        ] {
            assert_eq!(is_match(pattern, name), expected, "{pattern} {name}");
        }
    }
}
