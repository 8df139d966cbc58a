//! The exam that every item store passes: one case for each sentence of the port, then the snapshot store and history.
//!
//! An adapter's test makes a [`Candidate`] for each case and calls [`exam`]. Cases use partitions of their
//! own, so that one table can serve them all.

#![expect(
    clippy::unwrap_used,
    reason = "test support: a case that cannot go on has failed"
)]

mod history;
mod metrics;
mod snapshots;
mod user_months;
mod world;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    Attributes, Expect, ITEM_LIMIT_BYTES, Item, ItemStore, Key, Order, Page, Put, Query,
    StoreError, Value, Written,
};
use crate::clock::{self, FixedClock};

/// A store to examine, over the clock that the case moves.
#[derive(Clone)]
pub struct Candidate {
    /// The store.
    pub store: Arc<dyn ItemStore>,
    /// The clock that the store was made with.
    pub clock: Arc<FixedClock>,
    /// Prefix of every partition and target of the case.
    pub name: String,
}

type Case = fn(Candidate) -> Pin<Box<dyn Future<Output = ()>>>;

/// Time at which every case starts.
pub const NOW: &str = "2026-01-12T11:00:00Z";

/// Runs all cases; `make` returns the store for a clock.
///
/// # Panics
///
/// At the first sentence of the port that does not hold.
pub async fn exam(make: impl Fn(Arc<FixedClock>) -> Arc<dyn ItemStore>) {
    let cases: [(&str, Case); 11] = [
        ("an absent item is none", |c| Box::pin(absent_is_none(c))),
        ("an item comes back as it went", |c| Box::pin(round_trip(c))),
        ("a put replaces the whole item", |c| {
            Box::pin(put_replaces(c))
        }),
        ("conditions decide", |c| Box::pin(conditions(c))),
        ("all or nothing", |c| Box::pin(all_or_nothing(c))),
        ("an expired item is absent", |c| {
            Box::pin(expired_is_absent(c))
        }),
        ("a too large item is refused", |c| Box::pin(too_large(c))),
        ("a range is read in both orders", |c| Box::pin(ranges(c))),
        ("pages give every item once", |c| Box::pin(pages(c))),
        ("one of two racing writers wins", |c| Box::pin(race(c))),
        ("a large transaction is whole", |c| {
            Box::pin(large_transaction(c))
        }),
    ];
    let all = cases.into_iter().chain(snapshots::CASES);
    let all = all.chain(metrics::CASES).chain(history::CASES);
    let all = all.chain(user_months::CASES);
    for (number, (_, case)) in all.enumerate() {
        let clock = Arc::new(FixedClock::at(NOW));
        case(Candidate {
            store: make(Arc::clone(&clock)),
            clock,
            name: format!("case-{number}"),
        })
        .await;
    }
}

impl Candidate {
    fn key(&self, sort: &str) -> Key {
        Key {
            partition: format!("{}#p", self.name),
            sort: sort.to_owned(),
        }
    }

    fn item(&self, sort: &str, version: u64) -> Item {
        let attributes = Attributes::from([("n".to_owned(), Value::Integer(version))]);
        Item {
            key: self.key(sort),
            version,
            attributes,
            body: None,
            expires_at: None,
        }
    }

    async fn put(&self, item: Item, expect: Expect) -> Written {
        self.store.put(Put { item, expect }).await.unwrap()
    }

    async fn query(&self, from: &str, to: &str, order: Order, limit: usize) -> Page {
        self.page(from, to, order, limit, None).await
    }

    async fn page(
        &self,
        from: &str,
        to: &str,
        order: Order,
        limit: usize,
        after: Option<String>,
    ) -> Page {
        let (from, to) = (from.to_owned(), to.to_owned());
        let query = Query {
            partition: self.key("").partition,
            from,
            to,
            order,
            after,
            limit,
        };
        self.store.query(&query).await.unwrap()
    }
}

fn sorts(page: &Page) -> Vec<&str> {
    page.items
        .iter()
        .map(|item| item.key.sort.as_str())
        .collect()
}

fn in_seconds(seconds: u64) -> DateTime<Utc> {
    clock::after(NOW.parse().unwrap(), Duration::from_secs(seconds))
}

async fn absent_is_none(c: Candidate) {
    assert_eq!(c.store.get(&c.key("a")).await.unwrap(), None);
    assert_eq!(
        c.query("a", "z", Order::Ascending, 10).await,
        Page {
            items: vec![],
            next: None
        }
    );
}

async fn round_trip(c: Candidate) {
    let item = Item {
        key: c.key("2026-01-12T11:00:00Z"),
        version: u64::MAX,
        attributes: Attributes::from([
            ("text".into(), Value::Text("ünïcode \u{1F600} \n\0".into())),
            ("empty".into(), Value::Text(String::new())),
            ("large".into(), Value::Integer(u64::MAX)),
            ("truth".into(), Value::Bool(true)),
            (
                "list".into(),
                Value::List(vec![Value::Integer(0), Value::Text("x".into())]),
            ),
            (
                "map".into(),
                Value::Map(Attributes::from([("inner".into(), Value::Integer(7))])),
            ),
            (
                "size".into(),
                Value::Text("a reserved word as a name".into()),
            ),
        ]),
        body: Some(vec![0, 255, 1, 128]),
        expires_at: Some(in_seconds(60)),
    };

    assert_eq!(c.put(item.clone(), Expect::Anything).await, Written::Done);

    assert_eq!(c.store.get(&item.key).await.unwrap().as_ref(), Some(&item));
    assert_eq!(
        c.query("2026", "2027", Order::Ascending, 1).await.items,
        [item]
    );
}

async fn put_replaces(c: Candidate) {
    let first = Item {
        body: Some(vec![1]),
        expires_at: Some(in_seconds(60)),
        ..c.item("a", 1)
    };
    c.put(first, Expect::Anything).await;
    let second = Item {
        attributes: Attributes::new(),
        ..c.item("a", 2)
    };

    c.put(second.clone(), Expect::Anything).await;

    assert_eq!(c.store.get(&second.key).await.unwrap(), Some(second));
}

async fn conditions(c: Candidate) {
    assert_eq!(
        c.put(c.item("a", 1), Expect::Version(0)).await,
        Written::Conflict
    );
    assert_eq!(c.put(c.item("a", 1), Expect::Absent).await, Written::Done);
    assert_eq!(
        c.put(c.item("a", 2), Expect::Absent).await,
        Written::Conflict
    );
    assert_eq!(
        c.put(c.item("a", 3), Expect::Version(2)).await,
        Written::Conflict
    );
    assert_eq!(c.store.get(&c.key("a")).await.unwrap().unwrap().version, 1);
    assert_eq!(
        c.put(c.item("a", 2), Expect::Version(1)).await,
        Written::Done
    );
    assert_eq!(c.store.get(&c.key("a")).await.unwrap().unwrap().version, 2);
}

async fn all_or_nothing(c: Candidate) {
    c.put(c.item("b", 5), Expect::Anything).await;
    let both = |expect| {
        vec![
            Put {
                item: c.item("a", 1),
                expect: Expect::Anything,
            },
            Put {
                item: c.item("b", 6),
                expect,
            },
        ]
    };

    assert_eq!(
        c.store.put_all(both(Expect::Version(4))).await.unwrap(),
        Written::Conflict
    );
    assert_eq!(c.store.get(&c.key("a")).await.unwrap(), None);
    assert_eq!(
        c.store.put_all(both(Expect::Version(5))).await.unwrap(),
        Written::Done
    );
    assert_eq!(c.store.get(&c.key("a")).await.unwrap().unwrap().version, 1);
    assert_eq!(c.store.get(&c.key("b")).await.unwrap().unwrap().version, 6);
}

async fn expired_is_absent(c: Candidate) {
    let item = Item {
        expires_at: Some(in_seconds(10)),
        ..c.item("a", 1)
    };
    c.put(item.clone(), Expect::Anything).await;

    c.clock.advance(Duration::from_secs(9));
    assert!(c.store.get(&item.key).await.unwrap().is_some());
    c.clock.advance(Duration::from_secs(1));
    assert_eq!(c.store.get(&item.key).await.unwrap(), None);
    assert_eq!(
        sorts(&c.query("a", "z", Order::Ascending, 10).await),
        Vec::<&str>::new()
    );
    assert_eq!(
        c.put(c.item("a", 2), Expect::Version(1)).await,
        Written::Conflict
    );
    assert_eq!(c.put(c.item("a", 2), Expect::Absent).await, Written::Done);
}

async fn too_large(c: Candidate) {
    let item = Item {
        body: Some(vec![7; ITEM_LIMIT_BYTES]),
        ..c.item("a", 1)
    };
    let fits = Item {
        body: Some(vec![7; ITEM_LIMIT_BYTES - 1000]),
        ..c.item("b", 1)
    };

    let refused = c
        .store
        .put(Put {
            item: item.clone(),
            expect: Expect::Anything,
        })
        .await;
    assert!(
        matches!(refused, Err(StoreError::TooLarge { .. })),
        "{refused:?}"
    );
    let both = vec![
        Put {
            item: c.item("c", 1),
            expect: Expect::Anything,
        },
        Put {
            item,
            expect: Expect::Anything,
        },
    ];
    assert!(matches!(
        c.store.put_all(both).await,
        Err(StoreError::TooLarge { .. })
    ));
    assert_eq!(c.store.get(&c.key("c")).await.unwrap(), None);
    assert_eq!(c.put(fits, Expect::Anything).await, Written::Done);
}

async fn ranges(c: Candidate) {
    for sort in ["b", "a", "d", "c"] {
        c.put(c.item(sort, 1), Expect::Anything).await;
    }

    assert_eq!(
        sorts(&c.query("b", "c", Order::Ascending, 10).await),
        ["b", "c"]
    );
    assert_eq!(
        sorts(&c.query("a", "z", Order::Descending, 10).await),
        ["d", "c", "b", "a"]
    );
    assert_eq!(
        sorts(&c.query("aa", "bb", Order::Ascending, 10).await),
        ["b"]
    );
    assert_eq!(
        sorts(&c.query("x", "z", Order::Ascending, 10).await),
        Vec::<&str>::new()
    );
}

async fn pages(c: Candidate) {
    let expected: Vec<String> = (0..25).map(|number| format!("{number:02}")).collect();
    for sort in &expected {
        // Large items make DynamoDB end its pages before the limit.
        let item = Item {
            body: Some(vec![1; 100_000]),
            ..c.item(sort, 1)
        };
        c.put(item, Expect::Anything).await;
    }
    for order in [Order::Ascending, Order::Descending] {
        let mut seen: Vec<String> = Vec::new();
        let mut after = None;
        loop {
            let page = c.page("00", "99", order, 20, after).await;
            assert!(page.items.len() <= 20);
            seen.extend(sorts(&page).into_iter().map(str::to_owned));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if order == Order::Descending {
            seen.reverse();
        }
        assert_eq!(seen, expected, "{order:?}");
    }
}

async fn race(c: Candidate) {
    c.put(c.item("a", 1), Expect::Anything).await;
    let write = |version| {
        let (store, put) = (
            Arc::clone(&c.store),
            Put {
                item: c.item("a", version),
                expect: Expect::Version(1),
            },
        );
        tokio::spawn(async move { store.put_all(vec![put]).await.unwrap() })
    };
    let writers = [write(2), write(3), write(4), write(5)];

    let mut done = 0;
    for writer in writers {
        done += usize::from(writer.await.unwrap() == Written::Done);
    }

    assert!(done <= 1, "{done} writers replaced the same version");
    let version = c.store.get(&c.key("a")).await.unwrap().unwrap().version;
    assert_eq!(version > 1, done == 1);
}

async fn large_transaction(c: Candidate) {
    let body = || Some(vec![9; 390_000]);
    let puts = ["a", "b"].map(|sort| Put {
        item: Item {
            body: body(),
            ..c.item(sort, 1)
        },
        expect: Expect::Absent,
    });

    assert_eq!(c.store.put_all(puts.to_vec()).await.unwrap(), Written::Done);

    assert_eq!(
        c.store.get(&c.key("b")).await.unwrap().unwrap().body,
        body()
    );
}
