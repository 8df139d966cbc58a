//! Pages in chunks of every size, compared with totals that are computed from the objects.

use prefix_sums::Grouping;

use super::*;
use crate::ranges::{Cursor, Key};

/// An object of a generated page.
struct Object {
    key: String,
    bytes: u64,
    class: Option<&'static str>,
}

fn objects(keys: &[&str]) -> Vec<Object> {
    let classes = [Some("STANDARD"), None, Some("GLACIER"), Some("STANDARD")];
    let objects = keys.iter().zip(classes.iter().cycle()).enumerate();
    objects
        .map(|(number, (key, class))| Object {
            key: (*key).to_owned(),
            bytes: number as u64 * 1_000 + 1,
            class: *class,
        })
        .collect()
}

fn encoded(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Returns the XML as S3 writes it, or with fields in another order as other providers do.
fn document(objects: &[Object], token: Option<&str>, is_reordered: bool) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\"?>\n<ListBucketResult><Name>b</Name><Prefix></Prefix><KeyCount>{}</KeyCount>\
         <MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>",
        objects.len(),
        token.is_some()
    );
    if let Some(token) = token {
        text += &format!("<NextContinuationToken>{token}</NextContinuationToken>");
    }
    for Object { key, bytes, class } in objects {
        let key = encoded(key);
        let class = class.map_or(String::new(), |class| {
            format!("<StorageClass>{class}</StorageClass>")
        });
        text += &if is_reordered {
            format!(
                "\n <Contents>\n{class}<Size>{bytes}</Size>\n<ETag>&quot;0&quot;</ETag><Key>{key}</Key></Contents>"
            )
        } else {
            format!(
                "<Contents><Key>{key}</Key><ETag>&quot;0&quot;</ETag><Size>{bytes}</Size>{class}</Contents>"
            )
        };
    }
    text + "</ListBucketResult>"
}

fn range(lower: Option<&str>, until: Option<&str>) -> OpenRange {
    let key = |key: &str| Key::from(key.as_bytes());
    OpenRange {
        lower: lower.map(key),
        until: until.map(key),
        ..OpenRange::default()
    }
}

fn scope(listing: Listing, suffix: &str) -> Scope<'_> {
    Scope {
        listing,
        prefix: "",
        suffix,
    }
}

/// Scans `text` in chunks of `size` bytes.
fn scan(text: &str, range: &OpenRange, suffix: &str, size: usize) -> Result<Page, PageError> {
    let mut scanner = Scanner::new(scope(Listing::Objects, suffix), range, Order::Bytes);
    for chunk in text.as_bytes().chunks(size) {
        scanner.feed(chunk)?;
    }
    scanner.finish()
}

const KEYS: [&str; 9] = [
    "Size",
    "a/",
    "a/<Size>9</Size>",
    "b c+d",
    "e\u{1}",
    "e%20",
    "z",
    "é.pdf",
    "表/é.pdf",
];

#[test]
fn chunks_of_every_size_give_the_same_totals() {
    for is_reordered in [false, true] {
        let objects = objects(&KEYS);
        let text = document(&objects, Some("t"), is_reordered);
        for size in 1..text.len() + 1 {
            let page = scan(&text, &range(None, None), "", size).unwrap();

            let current = &page.totals.current;
            assert_eq!(
                (current.object_count(), current.total_bytes()),
                (9, Some(36_009))
            );
            let glacier = current.class("GLACIER").unwrap();
            assert_eq!((glacier.objects, glacier.bytes), (2, 8_002));
            let next = page.keys.next.unwrap();
            assert_eq!(
                (&*next.key, next.token.as_deref()),
                ("表/é.pdf".as_bytes(), Some("t"))
            );
        }
    }
}

#[test]
fn only_keys_of_the_range_and_with_the_suffix_count() {
    let bounds = [
        None,
        Some("0"),
        Some("a/"),
        Some("b"),
        Some("e%20"),
        Some("z"),
        Some("表/é.pdf"),
    ];
    for (lower, until, suffix) in bounds.iter().flat_map(|lower| {
        let untils = bounds.iter().map(move |until| (*lower, *until));
        untils.flat_map(|(lower, until)| ["", ".pdf", "/"].map(|suffix| (lower, until, suffix)))
    }) {
        if lower
            .zip(until)
            .is_some_and(|(lower, until)| lower >= until)
        {
            continue;
        }
        // Like a provider that includes the key to start after: it must not count twice.
        let mut objects = objects(&KEYS);
        objects.retain(|object| lower.is_none_or(|lower| *object.key >= *lower));
        let text = document(&objects, None, false);
        let is_in = |key: &str| {
            lower.is_none_or(|lower| key > lower) && until.is_none_or(|until| key <= until)
        };
        let in_range: Vec<_> = objects.iter().filter(|object| is_in(&object.key)).collect();
        let with_suffix = in_range
            .iter()
            .filter(|object| object.key.ends_with(suffix));
        let expected: u64 = with_suffix.map(|object| object.bytes).sum();

        let page = scan(&text, &range(lower, until), suffix, 37).unwrap();

        let case = format!("{lower:?} {until:?} {suffix}");
        assert_eq!(page.totals.current.total_bytes(), Some(expected), "{case}");
        assert_eq!(page.keys.counted, in_range.len() as u64, "{case}");
        let is_after_end = |object: &Object| until.is_some_and(|until| *object.key > *until);
        assert_eq!(
            page.keys.first_past_end.is_some(),
            objects.iter().any(is_after_end),
            "{case}"
        );
        let last = in_range.last().map(|object| object.key.as_bytes());
        assert_eq!(page.keys.last_counted.as_deref(), last, "{case}");
    }
}

#[test]
fn a_page_that_stops_anywhere_is_an_error_and_never_smaller() {
    let objects = objects(&KEYS);
    let text = document(&objects, None, false);
    for end in 0..text.len() - 1 {
        let Some(part) = text.get(..end) else {
            continue;
        };

        let error = scan(part, &range(None, None), "", 50).unwrap_err();

        assert!(!matches!(error, PageError::Unordered), "{end}: {error:?}");
    }
    let without_size = text.replacen("<Size>1001</Size>", "", 1);
    assert_eq!(
        scan(&without_size, &range(None, None), "", 50).unwrap_err(),
        PageError::Unfamiliar("an object without a valid size")
    );
}

#[test]
fn impossible_values_are_malformed() {
    let objects = objects(&["a", "b"]);
    let text = document(&objects, Some("t"), false);
    for (from, to) in [
        ("<Size>1</Size>", "<Size>-1</Size>"),
        ("<Size>1</Size>", "<Size></Size>"),
        ("<Size>1</Size>", "<Size>18446744073709551616</Size>"),
        ("<Size>1</Size>", "<Size>18446744073709551615</Size>"),
        ("<NextContinuationToken>t</NextContinuationToken>", ""),
    ] {
        let changed = text
            .replace(from, to)
            .replace("<StorageClass>STANDARD</StorageClass>", "");

        let error = scan(&changed, &range(None, None), "", 64).unwrap_err();

        assert!(
            matches!(error, PageError::Malformed(_) | PageError::Unfamiliar(_)),
            "{to}: {error:?}"
        );
    }
}

#[test]
fn keys_out_of_order_are_detected() {
    let text = document(&objects(&["b", "a"]), None, false);
    assert_eq!(
        scan(&text, &range(None, None), "", 10).unwrap_err(),
        PageError::Unordered
    );

    let text = document(&objects(&["a", "b"]), None, false);
    assert_eq!(
        scan(&text, &range(Some("c"), None), "", 99).unwrap_err(),
        PageError::Unordered
    );
    let mut resumed = range(None, None);
    resumed.cursor = Some(Cursor {
        key: Key::from(&b"aa"[..]),
        token: Some("x".into()),
        last: None,
    });
    assert_eq!(
        scan(&text, &resumed, "", 99).unwrap_err(),
        PageError::Unordered
    );
}

/// The `s3s` server does so.
#[test]
fn an_encoding_that_is_announced_after_the_keys_is_unfamiliar_if_keys_are_needed() {
    let text = document(&objects(&["a", "b"]), None, false);
    let field = "<EncodingType>url</EncodingType>";
    let end = "</ListBucketResult>";
    let text = text
        .replace(field, "")
        .replace(end, &format!("{field}{end}"));
    let range = range(None, None);
    let of = |suffix, is_ordered| {
        let seen = SeenEntries::default();
        let order = if is_ordered {
            Order::Bytes
        } else {
            Order::Unknown(&seen)
        };
        let mut scanner = Scanner::new(scope(Listing::Objects, suffix), &range, order);
        scanner.feed(text.as_bytes())?;
        scanner.finish()
    };

    let late = PageError::Unfamiliar("its encoding after its keys");
    assert_eq!(of("", true).unwrap_err(), late);
    assert_eq!(of("b", false).unwrap_err(), late);
    assert_eq!(of("", false).unwrap().keys.counted, 2);
}

#[test]
fn error_responses_have_a_code_and_a_message() {
    let body = b"<Error><Code>SlowDown</Code><Message>Please wait</Message></Error>";

    let error = ErrorResponse::parse(body);

    assert_eq!(
        (error.code, error.message),
        (Some("SlowDown"), Some("Please wait"))
    );
    let empty = ErrorResponse::parse(b"");
    assert_eq!((empty.code, empty.message), (None, None));
}

#[test]
fn versions_and_delete_markers_are_kept_apart() {
    let text = "<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
        <NextKeyMarker>b%2F</NextKeyMarker><NextVersionIdMarker>v&amp;2</NextVersionIdMarker>\
        <Version><Key>a</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest><Size>5</Size></Version>\
        <Version><Key>a</Key><VersionId>v0</VersionId><IsLatest>false</IsLatest><Size>7</Size>\
        <StorageClass>GLACIER</StorageClass></Version>\
        <DeleteMarker><Key>b%2F</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest></DeleteMarker>\
        <Version><Key>b%2F</Key><VersionId>v&amp;2</VersionId><IsLatest>false</IsLatest><Size>11</Size></Version>\
        </ListVersionsResult>";
    let open = range(None, None);
    for size in 1..text.len() + 1 {
        let mut scanner = Scanner::new(scope(Listing::Versions, ""), &open, Order::Bytes);
        for chunk in text.as_bytes().chunks(size) {
            scanner.feed(chunk).unwrap();
        }
        let page = scanner.finish().unwrap();

        let ListingTotals {
            current,
            noncurrent,
            delete_markers,
            by_prefix: _,
        } = &page.totals;
        assert_eq!(
            (current.object_count(), current.total_bytes()),
            (1, Some(5))
        );
        assert_eq!(
            (noncurrent.object_count(), noncurrent.total_bytes()),
            (2, Some(18))
        );
        assert_eq!(*delete_markers, 1);
        let next = page.keys.next.unwrap();
        assert_eq!(
            (&*next.key, next.token.as_deref()),
            (&b"b/"[..], Some("v&2"))
        );
    }
}

#[test]
fn sums_by_prefix_are_of_decoded_keys_and_of_what_counts() {
    let text = "<ListVersionsResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>\
        <Version><Key>a%2Fx</Key><VersionId>1</VersionId><IsLatest>true</IsLatest><Size>1</Size></Version>\
        <Version><Key>a/y.pdf</Key><VersionId>1</VersionId><IsLatest>true</IsLatest><Size>2</Size></Version>\
        <Version><Key>a/y.pdf</Key><VersionId>0</VersionId><IsLatest>false</IsLatest><Size>4</Size></Version>\
        <DeleteMarker><Key>b/y.pdf</Key><VersionId>1</VersionId><IsLatest>true</IsLatest></DeleteMarker>\
        <Version><Key>%C3%A9+/z.pdf</Key><VersionId>1</VersionId><IsLatest>true</IsLatest><Size>8</Size></Version>\
        <Version><Key>%C3%A9+/z.pdf</Key><VersionId>1</VersionId><IsLatest>true</IsLatest><Size>8</Size></Version>\
        </ListVersionsResult>";
    let empty = PrefixSums::new(Grouping::Folders {
        below: String::new(),
        depth: 1,
    });
    for (suffix, expected) in [
        ("", vec![("a/", 3, 4), ("é /", 8, 0)]),
        (".pdf", vec![("a/", 2, 4), ("é /", 8, 0)]),
    ] {
        let open = range(None, None);
        let scanner = Scanner::new(scope(Listing::Versions, suffix), &open, Order::Bytes);
        let mut scanner = scanner.by_prefix(Some(&empty));
        scanner.feed(text.as_bytes()).unwrap();
        let page = scanner.finish().unwrap();

        let sums = page.totals.by_prefix.unwrap();
        let mut found: Vec<_> = sums
            .prefixes()
            .map(|(prefix, sum)| {
                let prefix = std::str::from_utf8(prefix).unwrap();
                (prefix, sum.current.bytes, sum.noncurrent.bytes)
            })
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{suffix:?}");
    }
}

/// What the scanner does not know is unfamiliar, and reads the same once it is normalized.
#[test]
fn a_page_in_another_form_has_the_same_totals() {
    let objects = objects(&KEYS);
    let plain = document(&objects, Some("t"), false);
    let expected = scan(&plain, &range(None, None), "", 99).unwrap();
    for (from, to) in [
        (
            "<Contents>",
            "<!-- <Contents><Key>x</Key><Size>7</Size></Contents> --><Contents>",
        ),
        ("<Contents>", "<Contents id='1'>"),
        ("<Size>1001</Size>", "<Size><![CDATA[1001]]></Size>"),
        ("<Size>1001</Size>", "<Size> 1001\n</Size>"),
        ("<Key>", "<Key x='y'>"),
        ("Contents>", "s3:Contents>"),
        ("ListBucketResult>", "s3:ListBucketResult>"),
    ] {
        let changed = plain.replace(from, to);
        if let Ok(page) = scan(&changed, &range(None, None), "", 99) {
            assert_eq!(page.totals, expected.totals, "{to}");
        }

        let normal = normalized(changed.as_bytes(), Listing::Objects).unwrap();

        let normal = String::from_utf8(normal).unwrap();
        let page = scan(&normal, &range(None, None), "", 99).unwrap();
        assert_eq!(page.totals, expected.totals, "{to}");
        assert_eq!(page.keys.next, expected.keys.next, "{to}");
    }
}

#[test]
fn the_number_of_keys_is_a_second_check_where_it_can_be_right() {
    let plain = document(&objects(&["a", "b"]), None, false);
    let with = |count: &str| plain.replace("<KeyCount>2</KeyCount>", count);

    for count in ["", "<KeyCount>50493</KeyCount>"] {
        let page = scan(&with(count), &range(None, None), "", 99).unwrap();
        assert_eq!(page.keys.counted, 2, "{count}");
    }
    let error = scan(&with("<KeyCount>3</KeyCount>"), &range(None, None), "", 99).unwrap_err();
    assert_eq!(error, PageError::Truncated("a page lacks some of its keys"));
}

#[test]
fn entries_with_an_element_twice_and_entries_in_another_form_are_unfamiliar() {
    let version = "<Version><Key>b</Key><VersionId>1</VersionId><IsLatest>true</IsLatest>\
        <ETag>0</ETag><Size>5</Size></Version>";
    let page = |entries: &str| {
        format!(
            "<ListVersionsResult><IsTruncated>false</IsTruncated>{entries}</ListVersionsResult>"
        )
    };
    let read = |text: &str| {
        let open = range(None, None);
        let mut scanner = Scanner::new(scope(Listing::Versions, ""), &open, Order::Bytes);
        scanner.feed(text.as_bytes())?;
        Ok(scanner.finish()?.totals)
    };
    let marker = "<DeleteMarker ><Key>a</Key><VersionId>1</VersionId></DeleteMarker>";
    for (entries, markers) in [
        (version.replace("<ETag>0", "<ETag><Size>9</Size>"), 0),
        (
            version.replace("<ETag>0", "<ETag><IsLatest>false</IsLatest>"),
            0,
        ),
        (format!("{marker}{version}"), 1),
        (
            format!("{version}{}", marker.replace("<Key>a", "<Key>c")),
            1,
        ),
    ] {
        let text = page(&entries);
        assert!(
            matches!(read(&text), Err(PageError::Unfamiliar(_))),
            "{text}"
        );

        let normal = normalized(text.as_bytes(), Listing::Versions).unwrap();

        let totals = read(std::str::from_utf8(&normal).unwrap()).unwrap();
        assert_eq!(totals.current.total_bytes(), Some(5), "{text}");
        assert_eq!(totals.delete_markers, markers, "{text}");
    }
}
