//! Damaged pages, read by our scanner and by the SDK's parser: the same total, or an error, and never another number.
//!
//! `make fuzz` runs this for a minute with a new seed. A failure names the seed of its page, which repeats it alone. A
//! page that is not well-formed has no right total, and the SDK's parser guesses one: it must only not end the program.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use s3_listing::{Listing, ListingTotals, OpenRange, Order, PageError, Scanner, Scope};
use shared::config::{ProcessVariables, Variables};
use synthetic_s3::Numbers;

/// Variables of `make fuzz`.
const SEED: &str = "MRT_FUZZ_SEED";
const SECONDS: &str = "MRT_FUZZ_SECONDS";
/// Pages of a run without those variables.
const PAGES: u64 = 3_000;

/// Texts that mean something in a page.
const WORDS: [&str; 34] = [
    "<Contents>",
    "</Contents>",
    "<Key>",
    "</Key>",
    "<Key/>",
    "<Size>",
    "</Size>",
    "<Size>9</Size>",
    "<Size/>",
    "<Version>",
    "</Version>",
    "<DeleteMarker>",
    "</DeleteMarker>",
    "<IsLatest>true</IsLatest>",
    "<IsTruncated>false</IsTruncated>",
    "<IsTruncated>true</IsTruncated>",
    "<EncodingType>url</EncodingType>",
    "<KeyCount>1</KeyCount>",
    "<!--",
    "-->",
    "<!-- <Contents><Key>x</Key><Size>9</Size></Contents> -->",
    "<![CDATA[",
    "]]>",
    "&amp;",
    "&lt;",
    "&#x37;",
    "&#55;",
    " ",
    "\n",
    "7",
    "%",
    "+",
    "<Owner><ID>1</ID></Owner>",
    "<x:Size>7</x:Size>",
];

/// Number and bytes of current and of noncurrent objects, and the number of delete markers.
type Sums = ([u64; 2], [u64; 2], u64);

fn sums(totals: &ListingTotals) -> Sums {
    let of = |totals: &s3_listing::Totals| [totals.object_count(), totals.total_bytes().unwrap()];
    (
        of(&totals.current),
        of(&totals.noncurrent),
        totals.delete_markers,
    )
}

/// Reads a page as a listing does: the scanner first, and pages in a form of their own as any XML.
fn scanned(page: &[u8], listing: Listing, numbers: &mut Numbers) -> Result<Sums, PageError> {
    match scanned_in_chunks(page, listing, numbers) {
        Err(PageError::Unfamiliar(_)) => {
            let page = s3_listing::normalized(page, listing)?;
            scanned_in_chunks(&page, listing, numbers)
        }
        scanned => scanned,
    }
}

fn scanned_in_chunks(
    page: &[u8],
    listing: Listing,
    numbers: &mut Numbers,
) -> Result<Sums, PageError> {
    let range = OpenRange {
        lower: None,
        until: None,
        cursor: None,
        next: None,
    };
    let scope = Scope {
        listing,
        prefix: "",
        suffix: "",
    };
    let mut scanner = Scanner::new(scope, &range, Order::Bytes);
    let mut rest = page;
    while !rest.is_empty() {
        let length = (1 + numbers.below(200)).min(rest.len());
        let (chunk, others) = rest.split_at(length);
        scanner.feed(chunk)?;
        rest = others;
    }
    Ok(sums(&scanner.finish()?.totals))
}

/// A version or, without bytes, a delete marker.
#[derive(Debug, Default, Clone, Copy)]
struct Entry {
    is_current: bool,
    bytes: Option<u64>,
}

/// Returns a page without comments and instructions, and with CDATA sections as text.
///
/// The SDK's parser ends a value at the former and skips the latter; XML joins the text around both.
fn with_plain_text(page: &[u8]) -> Vec<u8> {
    let Ok(mut rest) = std::str::from_utf8(page) else {
        return page.to_vec();
    };
    let mut text = String::new();
    while let Some(at) = rest.find('<') {
        let (before, markup) = rest.split_at(at);
        text.push_str(before);
        let section = |start: &str, end: &str| markup.strip_prefix(start)?.split_once(end);
        if let Some((cdata, after)) = section("<![CDATA[", "]]>") {
            text.push_str(&cdata.replace('&', "&amp;").replace('<', "&lt;"));
            rest = after;
        } else if let Some((_, after)) = section("<!--", "-->").or_else(|| section("<?", "?>")) {
            rest = after;
        } else {
            text.push('<');
            rest = &markup[1..];
        }
    }
    text.push_str(rest);
    text.into_bytes()
}

/// The SDK's client, whose every request has the same response.
struct Reference {
    client: Client,
    page: Arc<Mutex<Vec<u8>>>,
}

#[derive(Debug, Clone)]
struct Canned(Arc<Mutex<Vec<u8>>>);

impl HttpConnector for Canned {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let body = SdkBody::from(self.0.lock().unwrap().clone());
        let status = 200.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, body)))
    }
}

impl Reference {
    fn new() -> Self {
        let page: Arc<Mutex<Vec<u8>>> = Arc::default();
        let canned = SharedHttpConnector::new(Canned(Arc::clone(&page)));
        let http: SharedHttpClient = http_client_fn(move |_, _| canned.clone());
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("a", "b", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http);
        Self {
            client: Client::from_conf(config.build()),
            page,
        }
    }

    /// Returns what the SDK reads; `None` if it cannot read the page, if its values are no sizes, or if one version is
    /// both an object and a delete marker: the SDK does not tell which is first.
    ///
    /// An entry counts once, as the first one that has its key and version.
    async fn read(&self, page: &[u8], listing: Listing) -> Option<Sums> {
        *self.page.lock().unwrap() = with_plain_text(page);
        let mut entries: BTreeMap<(String, String), Entry> = BTreeMap::new();
        let bytes = |size: Option<i64>| u64::try_from(size?).ok();
        let mut add = |key: Option<&str>, version: Option<&str>, entry: Entry| {
            let id = (key?.to_owned(), version.unwrap_or("null").to_owned());
            let first = *entries.entry(id).or_insert(entry);
            (first.bytes.is_some() == entry.bytes.is_some()).then_some(())
        };
        match listing {
            Listing::Objects => {
                let page = self.client.list_objects_v2().bucket("files").send().await;
                for object in page.ok()?.contents() {
                    let bytes = Some(bytes(object.size())?);
                    add(
                        object.key(),
                        None,
                        Entry {
                            is_current: true,
                            bytes,
                        },
                    )?;
                }
            }
            Listing::Versions => {
                let request = self.client.list_object_versions().bucket("files");
                let page = request.send().await.ok()?;
                for version in page.versions() {
                    let entry = Entry {
                        is_current: version.is_latest() == Some(true),
                        bytes: Some(bytes(version.size())?),
                    };
                    add(version.key(), version.version_id(), entry)?;
                }
                for marker in page.delete_markers() {
                    add(marker.key(), marker.version_id(), Entry::default())?;
                }
            }
        }
        let mut sums = Sums::default();
        for entry in entries.into_values() {
            let Some(bytes) = entry.bytes else {
                sums.2 += 1;
                continue;
            };
            let sum = if entry.is_current {
                &mut sums.0
            } else {
                &mut sums.1
            };
            sum[0] += 1;
            sum[1] = sum[1].checked_add(bytes)?;
        }
        Some(sums)
    }
}

/// Returns a page as one of several providers writes it.
fn page(listing: Listing, numbers: &mut Numbers) -> Vec<u8> {
    let root = match listing {
        Listing::Objects => "ListBucketResult",
        Listing::Versions => "ListVersionsResult",
    };
    let count = numbers.below(6);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"s3\"><Name>files</Name><Prefix></Prefix>"
    );
    let has_count = listing == Listing::Objects && numbers.below(2) == 0;
    if has_count {
        text.push_str(&format!("<KeyCount>{count}</KeyCount>"));
    }
    let is_encoded = numbers.below(2) == 0;
    let metadata = "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>";
    let is_metadata_first = is_encoded || numbers.below(3) > 0;
    if is_encoded {
        text.push_str("<EncodingType>url</EncodingType>");
    }
    if is_metadata_first {
        text.push_str(metadata);
    }
    for number in 0..count {
        let size = numbers.random() >> numbers.below(60).max(8);
        let key = ["a/b", "ü", "x+y", "c%20d"][numbers.below(4)];
        let class = [
            "",
            "<StorageClass>GLACIER</StorageClass>",
            "<StorageClass/>",
        ][numbers.below(3)];
        let fields = format!("<ETag>&quot;{number}&quot;</ETag><Size>{size}</Size>{class}");
        match (listing, numbers.below(4)) {
            (Listing::Objects, 0) => text.push_str(&format!(
                "<Contents>{fields}<Key>{number}{key}</Key></Contents>"
            )),
            (Listing::Objects, _) => text.push_str(&format!(
                "<Contents><Key>{number}{key}</Key>{fields}</Contents>"
            )),
            (Listing::Versions, 0) => text.push_str(&format!(
                "<DeleteMarker><Key>{number}{key}</Key><VersionId>1</VersionId><IsLatest>true</IsLatest></DeleteMarker>"
            )),
            (Listing::Versions, one) => text.push_str(&format!(
                "<Version><Key>{number}{key}</Key><VersionId>1</VersionId><IsLatest>{}</IsLatest>{fields}</Version>",
                one == 1
            )),
        }
    }
    if !is_metadata_first {
        text.push_str(metadata);
    }
    text.push_str(&format!("</{root}>"));
    text.into_bytes()
}

/// Damages a page.
fn mutate(page: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..numbers.below(4) {
        if page.is_empty() {
            return;
        }
        let at = numbers.below(page.len());
        let length = numbers.below(60).min(page.len() - at);
        match numbers.below(7) {
            0 => page[at] = numbers.below(256).to_le_bytes()[0],
            1 => page.truncate(at),
            2 => {
                page.drain(at..at + length);
            }
            3 => {
                let copy = page[at..at + length].to_vec();
                let to = numbers.below(page.len());
                page.splice(to..to, copy);
            }
            4 => {
                // A digit becomes another one, where there is one.
                let digit = page[at..].iter().position(u8::is_ascii_digit);
                if let Some(digit) = digit {
                    page[at + digit] = b'0' + numbers.below(10).to_le_bytes()[0];
                }
            }
            _ => {
                // Mostly between two elements, where a word changes most.
                let tag = page[at..].iter().position(|byte| *byte == b'<');
                let at = at + tag.filter(|_| numbers.below(3) > 0).unwrap_or(0);
                let word = WORDS[numbers.below(WORDS.len())];
                page.splice(at..at, word.bytes());
            }
        }
    }
}

/// Checks the page of `seed`; returns whether both read it.
async fn check(reference: &Reference, seed: u64) -> bool {
    let mut numbers = Numbers(seed);
    let listing = [Listing::Objects, Listing::Versions][numbers.below(2)];
    let mut page = page(listing, &mut numbers);
    mutate(&mut page, &mut numbers);

    let scanned = scanned(&page, listing, &mut numbers);

    let Ok(scanned) = scanned else {
        return false;
    };
    if s3_listing::normalized(&page, listing).is_err() {
        return false;
    }
    let Some(expected) = reference.read(&page, listing).await else {
        return false;
    };
    assert_eq!(
        scanned,
        expected,
        "{SEED}={seed}: {listing:?} {}",
        String::from_utf8_lossy(&page)
    );
    true
}

#[tokio::test]
#[ignore = "runs by `make fuzz`"]
async fn damaged_pages_have_the_sdks_total_or_an_error() {
    let number = |name| ProcessVariables.get(name)?.parse::<u64>().ok();
    let reference = Reference::new();
    if let (Some(seed), None) = (number(SEED), number(SECONDS)) {
        check(&reference, seed).await;
        return;
    }
    let first = number(SEED).unwrap_or(1);
    let time = number(SECONDS).map(Duration::from_secs);
    let started = Instant::now();
    let (mut pages, mut read) = (0, 0);
    while time.map_or(pages < PAGES, |time| started.elapsed() < time) {
        read += u64::from(check(&reference, first.wrapping_add(pages)).await);
        pages += 1;
    }

    println!("{pages} pages from {SEED}={first} on; both read {read} of them");
    assert!(read > pages / 10, "{read} of {pages}");
}
