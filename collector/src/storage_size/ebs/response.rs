//! Reads size and type from EC2's description of volumes. No I/O.
//!
//! Strict where it counts: a response of another form, a truncated one, or one with several volumes is an error.

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

const ROOT: &str = "DescribeVolumesResponse";

/// A volume as EC2 describes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Volume {
    /// Its size in GiB.
    pub(super) gib: u64,
    /// Its type, such as `gp3`.
    pub(super) kind: String,
}

/// Returns the volume `id` of a response; `None` if the response has no volume.
pub(super) fn volume(text: &[u8], id: &str) -> Result<Option<Volume>, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "something other than text")?;
    if !text.trim_end().ends_with(&format!("</{ROOT}>")) {
        return Err("a truncated description of volumes");
    }
    let mut document = Document::new(text);
    let root = document.root_element();
    let mut root = root.map_err(|_| "something other than a description of volumes")?;
    if !root.start_el().matches(ROOT) {
        return Err("something other than a description of volumes");
    }
    let mut found = None;
    let mut has_list = false;
    while let Some(mut part) = root.next_tag() {
        if !part.start_el().matches("volumeSet") {
            continue;
        }
        has_list = true;
        while let Some(item) = part.next_tag() {
            let (name, volume) = one(item)?;
            if name != id || found.is_some() {
                return Err("another volume than the requested one");
            }
            found = Some(volume);
        }
    }
    if has_list {
        Ok(found)
    } else {
        Err("no list of volumes")
    }
}

/// Reads one item of the list: its own fields, and not those of its attachments.
fn one(mut item: ScopedDecoder<'_, '_>) -> Result<(String, Volume), &'static str> {
    let (mut id, mut gib, mut kind) = (None, None, None);
    while let Some(mut field) = item.next_tag() {
        let slot = match field.start_el().local() {
            "volumeId" => &mut id,
            "size" => &mut gib,
            "volumeType" => &mut kind,
            _ => continue,
        };
        let value = try_data(&mut field).map_err(|_| "a volume with a field that is not text")?;
        *slot = Some(value.into_owned());
    }
    let gib = gib.and_then(|gib| gib.parse().ok());
    let kind = kind.filter(|kind: &String| !kind.is_empty());
    match (id, gib, kind) {
        (Some(id), Some(gib), Some(kind)) => Ok((id, Volume { gib, kind })),
        _ => Err("a volume without id, size or type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "vol-0123abcd";

    fn response(items: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <DescribeVolumesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n\
             <requestId>59dbff89</requestId><volumeSet>{items}</volumeSet></DescribeVolumesResponse>\n"
        )
    }

    fn item(id: &str, size: &str) -> String {
        format!(
            "<item><attachmentSet><item><volumeId>vol-other</volumeId><size>1</size></item></attachmentSet>\
             <volumeId>{id}</volumeId><size>{size}</size><snapshotId/><volumeType>gp3</volumeType>\
             <tagSet><item><key>size</key><value>&lt;size&gt;7&lt;/size&gt;</value></item></tagSet></item>"
        )
    }

    #[test]
    fn size_and_type_belong_to_the_volume_itself() {
        let found = volume(response(&item(ID, "100")).as_bytes(), ID).unwrap();

        let expected = Volume {
            gib: 100,
            kind: "gp3".to_owned(),
        };
        assert_eq!(found, Some(expected));
        assert_eq!(volume(response("").as_bytes(), ID), Ok(None));
    }

    #[test]
    fn anything_but_a_description_of_the_volume_is_an_error() {
        let good = response(&item(ID, "100"));
        let twice = item(ID, "100").repeat(2);
        for bad in [
            String::new(),
            "<html></html>".to_owned(),
            good[..good.len() - 30].to_owned(),
            good.replace("volumeSet>", "volumes>"),
            response(&item("vol-4567abcd", "100")),
            response(&twice),
            response(&item(ID, "many")),
            response(&item(ID, "-1")),
            response("<item><volumeId>vol-0123abcd</volumeId></item>"),
        ] {
            assert!(volume(bad.as_bytes(), ID).is_err(), "{bad}");
        }
        assert!(volume(b"\xff", ID).is_err());
    }
}
