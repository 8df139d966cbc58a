//! Bounded reads of local files. The only way to read a file that a person or a variable names.
//!
//! Devices, pipes and folders are refused before they are opened: reading them may take for ever, or never end. Only
//! `/dev/null` counts as an empty file, as tools are told with it that there is none.

use std::fs::Metadata;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use tokio::io::AsyncReadExt;

/// Most bytes of a file with certificates: the bundle of all regions of RDS has 170 kB.
pub const CERTIFICATES_LIMIT_BYTES: u64 = 4 << 20;
/// Most bytes of a file with settings, credentials or a secret.
pub const SETTINGS_LIMIT_BYTES: u64 = 1 << 20;
/// The device that is always empty.
const EMPTY: &str = "/dev/null";

/// Checks that `path` is a file of at most `limit_bytes`, without opening it.
///
/// # Errors
///
/// Those of the file system; [`ErrorKind::InvalidInput`] for a device, a pipe or a folder;
/// [`ErrorKind::FileTooLarge`].
pub fn check(path: &Path, limit_bytes: u64) -> io::Result<()> {
    if path == Path::new(EMPTY) {
        return Ok(());
    }
    check_metadata(&std::fs::metadata(path)?, limit_bytes)
}

/// Returns the content of `path`, a text of at most `limit_bytes`.
///
/// # Errors
///
/// As [`check`], and [`ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text(path: &Path, limit_bytes: u64) -> io::Result<String> {
    check(path, limit_bytes)?;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    // It may grow between the check and the read.
    let length = file.take(limit_bytes + 1).read_to_string(&mut text)?;
    check_length(length as u64, limit_bytes)?;
    Ok(text)
}

/// Returns the content of `path`, at most `limit_bytes`.
///
/// # Errors
///
/// As [`check`].
pub async fn read(path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    if path != Path::new(EMPTY) {
        check_metadata(&tokio::fs::metadata(path).await?, limit_bytes)?;
    }
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    let length = file.take(limit_bytes + 1).read_to_end(&mut bytes).await?;
    check_length(length as u64, limit_bytes)?;
    Ok(bytes)
}

/// Checks that these are the metadata of a file of at most `limit_bytes`.
///
/// # Errors
///
/// As [`check`].
pub fn check_metadata(metadata: &Metadata, limit_bytes: u64) -> io::Result<()> {
    if !metadata.is_file() {
        let what = if metadata.is_dir() {
            "it is a folder, must be a file"
        } else {
            "it is a device or a pipe, must be a file"
        };
        return Err(io::Error::new(ErrorKind::InvalidInput, what));
    }
    check_length(metadata.len(), limit_bytes)
}

fn check_length(length: u64, limit_bytes: u64) -> io::Result<()> {
    if length > limit_bytes {
        let reason = format!("it is larger than {limit_bytes} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn only_files_within_the_limit_are_read() {
        let folder = std::env::temp_dir().join(format!("mrt-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, pipe) = (folder.join("file"), folder.join("pipe"));
        std::fs::write(&file, "12345").unwrap();
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());

        assert_eq!(read_text(&file, 5).unwrap(), "12345");
        assert_eq!(read(&file, 5).await.unwrap(), b"12345");
        assert_eq!(read_text(Path::new(EMPTY), 5).unwrap(), "");
        assert_eq!(read(Path::new(EMPTY), 5).await.unwrap(), b"");
        let large = read(&file, 4).await.unwrap_err();
        assert_eq!(large.kind(), ErrorKind::FileTooLarge);
        for odd in [folder.as_path(), &pipe, Path::new("/dev/zero")] {
            let (sync, asynchronous) = (read_text(odd, 5), read(odd, 5).await);
            for error in [sync.unwrap_err(), asynchronous.unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", odd.display());
                assert!(error.to_string().ends_with("must be a file"), "{error}");
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
