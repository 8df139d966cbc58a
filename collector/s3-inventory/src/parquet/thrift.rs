//! Reads Thrift's compact protocol, in which Parquet writes its metadata.
//!
//! Unknown fields are skipped, so newer writers stay readable. Every length is checked against the bytes that exist, and
//! nesting is bounded, so no input makes it allocate or recurse without limit.

/// Deepest nesting that is skipped. Parquet's own metadata nests six levels.
const MAX_DEPTH: u32 = 32;

/// Why a value cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThriftError {
    /// The bytes end within the value: more of them may complete it.
    Incomplete,
    /// The bytes are not in the compact protocol.
    Malformed,
}

/// Type of a field or an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    True,
    False,
    Byte,
    /// Integers of 16, 32 and 64 bits are written alike.
    Integer,
    Double,
    Binary,
    List,
    Map,
    Struct,
}

impl Type {
    fn of(code: u8) -> Result<Self, ThriftError> {
        Ok(match code {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return Err(ThriftError::Malformed),
        })
    }
}

/// Reads values one after another.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Returns the number of bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Reads a struct: calls `field` with each field's id and type, which must read or [skip](Self::skip) its value.
    pub(super) fn structure(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, Type) -> Result<(), ThriftError>,
    ) -> Result<(), ThriftError> {
        let mut id = 0_i16;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Ok(());
            }
            id = match header >> 4 {
                0 => i16::try_from(self.integer()?).map_err(|_| ThriftError::Malformed)?,
                delta => id
                    .checked_add(i16::from(delta))
                    .ok_or(ThriftError::Malformed)?,
            };
            let kind = Type::of(header & 0x0F)?;
            field(self, id, kind)?;
        }
    }

    /// Reads a list: calls `element` for each element, which must read it.
    pub(super) fn list(
        &mut self,
        mut element: impl FnMut(&mut Self, Type) -> Result<(), ThriftError>,
    ) -> Result<(), ThriftError> {
        let header = self.byte()?;
        let count = match header >> 4 {
            // An empty list may have no type.
            0 => return Ok(()),
            15 => self.varint()?,
            count => u64::from(count),
        };
        let kind = Type::of(header & 0x0F)?;
        for _ in 0..count {
            element(self, kind)?;
        }
        Ok(())
    }

    /// Reads an integer of any width.
    pub(super) fn integer(&mut self) -> Result<i64, ThriftError> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// Reads an integer that cannot be negative: a size, a count or an offset.
    pub(super) fn unsigned(&mut self) -> Result<u64, ThriftError> {
        u64::try_from(self.integer()?).map_err(|_| ThriftError::Malformed)
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<&'a str, ThriftError> {
        std::str::from_utf8(self.binary()?).map_err(|_| ThriftError::Malformed)
    }

    /// Skips a value of type `kind`.
    pub(super) fn skip(&mut self, kind: Type) -> Result<(), ThriftError> {
        self.skip_nested(kind, MAX_DEPTH)
    }

    fn skip_nested(&mut self, kind: Type, depth: u32) -> Result<(), ThriftError> {
        let depth = depth.checked_sub(1).ok_or(ThriftError::Malformed)?;
        match kind {
            // A field's type is its value.
            Type::True | Type::False => Ok(()),
            Type::Byte => self.take(1).map(drop),
            Type::Integer => self.varint().map(drop),
            Type::Double => self.take(8).map(drop),
            Type::Binary => self.binary().map(drop),
            Type::Struct => self.structure(|reader, _, kind| reader.skip_nested(kind, depth)),
            Type::List => self.list(|reader, kind| reader.skip_element(kind, depth)),
            Type::Map => self.skip_map(depth),
        }
    }

    fn skip_map(&mut self, depth: u32) -> Result<(), ThriftError> {
        let count = self.varint()?;
        if count == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        let (key, value) = (Type::of(kinds >> 4)?, Type::of(kinds & 0x0F)?);
        for _ in 0..count {
            self.skip_element(key, depth)?;
            self.skip_element(value, depth)?;
        }
        Ok(())
    }

    /// Elements have no field header, so a Boolean among them takes a byte.
    fn skip_element(&mut self, kind: Type, depth: u32) -> Result<(), ThriftError> {
        match kind {
            Type::True | Type::False => self.take(1).map(drop),
            kind => self.skip_nested(kind, depth),
        }
    }

    fn binary(&mut self) -> Result<&'a [u8], ThriftError> {
        let length = usize::try_from(self.varint()?).map_err(|_| ThriftError::Malformed)?;
        self.take(length)
    }

    fn varint(&mut self) -> Result<u64, ThriftError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ThriftError::Malformed)
    }

    fn byte(&mut self) -> Result<u8, ThriftError> {
        let byte = self.bytes.get(self.position).copied();
        self.position += 1;
        byte.ok_or(ThriftError::Incomplete)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ThriftError> {
        let end = self
            .position
            .checked_add(length)
            .ok_or(ThriftError::Malformed)?;
        let taken = self.bytes.get(self.position..end);
        self.position = end;
        taken.ok_or(ThriftError::Incomplete)
    }
}
