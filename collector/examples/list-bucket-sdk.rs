//! Lists one bucket with the SDK's client instead of the page scanner: `list-bucket-sdk ENDPOINT BUCKET`.
//!
//! For the listing benchmark: ranges and concurrency are those of `list-bucket`, so the difference in CPU time is what
//! the scanner saves.

#![allow(clippy::print_stdout, reason = "a tool for the benchmark")]

use std::time::Instant;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{EncodingType, Object};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use percent_encoding::percent_decode_str;
use s3_listing::{
    Completion, ConcurrencyLimit, Cursor, EntryHash, Key, ListingTotals, OpenRange, Page, PageKeys,
    Plan, Sample,
};
use shared::aws::Aws;
use shared::location::AwsScope;

type Error = Box<dyn std::error::Error>;

/// Entries between two sampled keys: as often as the scanner samples one.
const SAMPLE_EVERY: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, endpoint, bucket] = arguments.as_slice() else {
        return Err("usage: list-bucket-sdk ENDPOINT BUCKET".into());
    };
    let aws = Aws::at(endpoint, "bench", "bench");
    let client = aws.s3(&AwsScope::default()).await;
    let mut plan = Plan::new(0, true);
    let mut totals = ListingTotals::default();
    let mut limit = ConcurrencyLimit::default();
    let mut pending = FuturesUnordered::new();
    loop {
        while pending.len() < limit.current()
            && let Some(request) = plan.next_page(limit.current() - pending.len())
        {
            let client = &client;
            pending.push(async move {
                let page = page(client, bucket, &request.open).await;
                (request.range, page)
            });
        }
        let Some((range, page)) = pending.next().await else {
            break;
        };
        let page = page?;
        if plan.complete(range, &page.keys) == Completion::Counted && !totals.merge(&page.totals) {
            return Err("more bytes than 64 bits hold".into());
        }
        limit.record_page(Instant::now(), pending.len(), 0);
    }
    println!(
        "{} {}",
        totals.current.object_count(),
        totals.current.total_bytes().unwrap_or(0)
    );
    Ok(())
}

async fn page(client: &Client, bucket: &str, range: &OpenRange) -> Result<Page, Error> {
    let mut request = client
        .list_objects_v2()
        .bucket(bucket)
        .encoding_type(EncodingType::Url);
    request = match (&range.cursor, &range.lower) {
        (Some(cursor), _) => request.set_continuation_token(cursor.token.clone()),
        (None, Some(key)) => request.start_after(std::str::from_utf8(key)?),
        (None, None) => request,
    };
    let output = request.send().await?;
    let objects = output.contents();
    if output.key_count().map(usize::try_from) != Some(Ok(objects.len())) {
        return Err("a page lacks some of its keys".into());
    }
    let mut totals = ListingTotals::default();
    let mut keys = PageKeys::default();
    // As in the scanner, keys are decoded one by one only if the range starts or ends within the page.
    let (first, last) = (objects.first(), objects.last());
    let is_inside = first.is_none_or(|first| is_after(range, &key(first)))
        && last.is_none_or(|last| is_up_to_end(range, &key(last)));
    for (number, object) in (1_u64..).zip(objects) {
        let is_sample =
            number.is_multiple_of(SAMPLE_EVERY as u64) || number == objects.len() as u64;
        let is_sample = is_sample || number == 1;
        let decoded = (is_sample || !is_inside).then(|| key(object));
        if let Some(key) = &decoded {
            if is_sample {
                keys.samples.push(Sample {
                    entries: number,
                    key: key.clone(),
                });
            }
            if !is_after(range, key) {
                continue;
            }
            keys.first.get_or_insert(EntryHash::of(key, b""));
            if !is_up_to_end(range, key) {
                keys.first_past_end.get_or_insert(EntryHash::of(key, b""));
                continue;
            }
            keys.last_counted = Some(key.clone());
        }
        keys.counted += 1;
        let bytes = u64::try_from(object.size().ok_or("an object without a size")?)?;
        let class = object
            .storage_class()
            .map(|class| class.as_str().as_bytes());
        if !totals.current.add(class, bytes) {
            return Err("more bytes than 64 bits hold".into());
        }
    }
    if output.is_truncated() == Some(true) {
        let last = keys.samples.last().ok_or("a truncated page without keys")?;
        keys.next = Some(Cursor {
            key: last.key.clone(),
            token: output.next_continuation_token().map(str::to_owned),
            last: None,
        });
    }
    Ok(Page {
        totals,
        keys,
        hashes: Vec::new(),
    })
}

fn key(object: &Object) -> Key {
    let encoded = object.key().unwrap_or_default();
    if encoded.contains('+') {
        return percent_decode_str(&encoded.replace('+', " ")).collect();
    }
    percent_decode_str(encoded).collect()
}

fn is_after(range: &OpenRange, key: &Key) -> bool {
    range.lower.as_ref().is_none_or(|lower| key > lower)
}

fn is_up_to_end(range: &OpenRange, key: &Key) -> bool {
    range.until.as_ref().is_none_or(|until| key <= until)
}
