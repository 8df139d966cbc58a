//! Values behind a secret word that works once and for a while: logins that were started, and authorization codes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock::{self, Clock};

/// Most values that are kept; beyond, the oldest is lost. One machine has a handful of logins at a time.
const LIMIT: usize = 100;

/// Values by their words. Forgotten when the program ends.
pub(super) struct OneTime<T> {
    lifetime: Duration,
    clock: Arc<dyn Clock>,
    entries: Mutex<BTreeMap<String, Entry<T>>>,
}

struct Entry<T> {
    expires_at: DateTime<Utc>,
    value: T,
}

impl<T> OneTime<T> {
    /// Returns an empty store of values that live for `lifetime`.
    pub(super) fn new(lifetime: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            lifetime,
            clock,
            entries: Mutex::new(BTreeMap::new()),
        }
    }

    /// Keeps `value` and returns the word for it, of 122 random bits.
    pub(super) fn put(&self, value: T) -> String {
        let now = self.clock.now();
        let word = uuid::Uuid::new_v4().simple().to_string();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| entry.expires_at > now);
        if entries.len() >= LIMIT {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.expires_at);
            if let Some(oldest) = oldest.map(|(word, _)| word.clone()) {
                entries.remove(&oldest);
            }
        }
        let expires_at = clock::after(now, self.lifetime);
        entries.insert(word.clone(), Entry { expires_at, value });
        word
    }

    /// Removes and returns the value of `word`; `None` if there is none, or not any more.
    pub(super) fn take(&self, word: &str) -> Option<T> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.remove(word)?;
        (entry.expires_at > self.clock.now()).then_some(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::FixedClock;

    use super::*;

    #[test]
    fn a_value_is_returned_once_and_only_while_it_lives() {
        let clock = Arc::new(FixedClock::at("2026-01-12T11:00:00Z"));
        let store = OneTime::new(Duration::from_secs(60), clock.clone());
        let (first, second) = (store.put(1), store.put(2));

        assert_eq!((store.take(&first), store.take(&first)), (Some(1), None));
        clock.advance(Duration::from_secs(60));
        assert_eq!(store.take(&second), None);
    }

    #[test]
    fn the_oldest_value_makes_room() {
        let clock = Arc::new(FixedClock::at("2026-01-12T11:00:00Z"));
        let store = OneTime::new(Duration::from_secs(3600), clock.clone());
        let first = store.put(0);
        clock.advance(Duration::from_secs(1));
        let others: Vec<_> = (1..=LIMIT).map(|value| store.put(value)).collect();

        assert_eq!(store.take(&first), None);
        assert_eq!(store.take(&others[0]), Some(1));
        assert_eq!(store.take(&others[LIMIT - 1]), Some(LIMIT));
    }
}
