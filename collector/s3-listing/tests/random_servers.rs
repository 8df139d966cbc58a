//! Listings of servers with random faults: the exact total, or an error, and never another number.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test"
)]

use std::collections::BTreeSet;
use std::fmt::Write;

use s3_listing::{
    Completion, Key, Listing, ListingTotals, OpenRange, Order, Page, PageError, PageRequest, Plan,
    Scanner, Scope, Seam, SeenEntries,
};
use synthetic_s3::Numbers;

/// Faults of a server, each of which some provider has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A page with a token begins with this many entries of the page before.
    Overlap(usize),
    /// The key to start after is included.
    IncludesStart,
    /// The key to start after is ignored.
    IgnoresStart,
    /// Some pages are empty and not the last.
    EmptyPages,
    /// Entries are repeated within a page.
    Repeats,
    /// Keys are in the order of their lowercase letters.
    FoldedOrder,
    /// Keys are in no order.
    NoOrder,
    /// A token leads to an earlier page, once.
    GoesBack,
    /// Every token leads to the first page.
    IgnoresToken,
    /// All keys are listed.
    IgnoresPrefix,
    /// Keys with the prefix in any case are listed.
    FoldsPrefix,
    /// A slash at the start of the prefix is removed.
    StripsSlash,
}

impl Fault {
    /// Returns whether the total must be found despite the fault.
    fn is_harmless(self) -> bool {
        use Fault::*;
        match self {
            Overlap(1) | IncludesStart | IgnoresStart | EmptyPages | Repeats | FoldedOrder
            | NoOrder => true,
            // A page may begin like an earlier one that was short.
            Overlap(_) => false,
            GoesBack | IgnoresToken | IgnoresPrefix | FoldsPrefix | StripsSlash => false,
        }
    }
}

#[derive(Debug, Clone)]
struct Entry {
    key: String,
    version: usize,
    /// Bit of its own in the total, so that a total shows which entries it has.
    bytes: u64,
    /// Whether it is created and deleted while the listing runs.
    is_volatile: bool,
}

struct RandomServer {
    entries: Vec<Entry>,
    faults: Vec<Fault>,
    listing: Listing,
    numbers: Numbers,
    has_gone_back: bool,
}

impl RandomServer {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let listing = match numbers.below(2) {
            0 => Listing::Objects,
            _ => Listing::Versions,
        };
        let pieces = ["a", "B", "b", "/", "é", "%", "+", "&", "0", "a/"];
        let count = numbers.below(40);
        let keys: BTreeSet<String> = (0..count)
            .map(|_| {
                let length = 1 + numbers.below(5);
                (0..length)
                    .map(|_| pieces[numbers.below(pieces.len())])
                    .collect()
            })
            .collect();
        let mut entries = Vec::new();
        for key in keys {
            let versions = match listing {
                Listing::Objects => 1,
                Listing::Versions => 1 + numbers.below(3),
            };
            for version in 0..versions {
                if entries.len() < 60 {
                    entries.push(Entry {
                        bytes: 1 << entries.len(),
                        key: key.clone(),
                        version,
                        is_volatile: listing == Listing::Objects && numbers.below(5) == 0,
                    });
                }
            }
        }
        let all = [
            Fault::Overlap(1),
            Fault::Overlap(2 + numbers.below(3)),
            Fault::IncludesStart,
            Fault::IgnoresStart,
            Fault::EmptyPages,
            Fault::Repeats,
            Fault::FoldedOrder,
            Fault::NoOrder,
            Fault::GoesBack,
            Fault::IgnoresToken,
            Fault::IgnoresPrefix,
            Fault::FoldsPrefix,
            Fault::StripsSlash,
        ];
        let count = numbers.below(3);
        let faults: Vec<Fault> = (0..count).map(|_| all[numbers.below(all.len())]).collect();
        let mut server = Self {
            entries: Vec::new(),
            faults,
            listing,
            numbers,
            has_gone_back: false,
        };
        entries.sort_by_key(|entry| (server.order_of(&entry.key), entry.version));
        server.entries = entries;
        server
    }

    /// Returns what the server sorts a key by.
    fn order_of(&self, key: &str) -> (String, String) {
        let first = if self.has(Fault::NoOrder) {
            let number = key.bytes().fold(7_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
            });
            format!("{number:020}")
        } else if self.has(Fault::FoldedOrder) {
            key.to_lowercase()
        } else {
            String::new()
        };
        (first, key.to_owned())
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn is_listed(&self, key: &str, prefix: &str) -> bool {
        if self.has(Fault::IgnoresPrefix) {
            true
        } else if self.has(Fault::FoldsPrefix) {
            key.to_lowercase().starts_with(&prefix.to_lowercase())
        } else if self.has(Fault::StripsSlash) {
            key.starts_with(prefix.trim_start_matches('/'))
        } else {
            key.starts_with(prefix)
        }
    }

    /// Returns the index of the first entry of the next page.
    fn start(&mut self, range: &OpenRange) -> usize {
        let token = range
            .cursor
            .as_ref()
            .and_then(|cursor| cursor.token.clone());
        if let Some(token) = token {
            // An entry's index: entries are only hidden, so that it stays valid.
            let next: usize = token.split(' ').next().unwrap().parse().unwrap();
            let overlap = self.faults.iter().find_map(|fault| match fault {
                Fault::Overlap(entries) => Some(*entries),
                _ => None,
            });
            if self.has(Fault::IgnoresToken) {
                return 0;
            }
            if self.has(Fault::GoesBack) && !self.has_gone_back && self.numbers.below(4) == 0 {
                self.has_gone_back = true;
                return self.numbers.below(next + 1);
            }
            return next.saturating_sub(overlap.unwrap_or(0));
        }
        let Some(position) = range.position() else {
            return 0;
        };
        if self.has(Fault::IgnoresStart) {
            return 0;
        }
        let is_included = self.has(Fault::IncludesStart);
        let position = std::str::from_utf8(position).unwrap();
        let is_before = |entry: &&Entry| {
            let order = self.order_of(&entry.key).cmp(&self.order_of(position));
            order.is_lt() || (order.is_eq() && !is_included)
        };
        self.entries.iter().take_while(is_before).count()
    }

    fn page(&mut self, range: &OpenRange, prefix: &str) -> String {
        let mut index = self.start(range);
        let mut limit = 6 + self.numbers.below(5);
        if self.has(Fault::EmptyPages) && self.numbers.below(3) == 0 {
            limit = 0;
        }
        let (mut body, mut count) = (String::new(), 0);
        while index < self.entries.len() && count < limit {
            let entry = self.entries[index].clone();
            index += 1;
            let is_hidden = entry.is_volatile && self.numbers.below(2) == 0;
            if is_hidden || !self.is_listed(&entry.key, prefix) {
                continue;
            }
            let times = 1 + usize::from(self.has(Fault::Repeats) && self.numbers.below(4) == 0);
            for _ in 0..times {
                self.push(&mut body, &entry);
                count += 1;
            }
        }
        let is_truncated = index < self.entries.len();
        // Tokens differ although they name the same entry.
        let token = format!("{index} {}", self.numbers.below(1_000_000));
        let name = match self.listing {
            Listing::Objects => "ListBucketResult",
            Listing::Versions => "ListVersionsResult",
        };
        let position = match self.listing {
            Listing::Objects => {
                format!("<NextContinuationToken>{token}</NextContinuationToken>")
            }
            Listing::Versions => {
                let key = index
                    .checked_sub(1)
                    .map_or("", |index| &self.entries[index].key);
                format!(
                    "<NextKeyMarker>{}</NextKeyMarker><NextVersionIdMarker>{token}</NextVersionIdMarker>",
                    encoded(key)
                )
            }
        };
        format!(
            "<{name}><Prefix>{}</Prefix><KeyCount>{count}</KeyCount><EncodingType>url</EncodingType>\
             <IsTruncated>{is_truncated}</IsTruncated>{position}{body}</{name}>",
            encoded(match self.has(Fault::StripsSlash) {
                true => prefix.trim_start_matches('/'),
                false => prefix,
            })
        )
    }

    fn push(&self, body: &mut String, entry: &Entry) {
        let Entry { version, bytes, .. } = entry;
        let key = encoded(&entry.key);
        match self.listing {
            Listing::Objects => {
                write!(
                    body,
                    "<Contents><Key>{key}</Key><Size>{bytes}</Size></Contents>"
                )
                .unwrap();
            }
            Listing::Versions => write!(
                body,
                "<Version><Key>{key}</Key><VersionId>v{version}</VersionId><IsLatest>{}</IsLatest>\
                 <Size>{bytes}</Size></Version>",
                *version == 0
            )
            .unwrap(),
        }
    }
}

fn encoded(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Lists as the collector does: first in ranges, and again without an order if that fails.
fn list(server: &mut RandomServer, prefix: &str) -> Result<ListingTotals, PageError> {
    match attempt(server, prefix, true) {
        Err(PageError::Unordered) => attempt(server, prefix, false),
        result => result,
    }
}

fn attempt(
    server: &mut RandomServer,
    prefix: &str,
    is_ordered: bool,
) -> Result<ListingTotals, PageError> {
    let scope = Scope {
        listing: server.listing,
        prefix,
        suffix: "",
    };
    let mut numbers = Numbers(server.entries.len() as u64);
    let mut plan = Plan::new(prefix.len(), is_ordered);
    let mut totals = ListingTotals::default();
    let mut seen = SeenEntries::default();
    let mut pending: Vec<PageRequest> = Vec::new();
    while !plan.is_finished() {
        if numbers.below(8) == 0 {
            let mut open = plan.open_ranges();
            for range in &mut open {
                if let Some(cursor) = &mut range.cursor {
                    let keeps_token = !is_ordered || server.listing == Listing::Versions;
                    cursor.token = cursor.token.take().filter(|_| keeps_token);
                    if let Some(last) = &mut cursor.last {
                        last.versions.drain(..last.versions.len() - 1);
                    }
                }
            }
            if is_ordered && !server.entries.is_empty() {
                let entry = &server.entries[numbers.below(server.entries.len())];
                split(&mut open, &entry.key);
            }
            plan = Plan::resume(prefix.len(), is_ordered, open, plan.counts());
            seen = SeenEntries::after_pause(&seen.last().collect::<Vec<_>>());
            pending.clear();
        }
        while pending.len() < 1 + numbers.below(4)
            && let Some(request) = plan.next_page(1 + numbers.below(4))
        {
            pending.push(request);
        }
        let request = pending.swap_remove(numbers.below(pending.len()));
        let order = if is_ordered {
            Order::Bytes
        } else {
            Order::Unknown(&seen)
        };
        let page = fetch(server, scope, &request.open, order)?;
        if plan.complete(request.range, &page.keys) == Completion::Counted {
            assert!(totals.merge(&page.totals));
            seen.add_page(&page.hashes);
        }
        while let Some(seam) = plan.next_seam() {
            let mut is_closed = false;
            for _ in 0..20 {
                let [left, right] = seam.pages();
                let left = fetch(server, scope, &left, Order::Bytes)?;
                let right = fetch(server, scope, &right, Order::Bytes)?;
                is_closed |= Seam::is_closed(&left.keys, &right.keys);
            }
            if !is_closed {
                return Err(PageError::Unordered);
            }
        }
        if plan.counts().is_without_progress() {
            return Err(PageError::Malformed("no progress"));
        }
    }
    Ok(totals)
}

fn fetch(
    server: &mut RandomServer,
    scope: Scope<'_>,
    range: &OpenRange,
    order: Order<'_>,
) -> Result<Page, PageError> {
    let body = server.page(range, scope.prefix);
    let mut scanner = Scanner::new(scope, range, order);
    for chunk in body.as_bytes().chunks(100) {
        scanner.feed(chunk)?;
    }
    scanner.finish()
}

/// Splits the range that has `key` after its position.
fn split(open: &mut Vec<OpenRange>, key: &str) {
    let key: Key = key.as_bytes().into();
    let has_key = |range: &&mut OpenRange| {
        let is_after = range.position().is_none_or(|position| *position < key);
        is_after && range.until.as_ref().is_none_or(|until| key < *until)
    };
    if let Some(range) = open.iter_mut().find(has_key) {
        let right = OpenRange {
            lower: Some(key.clone()),
            until: range.until.replace(key),
            cursor: None,
            next: range.next.take(),
        };
        open.push(right);
    }
}

#[test]
fn a_total_is_exact_whatever_the_faults_of_the_server() {
    let (mut totals, mut errors) = (0, 0);
    for seed in 0..6_000 {
        let mut server = RandomServer::new(seed);
        let prefix = ["", "", "a", "/", "/a", "b"][server.numbers.below(6)];
        let faults = server.faults.clone();

        let result = list(&mut server, prefix);

        let case = format!("seed {seed} {:?} {faults:?} {prefix:?}", server.listing);
        let found = match result {
            Ok(found) => found,
            Err(error) => {
                let is_single = faults.len() < 2 || !faults.contains(&Fault::Overlap(1));
                let is_harmless = is_single && faults.iter().all(|fault| fault.is_harmless());
                assert!(!is_harmless, "{case}: {error}");
                errors += 1;
                continue;
            }
        };
        totals += 1;
        let bytes = found.current.total_bytes().unwrap() + found.noncurrent.total_bytes().unwrap();
        let count = found.current.object_count() + found.noncurrent.object_count();
        assert_eq!(
            u64::from(bytes.count_ones()),
            count,
            "{case}: counted twice"
        );
        for entry in &server.entries {
            let is_counted = bytes & entry.bytes != 0;
            let is_expected = entry.key.starts_with(prefix);
            let may_differ = entry.is_volatile && is_expected;
            assert!(is_counted == is_expected || may_differ, "{case}: {entry:?}");
        }
    }
    println!("{totals} totals, {errors} errors");
    assert!(totals > errors && errors > 100, "both are tested");
}
