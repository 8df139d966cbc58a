//! Decodes the hybrid of runs and packed bits, in which Parquet writes levels and indices of dictionaries.

use crate::error::{InventoryError, damaged};

/// Values that are packed together.
const GROUP: usize = 8;

/// Appends `count` values of `width` bits each, as encoded in `bytes`, to `values`.
///
/// # Errors
///
/// [`InventoryError::Damaged`] if `bytes` end before the last value.
pub(super) fn decode(
    mut bytes: &[u8],
    width: u8,
    count: usize,
    values: &mut Vec<u32>,
) -> Result<(), InventoryError> {
    if width > 32 {
        return Err(damaged(
            "a page of a Parquet file has values of over 32 bits",
        ));
    }
    let end = values.len() + count;
    values.reserve(count);
    while values.len() < end {
        let left = end - values.len();
        let header = varint(&mut bytes)?;
        let length = usize::try_from(header >> 1).map_err(|_| truncated())?;
        if header & 1 == 0 {
            let value = repeated_value(&mut bytes, width)?;
            if length == 0 {
                return Err(damaged("a page of a Parquet file has an empty run"));
            }
            values.extend(std::iter::repeat_n(value, length.min(left)));
        } else {
            let size = length
                .checked_mul(usize::from(width))
                .ok_or_else(truncated)?;
            let packed = length.checked_mul(GROUP).ok_or_else(truncated)?;
            // Some writers leave out the padding of the last group.
            let needed = (packed.min(left) * usize::from(width)).div_ceil(8);
            if length == 0 || bytes.len() < needed {
                return Err(truncated());
            }
            let (run, rest) = bytes.split_at(size.min(bytes.len()));
            unpack(run, width, packed.min(left), values);
            bytes = rest;
        }
    }
    Ok(())
}

/// Returns the value that every one of the `count` values has; `None` if they differ or cannot be decoded.
pub(super) fn single_value(mut bytes: &[u8], width: u8, count: usize) -> Option<u32> {
    let header = varint(&mut bytes).ok()?;
    let is_run = header & 1 == 0 && usize::try_from(header >> 1).ok()? >= count;
    is_run
        .then(|| repeated_value(&mut bytes, width).ok())
        .flatten()
}

fn truncated() -> InventoryError {
    damaged("a page of a Parquet file ends within its values")
}

fn varint(bytes: &mut &[u8]) -> Result<u64, InventoryError> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or_else(truncated)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(truncated())
}

fn repeated_value(bytes: &mut &[u8], width: u8) -> Result<u32, InventoryError> {
    let size = usize::from(width).div_ceil(8);
    let (value, rest) = bytes.split_at_checked(size).ok_or_else(truncated)?;
    *bytes = rest;
    let mut padded = [0_u8; 4];
    padded[..size].copy_from_slice(value);
    Ok(u32::from_le_bytes(padded))
}

/// Appends the first `count` values of `width` bits in `bytes`.
fn unpack(bytes: &[u8], width: u8, count: usize, values: &mut Vec<u32>) {
    if width == 0 {
        values.extend(std::iter::repeat_n(0, count));
        return;
    }
    let mask = u64::MAX >> (64 - u32::from(width));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the mask leaves 32 bits at most"
    )]
    let value_at = |word: u64, shift: usize| ((word >> shift) & mask) as u32;
    let width = usize::from(width);
    if width <= 8 {
        // A group of eight values is `width` bytes, which one word holds.
        let mut left = count;
        for group in bytes.chunks(width) {
            let word = word(group);
            for index in 0..GROUP.min(left) {
                values.push(value_at(word, index * width));
            }
            left -= GROUP.min(left);
            if left == 0 {
                return;
            }
        }
        return;
    }
    for index in 0..count {
        let bit = index * width;
        let window = bytes.get(bit / 8..).unwrap_or_default();
        values.push(value_at(word(window), bit % 8));
    }
}

/// Returns the first eight bytes as a number; bytes that do not exist are 0.
fn word(bytes: &[u8]) -> u64 {
    if let Some(whole) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*whole);
    }
    let mut padded = [0_u8; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(padded)
}
