//! Bytes of blocks and names: varints, text, and the envelope with version and checksum. No I/O.

use std::io::{Read, Write};

use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Most bytes of a block or of names once unpacked: a stop for damaged ones, far above what an item needs.
pub(super) const UNPACKED_LIMIT: usize = 8 << 20;
/// Most tables of one list or block. More are split over several.
pub(super) const TABLES_LIMIT: usize = 200_000;
/// Bytes of the envelope: version and checksum.
const ENVELOPE: usize = 5;

/// Why bytes are no block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// A newer program wrote them.
    #[error("it was written by a newer version of this program (form {0})")]
    Newer(u8),
    /// They are not what was written.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// There is more than an item may hold.
    #[error("it holds more than {UNPACKED_LIMIT} bytes unpacked or {TABLES_LIMIT} tables")]
    TooLarge,
}

/// Packs `content`: version, CRC-32 of all that follows, deflated content.
pub(super) fn seal(version: u8, content: &[u8]) -> Result<Vec<u8>, BlockError> {
    if content.len() > UNPACKED_LIMIT {
        return Err(BlockError::TooLarge);
    }
    let mut encoder = DeflateEncoder::new(vec![0; ENVELOPE], Compression::default());
    let sealed = encoder.write_all(content).and_then(|()| encoder.finish());
    let mut sealed = sealed.map_err(|_| BlockError::Damaged("it cannot be packed"))?;
    let checksum = checksum(version, sealed.get(ENVELOPE..).unwrap_or_default());
    sealed.splice(..ENVELOPE, [version].into_iter().chain(checksum));
    Ok(sealed)
}

/// Returns the content of `sealed`; its version is at most `newest`.
///
/// The checksum is of the packed bytes, so damage is found before anything is unpacked.
pub(super) fn open(newest: u8, sealed: &[u8]) -> Result<Vec<u8>, BlockError> {
    let Some(([version, check @ ..], packed)) = sealed.split_first_chunk::<ENVELOPE>() else {
        return Err(BlockError::Damaged("it is too short"));
    };
    if *check != checksum(*version, packed) {
        return Err(BlockError::Damaged("its checksum differs"));
    }
    if *version > newest {
        return Err(BlockError::Newer(*version));
    }
    if *version == 0 {
        return Err(BlockError::Damaged("its version is 0"));
    }
    let mut content = Vec::with_capacity(4 * packed.len());
    let limit = u64::try_from(UNPACKED_LIMIT).unwrap_or(u64::MAX);
    let unpacked = DeflateDecoder::new(packed)
        .take(limit + 1)
        .read_to_end(&mut content);
    unpacked.map_err(|_| BlockError::Damaged("it cannot be unpacked"))?;
    if content.len() > UNPACKED_LIMIT {
        return Err(BlockError::TooLarge);
    }
    Ok(content)
}

fn checksum(version: u8, packed: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(&[version]);
    crc.update(packed);
    crc.sum().to_le_bytes()
}

/// Appends a number, seven bits a byte, lowest first.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

/// Appends the length of a list or text.
pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_number(out, u64::try_from(length).unwrap_or(u64::MAX));
}

/// Appends a number that may be negative.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, zigzag(number));
}

/// Appends text with its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Returns a number for each signed number, small ones for those near 0.
pub(super) fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

/// Returns the signed number of its zigzag form.
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Reads what the functions above wrote. Never reads beyond the end, never allocates more than there is to read.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn byte(&mut self) -> Result<u8, BlockError> {
        let (first, rest) = self
            .rest
            .split_first()
            .ok_or(BlockError::Damaged("it ends too early"))?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub(super) fn number(&mut self) -> Result<u64, BlockError> {
        // Most numbers of a block are of one byte.
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, BlockError> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BlockError::Damaged("a number is too large"))
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Result<i64, BlockError> {
        self.number().map(unzigzag)
    }

    /// Returns a number of things that each take at least one of the bytes that are left.
    pub(super) fn length(&mut self) -> Result<usize, BlockError> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if length > self.rest.len() {
            return Err(BlockError::Damaged("a length is too large"));
        }
        Ok(length)
    }

    /// Returns a number that is below `limit`.
    #[inline]
    pub(super) fn index(&mut self, limit: usize) -> Result<usize, BlockError> {
        let index = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if index >= limit {
            return Err(BlockError::Damaged("an index is out of range"));
        }
        Ok(index)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], BlockError> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(BlockError::Damaged("it ends too early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, BlockError> {
        let length = self.length()?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| BlockError::Damaged("a text is none"))
    }

    /// Fails when fewer than `bytes` are left.
    pub(super) fn check_left(&self, bytes: usize) -> Result<(), BlockError> {
        if bytes > self.rest.len() {
            return Err(BlockError::Damaged("it ends too early"));
        }
        Ok(())
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Fails when something is left.
    pub(super) fn finish(self) -> Result<(), BlockError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(BlockError::Damaged("something follows its end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_small_ones_take_one_byte() {
        let numbers = [0, 1, 127, 128, 16_383, 16_384, u64::MAX / 2, u64::MAX];
        let mut bytes = Vec::new();
        for number in numbers {
            put_number(&mut bytes, number);
            put_signed(&mut bytes, number.cast_signed());
        }

        let mut cursor = Cursor::new(&bytes);
        for number in numbers {
            assert_eq!(cursor.number(), Ok(number));
            assert_eq!(cursor.signed(), Ok(number.cast_signed()));
        }
        cursor.finish().unwrap();
        assert_eq!(zigzag(-64), 127);
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_an_error() {
        let too_large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        let endless = [0x80; 20];

        for bytes in [too_large.as_slice(), &endless] {
            assert!(Cursor::new(bytes).number().is_err());
        }
    }

    #[test]
    fn every_changed_bit_is_found() {
        let sealed = seal(1, b"sizes over time").unwrap();
        assert_eq!(open(1, &sealed).unwrap(), b"sizes over time");

        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(u8::MAX, &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_form_is_refused_as_such() {
        let sealed = seal(2, b"x").unwrap();

        assert_eq!(open(1, &sealed), Err(BlockError::Newer(2)));
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&vec![0; UNPACKED_LIMIT + 1]).unwrap();
        let packed = encoder.finish().unwrap();
        let mut bomb = vec![1];
        bomb.extend(checksum(1, &packed));
        bomb.extend(packed);

        assert_eq!(open(1, &bomb), Err(BlockError::TooLarge));
    }
}
