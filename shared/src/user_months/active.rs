//! The set of the users that were active in a month, and its bytes. No I/O.

use std::collections::BTreeMap;

use crate::identities::{Identities, IdentityMac, TypeCounts, UserType};

/// Most users of one set: its items fit into one transaction of 4 MB.
pub const MAX_USERS: usize = 500_000;

/// Users that were active in a month, each with the days on which it was seen first and last.
///
/// Joining is commutative, associative and idempotent: the order of runs does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActiveUsers(BTreeMap<IdentityMac, Seen>);

/// When a user was seen, and as what on the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    first_day: u8,
    /// With the type of that day; of several on one day, the greatest.
    last: (u8, UserType),
}

impl ActiveUsers {
    /// Returns the users that were active on the day with this number.
    pub fn on(day: u8, identities: &Identities) -> Self {
        let seen = |(mac, user_type)| {
            let seen = Seen {
                first_day: day,
                last: (day, user_type),
            };
            (mac, seen)
        };
        Self(identities.iter().map(seen).collect())
    }

    /// Adds all of `others`.
    pub fn add_all(&mut self, others: &Self) {
        for (mac, other) in &others.0 {
            let known = self.0.entry(*mac).or_insert(*other);
            known.first_day = known.first_day.min(other.first_day);
            known.last = known.last.max(other.last);
        }
    }

    /// Returns the number of users.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many there are of each type, by their last day.
    pub fn counts(&self) -> TypeCounts {
        let mut counts = TypeCounts::default();
        for seen in self.0.values() {
            counts.add(seen.last.1);
        }
        counts
    }

    /// Returns how many were seen for the first time on each day; days without new users are left out.
    pub fn new_by_day(&self) -> BTreeMap<u8, u64> {
        let mut days = BTreeMap::new();
        for seen in self.0.values() {
            *days.entry(seen.first_day).or_default() += 1;
        }
        days
    }

    /// Returns its bytes: the HMACs in their order as differences, seven bits a byte; then each one's first day, last day
    /// and type.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 9 + 8);
        put_number(&mut bytes, u64::try_from(self.0.len()).unwrap_or(u64::MAX));
        let mut previous = 0;
        for mac in self.0.keys() {
            put_number(&mut bytes, mac.to_bits() - previous);
            previous = mac.to_bits();
        }
        bytes.extend(self.0.values().map(|seen| seen.first_day));
        bytes.extend(self.0.values().map(|seen| seen.last.0));
        bytes.extend(self.0.values().map(|seen| type_byte(seen.last.1)));
        bytes
    }

    /// Returns the set of these bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        let count = usize::try_from(take_number(&mut rest)?).unwrap_or(usize::MAX);
        if count > MAX_USERS {
            return Err(format!("it has more than {MAX_USERS} users"));
        }
        let mut macs = Vec::with_capacity(count.min(rest.len()));
        let mut previous = 0_u64;
        for number in 0..count {
            let step = take_number(&mut rest)?;
            let bits = previous
                .checked_add(step)
                .filter(|_| step > 0 || number == 0);
            let mac = bits.and_then(IdentityMac::from_bits);
            macs.push(mac.ok_or("its HMACs are not in order")?);
            previous = bits.unwrap_or_default();
        }
        if rest.len() != count * 3 {
            return Err("its columns have different lengths".to_owned());
        }
        let (first, rest) = rest.split_at(count);
        let (last, types) = rest.split_at(count);
        let mut users = BTreeMap::new();
        for (((mac, first_day), last_day), byte) in macs.into_iter().zip(first).zip(last).zip(types)
        {
            if !(1..=31).contains(first_day) || !(*first_day..=31).contains(last_day) {
                return Err("a day is none of a month".to_owned());
            }
            let user_type = user_type(*byte).ok_or("a type is unknown")?;
            let seen = Seen {
                first_day: *first_day,
                last: (*last_day, user_type),
            };
            users.insert(mac, seen);
        }
        Ok(Self(users))
    }
}

fn type_byte(user_type: UserType) -> u8 {
    match user_type {
        UserType::External => 0,
        UserType::Unclassified => 1,
        UserType::Internal => 2,
    }
}

fn user_type(byte: u8) -> Option<UserType> {
    [
        UserType::External,
        UserType::Unclassified,
        UserType::Internal,
    ]
    .into_iter()
    .find(|user_type| type_byte(*user_type) == byte)
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

fn take_number(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or("it is too short")?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a number is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(number: u64) -> IdentityMac {
        IdentityMac::from_bits(number).unwrap()
    }

    fn day(day: u8, users: &[(u64, UserType)]) -> ActiveUsers {
        let mut identities = Identities::default();
        for (number, user_type) in users {
            identities.add(mac(*number), *user_type);
        }
        ActiveUsers::on(day, &identities)
    }

    #[test]
    fn a_user_counts_once_from_its_first_day_on_as_what_it_was_last() {
        let mut month = day(3, &[(1, UserType::Unclassified), (2, UserType::Internal)]);

        month.add_all(&day(
            5,
            &[(1, UserType::External), (3, UserType::Unclassified)],
        ));

        let counts = month.counts();
        assert_eq!(
            (counts.internal, counts.external, counts.unclassified),
            (1, 1, 1)
        );
        assert_eq!(month.new_by_day(), BTreeMap::from([(3, 2), (5, 1)]));
    }

    #[test]
    fn damaged_bytes_are_not_a_set() {
        let good = day(3, &[(1, UserType::External), (200, UserType::Internal)]).to_bytes();

        for length in 0..good.len() {
            assert!(
                ActiveUsers::from_bytes(&good[..length]).is_err(),
                "{length}"
            );
        }
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            ActiveUsers::from_bytes(&bytes)
        };
        // Count, first HMAC, the second's two bytes, first days, last days, types.
        assert_eq!(good.len(), 1 + 1 + 2 + 3 * 2);
        assert!(with(4, 0).is_err() && with(4, 32).is_err());
        assert!(with(6, 2).is_err(), "last seen before first seen");
        assert!(with(8, 3).is_err());
        assert!(with(4, 2).is_ok());
    }

    /// Numbers that look random: Knuth's multiplicative generator.
    fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed;
        move |below| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    #[test]
    fn the_order_and_the_repetition_of_days_do_not_matter() {
        for seed in 0..300 {
            let mut next = numbers(seed);
            let days: Vec<ActiveUsers> = (0..next(8))
                .map(|_| {
                    let users: Vec<_> = (0..next(20))
                        .map(|_| (next(40), user_type(u8::try_from(next(3)).unwrap()).unwrap()))
                        .collect();
                    day(u8::try_from(next(31) + 1).unwrap(), &users)
                })
                .collect();
            let mut once = ActiveUsers::default();
            days.iter().for_each(|day| once.add_all(day));
            let mut other = ActiveUsers::default();
            for _ in 0..next(12).min(days.len() as u64 * 2) {
                let index = usize::try_from(next(days.len() as u64)).unwrap();
                other.add_all(&days[index]);
            }
            days.iter().rev().for_each(|day| other.add_all(day));

            assert_eq!(other, once, "seed {seed}");
            assert_eq!(
                ActiveUsers::from_bytes(&once.to_bytes()),
                Ok(once),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn any_bytes_are_a_set_or_an_error() {
        for seed in 0..3_000 {
            let mut next = numbers(seed);
            let mut bytes = vec![u8::try_from(next(8)).unwrap()];
            let length = next(40);
            bytes.extend((0..length).map(|_| u8::try_from(next(40)).unwrap()));

            if let Ok(users) = ActiveUsers::from_bytes(&bytes) {
                assert_eq!(ActiveUsers::from_bytes(&users.to_bytes()), Ok(users));
            }
        }
    }

    /// What `user_months.rs` says of 100,000 users.
    #[test]
    fn a_hundred_thousand_users_take_two_items() {
        let mut next = numbers(1);
        let mut identities = Identities::default();
        for _ in 0..100_000 {
            let bits = next(1 << 26) << 26 | next(1 << 26);
            identities.add(
                mac(bits),
                user_type(u8::try_from(next(3)).unwrap()).unwrap(),
            );
        }
        let users = ActiveUsers::on(1, &identities);

        let packed = crate::snapshot::stored::pack(&users.to_bytes()).unwrap();

        assert_eq!(users.len(), 100_000);
        assert!(
            (500_000..650_000).contains(&packed.len()),
            "{}",
            packed.len()
        );
    }
}
