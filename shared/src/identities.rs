//! Identities of named users as HMACs: the only thing about people that crosses from one environment to another. No I/O.

use std::collections::BTreeMap;
use std::fmt;

/// HMAC of an identity under the deployment's key, shortened to [`IdentityMac::BITS`].
///
/// Two of 100,000 different identities have the same one with a probability of one in a million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentityMac(u64);

impl IdentityMac {
    /// Bits of a value.
    pub const BITS: u32 = 52;

    /// Returns the value of the first bits of `mac`.
    pub(crate) fn of(mac: u64) -> Self {
        Self(mac >> (u64::BITS - Self::BITS))
    }

    /// Returns the bits, as they are kept.
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    /// Returns the value of kept bits; `None` if they are too many.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        (bits >> Self::BITS == 0).then_some(Self(bits))
    }
}

/// Never printed: whoever has two lists of them can join people.
impl fmt::Debug for IdentityMac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdentityMac")
    }
}

/// How an app reports a user. Of several accounts with one identity, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserType {
    /// As external.
    External,
    /// Not at all; Mendix counts the user as internal.
    Unclassified,
    /// As internal.
    Internal,
}

impl UserType {
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "external" => Self::External,
            "internal" => Self::Internal,
            _ => Self::Unclassified,
        }
    }
}

/// Distinct identities, each with its type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identities(BTreeMap<IdentityMac, UserType>);

/// Number of distinct identities by type; the three add up to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TypeCounts {
    /// Reported as internal.
    pub internal: u64,
    /// Reported as external.
    pub external: u64,
    /// Not reported.
    pub unclassified: u64,
}

impl TypeCounts {
    /// Returns all of them.
    pub fn total(self) -> u64 {
        self.internal + self.external + self.unclassified
    }

    /// Counts one more.
    pub fn add(&mut self, user_type: UserType) {
        match user_type {
            UserType::External => self.external += 1,
            UserType::Unclassified => self.unclassified += 1,
            UserType::Internal => self.internal += 1,
        }
    }
}

impl Identities {
    /// Adds one.
    pub fn add(&mut self, mac: IdentityMac, user_type: UserType) {
        let known = self.0.entry(mac).or_insert(user_type);
        *known = user_type.max(*known);
    }

    /// Adds all of `others`.
    pub fn add_all(&mut self, others: &Self) {
        for (mac, user_type) in others.iter() {
            self.add(mac, user_type);
        }
    }

    /// Returns how many there are of each type.
    pub fn counts(&self) -> TypeCounts {
        let mut counts = TypeCounts::default();
        for user_type in self.0.values() {
            counts.add(*user_type);
        }
        counts
    }

    /// Returns them in the order of their HMACs.
    pub fn iter(&self) -> impl Iterator<Item = (IdentityMac, UserType)> {
        self.0.iter().map(|(mac, user_type)| (*mac, *user_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_counts_once_by_its_greatest_type() {
        let mac = IdentityMac::of;
        let mut one = Identities::default();
        one.add(mac(1 << 20), UserType::External);
        one.add(mac(2 << 20), UserType::External);
        let mut other = Identities::default();
        other.add(mac(1 << 20), UserType::Unclassified);
        other.add(mac(3 << 20), UserType::Internal);

        one.add_all(&other);

        let counts = one.counts();
        assert_eq!(counts.total(), 3);
        assert_eq!(
            (counts.internal, counts.external, counts.unclassified),
            (1, 1, 1)
        );
    }

    #[test]
    fn no_output_has_the_hmac() {
        let mac = IdentityMac::of(u64::MAX);

        assert_eq!(format!("{mac:?}"), "IdentityMac");
    }
}
