//! The model's metadata inside an app's package (`.mda`, a zip), read without downloading the package.
//!
//! The package of a portable app also names the variables that override constants, and has a configuration.
//!
//! Reads the end of the package, which contains the directory, and then the parts that contain the metadata. The
//! zip library runs on the bytes read so far; when it needs others, they are fetched and it runs again.

use std::io::{self, Read, Seek, SeekFrom};

use shared::aws::Aws;
use shared::document::Ranges;
use shared::location::AwsScope;
use shared::location::Location;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::constants::layers::document::{self, LAYER_LIMIT_BYTES, MODEL_LIMIT_BYTES};
use crate::constants::layers::error::{LayerError, Position};
use crate::constants::layers::hocon;
use crate::constants::model::Model;

/// Path of the model's metadata in a package, and in that of a portable app. One folder may be above it.
const METADATA: [&str; 2] = ["app/model/metadata.json", "model/metadata.json"];
/// Path of the variables of a portable app.
const VARIABLES: &str = "etc/constants/variables.conf";
/// Path of the configuration with which a portable app starts unless another one is named.
const CONFIGURATION: &str = "etc/configurations/Default.conf";
/// Number of bytes that are first read from the end: the last record of a zip has at most 65,557 bytes.
const TAIL_BYTES: u64 = 128 * 1024;
/// Size of each part that is read afterwards.
const PART_BYTES: u64 = 512 * 1024;
/// Maximum number of parts, 12 MiB in total. The directory of a package with 10,000 files has about 1 MiB.
const MAX_PARTS: usize = 24;

/// Returns whether the document at `location` is a package, by its name.
pub(in crate::constants) fn is_package(location: &Location) -> bool {
    let name = location.to_string().to_ascii_lowercase();
    [".mda", ".zip"].iter().any(|ending| name.ends_with(ending))
}

/// The texts of a package that define constants.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::constants) struct Package {
    metadata: String,
    /// Of a portable app: names of variables.
    variables: Option<String>,
    /// Of a portable app: values.
    configuration: Option<String>,
}

impl Package {
    /// Returns the model that the package contains.
    pub(in crate::constants) fn model(&self) -> Result<Model, LayerError> {
        let mut model = Model::parse(&self.metadata)?;
        if let Some(text) = &self.configuration {
            for (name, mut entries) in hocon::parse(text)?.entries {
                let definition = model.constants.get_mut(&name);
                if let (Some(definition), Some(entry)) = (definition, entries.pop()) {
                    definition.default = entry.setting;
                }
            }
        }
        if let Some(text) = &self.variables {
            model.variables = hocon::parse(text)?.variables;
        }
        Ok(model)
    }
}

/// Returns the texts of the package at `location`.
pub(in crate::constants) async fn load(
    aws: &Aws,
    scope: &AwsScope,
    location: &Location,
) -> Result<Package, LayerError> {
    let opened = Ranges::open(aws, scope, location, TAIL_BYTES).await;
    let (ranges, tail) = opened.map_err(document::layer_error)?;
    let mut known = Known::with_tail(ranges.length(), tail);
    for _ in 0..MAX_PARTS {
        let error = match extract(&mut known) {
            Ok(package) => return Ok(package),
            Err(error) => error,
        };
        let Some(start) = known.missing.take() else {
            return Err(error);
        };
        let part = ranges.read(start..start + PART_BYTES).await;
        known
            .parts
            .push((start, part.map_err(document::layer_error)?));
    }
    Err(LayerError::TooLarge {
        limit_bytes: PART_BYTES * 24,
    })
}

fn extract(known: &mut Known) -> Result<Package, LayerError> {
    known.position = 0;
    let mut archive = ZipArchive::new(known).map_err(malformed)?;
    let (root, metadata) = {
        let names = archive.file_names().filter_map(Result::ok);
        let found = names.filter_map(|name| Some((root(&name)?.to_owned(), name.into_owned())));
        found
            .min_by_key(|(root, _)| root.len())
            .ok_or(LayerError::NoMetadata)?
    };
    let metadata =
        file(&mut archive, &metadata, MODEL_LIMIT_BYTES)?.ok_or(LayerError::NoMetadata)?;
    let mut optional = |name: &str| file(&mut archive, &format!("{root}{name}"), LAYER_LIMIT_BYTES);
    Ok(Package {
        metadata,
        variables: optional(VARIABLES)?,
        configuration: optional(CONFIGURATION)?,
    })
}

/// Returns the folder of the package, with a slash, if `name` is that of the metadata: empty, or one folder.
fn root(name: &str) -> Option<&str> {
    let root = METADATA.iter().find_map(|path| name.strip_suffix(path))?;
    let folder = root.strip_suffix('/').unwrap_or(root);
    ((root.is_empty() || root.ends_with('/')) && !folder.contains('/')).then_some(root)
}

/// Returns the text of a file; `None` if there is none of that name.
fn file(
    archive: &mut ZipArchive<&mut Known>,
    name: &str,
    limit_bytes: u64,
) -> Result<Option<String>, LayerError> {
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(malformed(error)),
    };
    // The size in the directory is not trusted.
    let mut bytes = Vec::new();
    let mut bounded = file.take(limit_bytes + 1);
    bounded.read_to_end(&mut bytes).map_err(malformed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit_bytes) {
        return Err(LayerError::TooLarge { limit_bytes });
    }
    document::text_of(bytes).map(Some)
}

fn malformed<E>(_error: E) -> LayerError {
    LayerError::Malformed(Position::UNKNOWN)
}

/// The parts of a package read so far, and the position of the first byte that was needed but not read.
struct Known {
    length: u64,
    position: u64,
    parts: Vec<(u64, Vec<u8>)>,
    missing: Option<u64>,
}

impl Known {
    fn with_tail(length: u64, tail: Vec<u8>) -> Self {
        let start = length.saturating_sub(u64::try_from(tail.len()).unwrap_or(length));
        Self {
            length,
            position: 0,
            parts: vec![(start, tail)],
            missing: None,
        }
    }

    /// Returns the bytes at `position` up to the end of the part that contains them.
    fn at(&self, position: u64) -> Option<&[u8]> {
        self.parts.iter().find_map(|(start, bytes)| {
            let offset = usize::try_from(position.checked_sub(*start)?).ok()?;
            bytes.get(offset..).filter(|rest| !rest.is_empty())
        })
    }
}

impl Read for Known {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let Some(bytes) = self.at(self.position) else {
            self.missing = Some(self.position);
            return Err(io::Error::other("not read yet"));
        };
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.position += u64::try_from(count).map_err(io::Error::other)?;
        Ok(count)
    }
}

impl Seek for Known {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| io::Error::other("before the start"))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::constants::layers::setting::Setting;

    /// A package with `count` other files of 10,000 bytes around the metadata.
    fn package(metadata: Option<&[u8]>, count: usize) -> Vec<u8> {
        let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
        let stored =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for number in 0..count {
            if number == count / 2
                && let Some(metadata) = metadata
            {
                let packed = SimpleFileOptions::default()
                    .compression_method(zip::CompressionMethod::Deflated);
                archive.start_file(METADATA[1], packed).unwrap();
                archive.write_all(metadata).unwrap();
            }
            archive
                .start_file(format!("web/NEVERLEAK-{number:05}.js"), stored)
                .unwrap();
            archive.write_all(&[b'x'; 10_000]).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    async fn load_from(bytes: &[u8]) -> Result<String, LayerError> {
        let file = tempfile::Builder::new().suffix(".mda").tempfile().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let location = Location::File(file.path().to_owned());
        let aws = Aws::for_tests("http://127.0.0.1:9");
        let package = load(&aws, &AwsScope::default(), &location).await;
        package.map(|package| package.metadata)
    }

    #[tokio::test]
    async fn the_metadata_is_found_in_small_and_large_packages() {
        for count in [1, 1_500] {
            let text = load_from(&package(Some(b"{\"Constants\": []}"), count)).await;

            assert_eq!(text.as_deref(), Ok("{\"Constants\": []}"), "{count} files");
        }
    }

    fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, text) in files {
            archive
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn model_of(files: &[(&str, &str)]) -> Result<Model, LayerError> {
        let bytes = zip(files);
        let mut known = Known::with_tail(u64::try_from(bytes.len()).unwrap(), bytes);
        extract(&mut known)?.model()
    }

    #[test]
    fn the_package_of_a_portable_app_names_its_variables() {
        let metadata = r#"{"Constants": [{"Name": "A.B", "Type": "String", "DefaultValue": "x"}]}"#;
        let variables = "runtime.params.MicroflowConstants { \"A.B\" = ${?CONSTANTS_A_B} }";
        let configuration = "runtime.params.MicroflowConstants { \"A.B\" = configured }";
        for folder in ["", "acme-1.2/"] {
            let path = |name: &str| format!("{folder}{name}");
            let (model, names) = (path("app/model/metadata.json"), path(VARIABLES));
            let (configured, other) = (path(CONFIGURATION), path("lib/x/model/metadata.json"));
            let mut files = vec![
                (other.as_str(), "{}"),
                (model.as_str(), metadata),
                (names.as_str(), variables),
            ];

            let without = model_of(&files).unwrap();
            files.push((&configured, configuration));
            let with = model_of(&files).unwrap();

            assert_eq!(without.variables["A.B"], ["CONSTANTS_A_B"], "{folder}");
            assert_eq!(without.constants["A.B"].default, Setting::text("x"));
            assert_eq!(with.constants["A.B"].default, Setting::text("configured"));
        }
        let older = model_of(&[("acme/model/metadata.json", metadata)]).unwrap();
        assert!(older.variables.is_empty());
        let deep = model_of(&[("a/b/model/metadata.json", metadata)]);
        assert_eq!(deep.unwrap_err(), LayerError::NoMetadata);
    }

    #[tokio::test]
    async fn an_unusable_package_reports_the_cause() {
        let bomb = vec![b' '; 64 * 1024 * 1024];
        let mut cut = package(Some(b"{}"), 4);
        cut.truncate(cut.len() / 2);
        let mut damaged = package(Some(&[b'a'; 5_000]), 2);
        let at = damaged
            .windows(METADATA[1].len())
            .position(|window| window == METADATA[1].as_bytes())
            .unwrap();
        damaged[at + METADATA[1].len() + 1] ^= 0xff;
        let limit_bytes = MODEL_LIMIT_BYTES;
        let malformed = LayerError::Malformed(Position::UNKNOWN);
        for (what, bytes, expected) in [
            ("no metadata", package(None, 3), LayerError::NoMetadata),
            (
                "a bomb",
                package(Some(&bomb), 2),
                LayerError::TooLarge { limit_bytes },
            ),
            ("cut off", cut, malformed.clone()),
            ("damaged", damaged, malformed.clone()),
            ("no zip", b"NEVERLEAK".repeat(1000), malformed.clone()),
            ("empty", Vec::new(), malformed.clone()),
        ] {
            assert_eq!(load_from(&bytes).await, Err(expected), "{what}");
        }
    }

    /// Of 15 MB, only the end and the parts with the directory and the metadata are read.
    #[test]
    fn a_large_package_is_not_read_completely() {
        let bytes = package(Some(b"{}"), 1_500);
        let length = u64::try_from(bytes.len()).unwrap();
        let from = bytes.len() - usize::try_from(TAIL_BYTES).unwrap();
        let mut known = Known::with_tail(length, bytes[from..].to_vec());

        while extract(&mut known).is_err() {
            let start = usize::try_from(known.missing.take().unwrap()).unwrap();
            let end = (start + usize::try_from(PART_BYTES).unwrap()).min(bytes.len());
            known.parts.push((start as u64, bytes[start..end].to_vec()));
        }

        assert!(known.parts.len() <= 4, "{} parts", known.parts.len());
    }
}
