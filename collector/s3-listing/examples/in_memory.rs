//! Lists a bucket that exists in memory only.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt::Write;

use s3_listing::{Completion, Listing, ListingTotals, OpenRange, Order, Plan, Scanner, Scope};

fn main() -> Result<(), Box<dyn Error>> {
    let keys: Vec<String> = (0..50_000)
        .map(|n| format!("invoices/{n:08}.pdf"))
        .collect();
    let scope = Scope {
        listing: Listing::Objects,
        prefix: "invoices/",
        suffix: "",
    };
    let mut plan = Plan::new(scope.prefix.len(), true);
    let mut totals = ListingTotals::default();
    let mut pending = VecDeque::new();
    let mut requests = 0;
    while !plan.is_finished() {
        // Programs that send real requests take the number from a `ConcurrencyLimit`.
        while pending.len() < 8
            && let Some(request) = plan.next_page(8 - pending.len())
        {
            pending.push_back(request);
        }
        let Some(request) = pending.pop_front() else {
            break;
        };
        requests += 1;
        let body = list_objects_v2(&keys, &request.open)?;
        let mut scanner = Scanner::new(scope, &request.open, Order::Bytes);
        for chunk in body.as_bytes().chunks(16 << 10) {
            scanner.feed(chunk)?;
        }
        let page = scanner.finish()?;
        let is_counted = plan.complete(request.range, &page.keys) == Completion::Counted;
        if is_counted && !totals.merge(&page.totals) {
            return Err("more bytes than 64 bits hold".into());
        }
    }
    assert_eq!(totals.current.object_count(), 50_000);
    assert_eq!(totals.current.total_bytes(), Some(50_000 * 7));
    assert!((50..=65).contains(&requests), "{requests} requests");
    Ok(())
}

/// Answers like S3: up to 1,000 keys after the position, each of 7 bytes.
fn list_objects_v2(keys: &[String], range: &OpenRange) -> Result<String, std::fmt::Error> {
    let start = range.position().map_or(0, |position| {
        keys.partition_point(|key| key.as_bytes() <= &**position)
    });
    let page = keys.iter().skip(start).take(1000);
    let is_truncated = start + 1000 < keys.len();
    let mut xml = format!("<ListBucketResult><KeyCount>{}</KeyCount>", page.len());
    write!(xml, "<IsTruncated>{is_truncated}</IsTruncated>")?;
    write!(
        xml,
        "<NextContinuationToken>{start}</NextContinuationToken>"
    )?;
    for key in page {
        write!(xml, "<Contents><Key>{key}</Key><Size>7</Size></Contents>")?;
    }
    xml.push_str("</ListBucketResult>");
    Ok(xml)
}

#[cfg(test)]
mod tests {
    const README: &str = include_str!("../README.md");
    const EXAMPLE: &str = include_str!("in_memory.rs");

    #[test]
    fn the_example_runs() {
        super::main().unwrap();
    }

    #[test]
    fn the_readme_shows_the_example() {
        let (_, after) = README.split_once("```rust,no_run\n").unwrap();
        let (shown, _) = after.split_once("```").unwrap();

        let (main, _) = EXAMPLE.split_once("\n/// Answers like S3").unwrap();
        let (_, main) = main.split_once("\n\n").unwrap();
        assert_eq!(shown.trim(), main.trim());
    }
}
