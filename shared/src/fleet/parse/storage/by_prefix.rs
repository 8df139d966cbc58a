//! The rules of `by_prefix`: a depth of folders, or a list of prefixes.

use toml::de::DeValue;

use crate::fleet::ByPrefix;
use crate::fleet::parse::fault::Faults;
use crate::fleet::parse::section::Section;

/// Returns what the entry is added up by; `prefix` is that of its keys.
pub(super) fn read(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    prefix: &str,
) -> Option<ByPrefix> {
    let value = section.get("by_prefix")?;
    match parse(value.get_ref(), prefix) {
        Ok(by_prefix) => Some(by_prefix),
        Err(rule) => {
            faults.add(value.span().start, &section.field("by_prefix"), rule);
            None
        }
    }
}

fn parse(value: &DeValue<'_>, prefix: &str) -> Result<ByPrefix, String> {
    match value {
        DeValue::Integer(number) => {
            let depth = u32::from_str_radix(number.as_str(), number.radix());
            depth.map_or_else(|_| Err(ByPrefix::rule()), ByPrefix::folders)
        }
        DeValue::Array(array) => {
            let listed = array.iter().map(|each| match each.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                _ => Err(ByPrefix::rule()),
            });
            ByPrefix::list(listed.collect::<Result<_, _>>()?, prefix)
        }
        _ => Err(ByPrefix::rule()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::parse::storage::tests::parse;

    fn read(line: &str) -> Result<Option<ByPrefix>, String> {
        let entry = format!("bucket = \"files\"\nprefix = \"t/\"\n{line}");
        parse(&entry).map(|target| target.by_prefix)
    }

    #[test]
    fn a_depth_or_a_list_of_prefixes_is_read() {
        let list = ["t/a/", "t/b"].map(str::to_owned).to_vec();

        assert_eq!(read(""), Ok(None));
        assert_eq!(read("by_prefix = 2"), Ok(Some(ByPrefix::Folders(2))));
        assert_eq!(
            read("by_prefix = [\"t/a/\", \"t/b\"]"),
            Ok(Some(ByPrefix::List(list)))
        );
    }

    #[test]
    fn anything_else_is_a_fault_that_names_the_rule() {
        let long = format!("by_prefix = [\"t/{}\"]", "x".repeat(1_023));
        for (line, expected) in [
            ("by_prefix = 0", "a depth of folders from 1 to 10"),
            ("by_prefix = 11", "a depth of folders from 1 to 10"),
            ("by_prefix = -1", "a depth of folders from 1 to 10"),
            ("by_prefix = []", "a list of 1 to 100 prefixes"),
            ("by_prefix = \"t/\"", "a list of 1 to 100 prefixes"),
            ("by_prefix = [\"t/\", 1]", "a list of 1 to 100 prefixes"),
            ("by_prefix = [\"\"]", "1 to 1024 bytes"),
            (long.as_str(), "1 to 1024 bytes"),
            ("by_prefix = [\"u/\"]", "\"u/\" does not begin with \"t/\""),
        ] {
            let fault = read(line).unwrap_err();
            assert!(
                fault.contains("storage[0].by_prefix: ") && fault.contains(expected),
                "{fault}"
            );
        }
    }
}
