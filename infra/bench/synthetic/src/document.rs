//! The XML of one page, with the fields in S3's order. No I/O.

use std::fmt::Write;

use crate::bucket::{Bucket, Object};
use crate::request::Request;

/// Maximum number of entries of a page.
const PAGE: usize = 1000;

/// Where a listing without a token starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// After the requested key.
    Requested,
    /// At the first key, whatever was requested.
    OfBucket,
}

/// Returns S3's response to a listing request.
pub(crate) fn listing(bucket: &Bucket, request: &Request, start: Start) -> String {
    if request.query("versions").is_some() {
        versions(bucket, request, start)
    } else {
        objects(bucket, request, start)
    }
}

fn limit(request: &Request) -> usize {
    let limit = request.query("max-keys").and_then(|text| text.parse().ok());
    limit.unwrap_or(PAGE).min(PAGE)
}

fn objects(bucket: &Bucket, request: &Request, start: Start) -> String {
    let prefix = request.query("prefix").unwrap_or_default();
    let indexes = bucket.with_prefix(&prefix);
    let start_after = request.query("start-after");
    let first = match (request.query("continuation-token"), start_after) {
        (Some(token), _) => token.strip_prefix('t').unwrap().parse().unwrap(),
        (None, Some(key)) if start == Start::Requested => bucket.after(&key).max(indexes.start),
        _ => indexes.start,
    };
    let is_encoded = request.query("encoding-type").is_some();
    let delimiter = request.query("delimiter").unwrap_or_default();
    let limit = limit(request);
    let (mut body, mut count, mut index) = (String::with_capacity(400 << 10), 0, first);
    let mut folders = String::new();
    while index < indexes.end && count < limit {
        let object = bucket.object(index);
        let rest = &object.key[prefix.len()..];
        match rest.find(&*delimiter).filter(|_| !delimiter.is_empty()) {
            Some(end) => {
                let folder = &object.key[..prefix.len() + end + delimiter.len()];
                folders.push_str("<CommonPrefixes><Prefix>");
                push_key(&mut folders, folder, is_encoded);
                folders.push_str("</Prefix></CommonPrefixes>");
                index += bucket.keys()[index..indexes.end]
                    .partition_point(|key| key.starts_with(folder));
            }
            None => {
                push_object(&mut body, object, is_encoded);
                index += 1;
            }
        }
        count += 1;
    }
    let mut head = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>files</Name>",
    );
    head.push_str("<Prefix>");
    push_key(&mut head, &prefix, is_encoded);
    head.push_str("</Prefix>");
    let is_truncated = index < indexes.end;
    if is_truncated {
        write!(
            head,
            "<NextContinuationToken>t{index}</NextContinuationToken>"
        )
        .unwrap();
    }
    write!(
        head,
        "<KeyCount>{count}</KeyCount><MaxKeys>{limit}</MaxKeys>"
    )
    .unwrap();
    if is_encoded {
        head.push_str("<EncodingType>url</EncodingType>");
    }
    write!(head, "<IsTruncated>{is_truncated}</IsTruncated>").unwrap();
    head + &body + &folders + "</ListBucketResult>"
}

fn push_object(body: &mut String, object: Object<'_>, is_encoded: bool) {
    body.push_str("<Contents><Key>");
    push_key(body, object.key, is_encoded);
    body.push_str(
        "</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
         <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>",
    );
    write!(body, "{}", object.bytes).unwrap();
    body.push_str("</Size>");
    if let Some(class) = object.class {
        body.push_str("<StorageClass>");
        body.push_str(class);
        body.push_str("</StorageClass>");
    }
    body.push_str("</Contents>");
}

/// Versions are numbered from the newest, 0, which is current. Each older one has one byte more.
fn versions(bucket: &Bucket, request: &Request, start: Start) -> String {
    let prefix = request.query("prefix").unwrap_or_default();
    let indexes = bucket.with_prefix(&prefix);
    let each = bucket.versions_per_key;
    let marker = request.query("key-marker");
    let marker = marker.filter(|_| start == Start::Requested);
    let first = match (marker, request.query("version-id-marker")) {
        (Some(key), Some(version)) => {
            let version: usize = version.strip_prefix('v').unwrap().parse().unwrap();
            (bucket.after(&key) - 1) * each + version + 1
        }
        (Some(key), None) => bucket.after(&key).max(indexes.start) * each,
        (None, _) => indexes.start * each,
    };
    let end = (first + limit(request)).min(indexes.end * each).max(first);
    let is_encoded = request.query("encoding-type").is_some();
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>files</Name>",
    );
    let is_truncated = end < indexes.end * each;
    if is_truncated {
        text.push_str("<NextKeyMarker>");
        push_key(&mut text, bucket.object((end - 1) / each).key, is_encoded);
        write!(
            text,
            "</NextKeyMarker><NextVersionIdMarker>v{}</NextVersionIdMarker>",
            (end - 1) % each
        )
        .unwrap();
    }
    if is_encoded {
        text.push_str("<EncodingType>url</EncodingType>");
    }
    write!(text, "<IsTruncated>{is_truncated}</IsTruncated>").unwrap();
    for entry in first..end {
        let (object, version) = (bucket.object(entry / each), entry % each);
        let is_latest = version == 0;
        // The oldest version of every third key is a delete marker.
        let is_marker = version > 0 && version == each - 1 && (entry / each).is_multiple_of(3);
        let tag = if is_marker { "DeleteMarker" } else { "Version" };
        write!(text, "<{tag}><Key>").unwrap();
        push_key(&mut text, object.key, is_encoded);
        write!(
            text,
            "</Key><VersionId>v{version}</VersionId><IsLatest>{is_latest}</IsLatest>"
        )
        .unwrap();
        if !is_marker {
            write!(text, "<Size>{}</Size>", object.bytes + version as u64).unwrap();
            if let Some(class) = object.class {
                write!(text, "<StorageClass>{class}</StorageClass>").unwrap();
            }
        }
        write!(text, "</{tag}>").unwrap();
    }
    text + "</ListVersionsResult>"
}

fn push_key(text: &mut String, key: &str, is_encoded: bool) {
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'*' => {
                text.push(char::from(byte));
            }
            _ if is_encoded && byte == b' ' => text.push('+'),
            _ if is_encoded => write!(text, "%{byte:02X}").unwrap(),
            _ => {
                push_escaped(text, key);
                return;
            }
        }
    }
}

/// Appends the rest of a key as escaped XML text, from its first special character on.
fn push_escaped(text: &mut String, key: &str) {
    let done = key
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_./*".contains(byte))
        .count();
    for symbol in key[done..].chars() {
        match symbol {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            symbol if symbol < ' ' => write!(text, "&#{};", u32::from(symbol)).unwrap(),
            symbol => text.push(symbol),
        }
    }
}
