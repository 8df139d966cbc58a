//! The XML of one page, byte for byte in S3's order of fields. No I/O.

use std::fmt::Write;

use crate::bucket::{Bucket, Object};
use crate::server::Asked;

/// Most entries of a page.
const PAGE: usize = 1000;

/// Returns what S3 answers to a listing.
pub(crate) fn listing(bucket: &Bucket, asked: &Asked, may_start: bool) -> String {
    if asked.query("versions").is_some() {
        versions(bucket, asked, may_start)
    } else {
        objects(bucket, asked, may_start)
    }
}

fn limit(asked: &Asked) -> usize {
    let limit = asked.query("max-keys").and_then(|text| text.parse().ok());
    limit.unwrap_or(PAGE).min(PAGE)
}

fn objects(bucket: &Bucket, asked: &Asked, may_start: bool) -> String {
    let prefix = asked.query("prefix").unwrap_or_default();
    let places = bucket.with_prefix(&prefix);
    let start = match (
        asked.query("continuation-token"),
        asked.query("start-after"),
    ) {
        (Some(token), _) => token.strip_prefix('t').unwrap().parse().unwrap(),
        (None, Some(key)) if may_start => bucket.behind(&key).max(places.start),
        _ => places.start,
    };
    let is_encoded = asked.query("encoding-type").is_some();
    let delimiter = asked.query("delimiter").unwrap_or_default();
    let limit = limit(asked);
    let (mut body, mut count, mut index) = (String::with_capacity(400 << 10), 0, start);
    let mut folders = String::new();
    while index < places.end && count < limit {
        let object = bucket.object(index);
        let rest = &object.key[prefix.len()..];
        match rest.find(&*delimiter).filter(|_| !delimiter.is_empty()) {
            Some(end) => {
                let folder = &object.key[..prefix.len() + end + delimiter.len()];
                folders.push_str("<CommonPrefixes><Prefix>");
                push_key(&mut folders, folder, is_encoded);
                folders.push_str("</Prefix></CommonPrefixes>");
                index +=
                    bucket.keys()[index..places.end].partition_point(|key| key.starts_with(folder));
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
    let is_truncated = index < places.end;
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

/// Versions are numbered from the newest, 0, which is current; each older one has a byte more.
fn versions(bucket: &Bucket, asked: &Asked, may_start: bool) -> String {
    let prefix = asked.query("prefix").unwrap_or_default();
    let places = bucket.with_prefix(&prefix);
    let each = bucket.versions_per_key;
    let marker = asked.query("key-marker").filter(|_| may_start);
    let start = match (marker, asked.query("version-id-marker")) {
        (Some(key), Some(version)) => {
            let version: usize = version.strip_prefix('v').unwrap().parse().unwrap();
            (bucket.behind(&key) - 1) * each + version + 1
        }
        (Some(key), None) => bucket.behind(&key).max(places.start) * each,
        (None, _) => places.start * each,
    };
    let end = (start + limit(asked)).min(places.end * each).max(start);
    let is_encoded = asked.query("encoding-type").is_some();
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>files</Name>",
    );
    let is_truncated = end < places.end * each;
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
    for entry in start..end {
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

/// Appends what is left of a key that is not encoded: what was appended of it already is taken back.
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
