//! Lists that are too long for a parameter, as patterns.

use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of a parameter's value, with commas between its items: CloudFormation's limit.
const MAX_BYTES: usize = 4096;

/// Returns `items` if they fit into one parameter, or else patterns that cover them: of items that start alike up to a
/// separator, only the start and `*`. Starts are cut as late as possible. `None` if no cut fits.
///
/// The first `fixed` bytes of each item, such as the start of an ARN, are never cut.
pub(super) fn fitting(items: &BTreeSet<String>, fixed: usize) -> Option<BTreeSet<String>> {
    if fits(items) {
        return Some(items.clone());
    }
    let most = items
        .iter()
        .map(|item| cuts(item, fixed).len())
        .max()
        .unwrap_or(0);
    (1..=most)
        .rev()
        .map(|depth| cut(items, fixed, depth))
        .find(fits)
}

fn fits(items: &BTreeSet<String>) -> bool {
    items.iter().map(|item| item.len() + 1).sum::<usize>() <= MAX_BYTES + 1
}

/// Returns the ends of the starts of `item` that end with a separator, the shortest first.
fn cuts(item: &str, fixed: usize) -> Vec<usize> {
    item.char_indices()
        .filter(|(index, character)| *index >= fixed && "-_./".contains(*character))
        .map(|(index, _)| index + 1)
        .collect()
}

/// Replaces items that share a start of `depth` separators by that start and `*`.
fn cut(items: &BTreeSet<String>, fixed: usize, depth: usize) -> BTreeSet<String> {
    let mut groups: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for item in items {
        let ends = cuts(item, fixed);
        let end = ends.get(depth - 1).copied().unwrap_or(item.len());
        groups.entry(&item[..end]).or_default().push(item);
    }
    groups
        .into_iter()
        .map(|(start, members)| match members.as_slice() {
            [only] => (*only).clone(),
            _ => format!("{start}*"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "arn:aws:s3:::";

    fn buckets(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        names
            .into_iter()
            .map(|name| format!("{START}{name}"))
            .collect()
    }

    #[test]
    fn what_fits_is_listed_item_by_item() {
        let items = buckets((0..50).map(|index| format!("acme-prod-{index}")));

        assert_eq!(fitting(&items, START.len()), Some(items));
    }

    #[test]
    fn what_does_not_fit_is_cut_as_late_as_possible() {
        let mut items = buckets((0..500).map(|index| format!("acme-{}-{index}-files", index % 3)));
        items.extend(buckets(["other".to_owned()]));

        let found = fitting(&items, START.len()).unwrap();

        let expected = ["acme-0-*", "acme-1-*", "acme-2-*", "other"];
        assert_eq!(found, buckets(expected.map(str::to_owned)));
    }

    #[test]
    fn names_without_a_common_start_have_no_pattern() {
        let items = buckets((0..500).map(|index| format!("{index}files")));

        assert_eq!(fitting(&items, START.len()), None);
    }
}
