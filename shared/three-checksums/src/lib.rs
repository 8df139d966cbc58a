//! The cyclic redundancy checks of S3: CRC-32, CRC-32C and CRC-64/NVME.
//!
//! Replaces the crate of the same name, which on `x86_64` links the tables of all checksums into each program: 660 kB, a
//! seventh of a function's zip. The S3 client uses these three only, and their implementations are linked already.
//! `shared/tests/it/checksums.rs` compares them with the values of the standard and of S3.

#![forbid(unsafe_code)]

use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc};

static CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
static CRC_64: Crc<u64> = Crc::<u64>::new(&CRC_64_NVME);

/// Which checksum, by its name in the catalogue of parametrised CRC algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// `CRC32` of S3.
    Crc32IsoHdlc,
    /// `CRC32C` of S3.
    Crc32Iscsi,
    /// `CRC64NVME` of S3, which it adds to objects by itself.
    Crc64Nvme,
}

/// A checksum of bytes that come in parts.
#[derive(Clone)]
pub struct Digest(State);

#[derive(Clone)]
enum State {
    IsoHdlc(crc32fast::Hasher),
    Iscsi(crc::Digest<'static, u32>),
    Nvme(crc::Digest<'static, u64>),
}

impl Digest {
    /// The checksum of no bytes yet.
    #[must_use]
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => State::IsoHdlc(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc32Iscsi => State::Iscsi(CRC_32C.digest()),
            CrcAlgorithm::Crc64Nvme => State::Nvme(CRC_64.digest()),
        })
    }

    /// Adds the bytes that follow.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::IsoHdlc(hasher) => hasher.update(bytes),
            State::Iscsi(digest) => digest.update(bytes),
            State::Nvme(digest) => digest.update(bytes),
        }
    }

    /// The checksum of all bytes so far; of 32 bits the upper half is zero.
    #[must_use]
    pub fn finalize(&self) -> u64 {
        match self.0.clone() {
            State::IsoHdlc(hasher) => hasher.finalize().into(),
            State::Iscsi(digest) => digest.finalize().into(),
            State::Nvme(digest) => digest.finalize(),
        }
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({:#x})", self.finalize())
    }
}

/// The checksum of `bytes`.
#[must_use]
pub fn checksum(algorithm: CrcAlgorithm, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    digest.finalize()
}
