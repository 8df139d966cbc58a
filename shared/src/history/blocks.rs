//! Blocks and lists over items: reading what is there, writing what replaces it.
//!
//! A block that is too large for one item is split by tables into pieces that are written together. The first piece
//! has their number, and all have the same version, so pieces of two blocks never mix.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::block::{Block, encode};
use super::bytes::BlockError;
use super::digest::ListDigest;
use super::frame::Frame;
use super::keys::{self, Content, Owner, Span};
use super::names::TableList;
use super::series::TableKey;
use crate::store::{
    Attributes, Expect, Item, ItemStore, Key, Order, Put, Query, StoreError, Value, Written,
};

/// Most bytes of a block in one item: leaves 50 kB of the item limit for everything else.
pub(super) const PIECE_BYTES: usize = 350_000;
/// Most pieces of a block. A transaction holds 4 MB.
pub(super) const MAX_PIECES: usize = 10;
/// Sorts behind every piece of a block.
const AFTER_PIECES: &str = "#~";
const PIECES: &str = "pieces";

/// Why a block or a part of it cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// A newer program wrote it.
    Newer,
    /// It is not what was written.
    Damaged(String),
    /// The list that names its tables is lost or damaged.
    ListMissing,
}

impl From<BlockError> for Unreadable {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Newer(_) => Self::Newer,
            BlockError::Damaged(_) | BlockError::TooLarge => Self::Damaged(error.to_string()),
        }
    }
}

/// The pieces of one block as they lie in the store.
pub(super) struct Pieces {
    /// Sort key of the first.
    pub(super) sort: String,
    /// Version of the first; `None` when it is not there.
    pub(super) version: Option<u64>,
    /// What all of them hold, in order.
    pub(super) bodies: Result<Vec<Vec<u8>>, Unreadable>,
}

/// A block that was read to be changed.
pub(super) struct StoredBlock {
    pub(super) frame: Frame,
    pub(super) lists: Vec<Arc<TableList>>,
}

/// What is stored where a block belongs.
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) version: Option<u64>,
    bodies: Vec<Vec<u8>>,
    pub(super) block: Result<Option<StoredBlock>, Unreadable>,
}

/// Blocks and lists of one target. Lists are read once.
pub(super) struct Blocks<'a> {
    items: &'a dyn ItemStore,
    owner: Owner<'a>,
    lists: BTreeMap<ListDigest, Option<Arc<TableList>>>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(items: &'a dyn ItemStore, owner: Owner<'a>) -> Self {
        Self {
            items,
            owner,
            lists: BTreeMap::new(),
        }
    }

    /// Returns the blocks from the one of `from` to the one of `to`, both included, in the order of time.
    pub(super) async fn between(
        &self,
        span: Span,
        content: Content,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Pieces>, StoreError> {
        let mut query = Query {
            partition: keys::partition(span, content, self.owner),
            from: keys::sort(span, from),
            to: format!("{}{AFTER_PIECES}", keys::sort(span, to)),
            order: Order::Ascending,
            after: None,
            limit: 1000,
        };
        let mut items = Vec::new();
        loop {
            let page = self.items.query(&query).await?;
            items.extend(page.items);
            if page.next.is_none() {
                return Ok(group(items));
            }
            query.after = page.next;
        }
    }

    /// Returns the scheduled time of the first moment that there is; of a block that is unreadable its start.
    pub(super) async fn first_moment(
        &self,
        span: Span,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut query = Query {
            partition: keys::partition(span, Content::Totals, self.owner),
            from: "!".to_owned(),
            to: "~".to_owned(),
            order: Order::Ascending,
            after: None,
            limit: 1,
        };
        loop {
            let page = self.items.query(&query).await?;
            if let Some(item) = page.items.first() {
                let start = keys::start(span, keys::block_of(&item.key.sort).0);
                let block = item.body.as_deref().map(Block::decode);
                let first = block.and_then(|block| Some(block.ok()?.moments.first()?.scheduled_at));
                return Ok(first.or(start));
            }
            if page.next.is_none() {
                return Ok(None);
            }
            query.after = page.next;
        }
    }

    /// Returns the list of that name; `None` when it is not there or damaged.
    pub(super) async fn list(
        &mut self,
        digest: ListDigest,
    ) -> Result<Option<Arc<TableList>>, StoreError> {
        if let Some(known) = self.lists.get(&digest) {
            return Ok(known.clone());
        }
        let item = self.items.get(&keys::list_key(self.owner, digest)).await?;
        let body = item.and_then(|item| item.body).unwrap_or_default();
        let list = TableList::decode(&body, digest).ok().map(Arc::new);
        self.lists.insert(digest, list.clone());
        Ok(list)
    }

    /// Keeps a list, which never expires: blocks of days refer to it for ever.
    pub(super) async fn keep_list(&mut self, list: &Arc<TableList>) -> Result<(), StoreError> {
        let key = keys::list_key(self.owner, list.digest());
        let body = list.encode().map_err(|error| failed(&key, &error))?;
        let item = Item {
            key,
            version: 1,
            attributes: Attributes::new(),
            body: Some(body),
            expires_at: None,
        };
        // A list that is there is the same, or damaged.
        let expect = Expect::Anything;
        self.items.put(Put { item, expect }).await?;
        self.lists.insert(list.digest(), Some(Arc::clone(list)));
        Ok(())
    }

    /// Returns what is stored where the block of `time` belongs.
    pub(super) async fn slot(
        &mut self,
        span: Span,
        content: Content,
        time: DateTime<Utc>,
    ) -> Result<Slot, StoreError> {
        let key = Key {
            partition: keys::partition(span, content, self.owner),
            sort: keys::sort(span, time),
        };
        let found = self.between(span, content, time, time).await?;
        let found = found.into_iter().find(|pieces| pieces.sort == key.sort);
        let Some(Pieces {
            version, bodies, ..
        }) = found
        else {
            return Ok(Slot {
                key,
                version: None,
                bodies: Vec::new(),
                block: Ok(None),
            });
        };
        let block = match &bodies {
            Ok(bodies) => self.read(bodies).await?.map(Some),
            Err(unreadable) => Err(unreadable.clone()),
        };
        Ok(Slot {
            key,
            version,
            bodies: bodies.unwrap_or_default(),
            block,
        })
    }

    /// Returns the block of these pieces.
    async fn read(
        &mut self,
        bodies: &[Vec<u8>],
    ) -> Result<Result<StoredBlock, Unreadable>, StoreError> {
        let mut whole: Option<Frame> = None;
        let mut lists = Vec::new();
        for body in bodies {
            let block = match Block::decode(body) {
                Ok(block) => block,
                Err(error) => return Ok(Err(error.into())),
            };
            let list = match block.list {
                Some(digest) => match self.list(digest).await? {
                    Some(list) => Some(list),
                    None => return Ok(Err(Unreadable::ListMissing)),
                },
                None => None,
            };
            let frame = match block.into_frame(list.as_deref()) {
                Ok(frame) => frame,
                Err(error) => return Ok(Err(error.into())),
            };
            lists.extend(list);
            match &mut whole {
                Some(whole) if whole.moments == frame.moments => whole.tables.extend(frame.tables),
                Some(_) => return Ok(Err(Unreadable::Damaged("its pieces differ".to_owned()))),
                None => whole = Some(frame),
            }
        }
        let nothing = || Unreadable::Damaged("it has no piece".to_owned());
        Ok(whole
            .map(|frame| StoredBlock { frame, lists })
            .ok_or_else(nothing))
    }

    /// Replaces the content of a slot as it was when it was read; [`Written::Conflict`] when it has changed since.
    ///
    /// Nothing is written when the same is there already.
    pub(super) async fn replace(
        &self,
        slot: &Slot,
        bodies: Vec<Vec<u8>>,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Written, StoreError> {
        if slot.version.is_some() && slot.bodies == bodies {
            return Ok(Written::Done);
        }
        let expect = slot.version.map_or(Expect::Absent, Expect::Version);
        let version = slot.version.unwrap_or_default() + 1;
        self.put(&slot.key, bodies, version, expect, expires_at)
            .await
    }

    /// Writes a block, whatever is there.
    pub(super) async fn overwrite(
        &self,
        key: &Key,
        bodies: Vec<Vec<u8>>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.put(key, bodies, 1, Expect::Anything, Some(expires_at))
            .await?;
        Ok(())
    }

    async fn put(
        &self,
        key: &Key,
        bodies: Vec<Vec<u8>>,
        version: u64,
        expect: Expect,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Written, StoreError> {
        let count = bodies.len();
        let mut puts = Vec::with_capacity(count);
        for (number, body) in bodies.into_iter().enumerate() {
            let mut attributes = Attributes::new();
            if number == 0 && count > 1 {
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                attributes.insert(PIECES.to_owned(), Value::Integer(count));
            }
            let item = Item {
                key: Key {
                    partition: key.partition.clone(),
                    sort: keys::piece_sort(&key.sort, number),
                },
                version,
                attributes,
                body: Some(body),
                expires_at,
            };
            let expect = if number == 0 {
                expect
            } else {
                Expect::Anything
            };
            puts.push(Put { item, expect });
        }
        match puts.pop() {
            Some(only) if puts.is_empty() => self.items.put(only).await,
            last => {
                puts.extend(last);
                self.items.put_all(puts).await
            }
        }
    }
}

/// Returns the error of a block that cannot be written.
pub(super) fn failed(key: &Key, error: &BlockError) -> StoreError {
    StoreError::Unreadable {
        key: key.clone(),
        reason: error.to_string(),
    }
}

/// Returns the pieces of `frame`: one for each list. Without lists it is split where it must be.
///
/// # Errors
///
/// [`BlockError::TooLarge`] when a piece is too large for an item, or there are too many.
pub(super) fn pieces(frame: &Frame, lists: &[Arc<TableList>]) -> Result<Vec<Vec<u8>>, BlockError> {
    if !lists.is_empty() {
        let lists: Vec<_> = lists.iter().map(|list| Some(&**list)).collect();
        let firsts: Vec<_> = lists
            .iter()
            .map(|list| list.and_then(|list| list.tables().first()))
            .collect();
        return encoded(frame, &firsts, &lists);
    }
    let keys: Vec<_> = frame.tables.keys().collect();
    let mut count = 1;
    loop {
        let length = keys.len().div_ceil(count).max(1);
        let firsts: Vec<_> = keys
            .chunks(length)
            .map(|keys| keys.first().copied())
            .collect();
        let firsts = if firsts.is_empty() {
            vec![None]
        } else {
            firsts
        };
        match encoded(frame, &firsts, &vec![None; firsts.len()]) {
            Err(BlockError::TooLarge) if count < MAX_PIECES => count = (count * 2).min(MAX_PIECES),
            pieces => return pieces,
        }
    }
}

/// Returns a piece for each of the ranges of tables that start at `firsts`, with its list.
fn encoded(
    frame: &Frame,
    firsts: &[Option<&TableKey>],
    lists: &[Option<&TableList>],
) -> Result<Vec<Vec<u8>>, BlockError> {
    let piece = |(number, list): (usize, &Option<&TableList>)| {
        if lists.len() == 1 {
            return encode(frame, *list);
        }
        let first = |number: usize| firsts.get(number).copied().flatten();
        let from = if number == 0 { None } else { first(number) };
        encode(&slice(frame, from, first(number + 1)), *list)
    };
    let bodies: Vec<_> = lists
        .iter()
        .enumerate()
        .map(piece)
        .collect::<Result<_, _>>()?;
    let is_too_large = |body: &Vec<u8>| body.len() > PIECE_BYTES;
    if bodies.len() > MAX_PIECES || bodies.iter().any(is_too_large) {
        return Err(BlockError::TooLarge);
    }
    Ok(bodies)
}

/// Returns the tables from one to before another. The target's own series are in the first piece.
fn slice(frame: &Frame, from: Option<&TableKey>, to: Option<&TableKey>) -> Frame {
    let mut piece = Frame::empty(&frame.measures);
    piece.moments.clone_from(&frame.moments);
    if from.is_none() {
        piece.own.clone_from(&frame.own);
    }
    let is_inside =
        |key: &TableKey| from.is_none_or(|from| key >= from) && to.is_none_or(|to| key < to);
    let tables = frame.tables.iter().filter(|(key, _)| is_inside(key));
    piece.tables = tables
        .map(|(key, columns)| (key.clone(), columns.clone()))
        .collect();
    piece
}

/// Groups items, which are in order, into blocks.
fn group(items: Vec<Item>) -> Vec<Pieces> {
    let mut blocks: Vec<(String, Vec<(usize, Item)>)> = Vec::new();
    for item in items {
        let (sort, number) = keys::block_of(&item.key.sort);
        match blocks.last_mut() {
            Some((block, pieces)) if block == sort => pieces.push((number, item)),
            _ => blocks.push((sort.to_owned(), vec![(number, item)])),
        }
    }
    blocks
        .into_iter()
        .map(|(sort, pieces)| joined(sort, pieces))
        .collect()
}

/// Joins the pieces of a block. Those behind its number are left over from a larger one.
fn joined(sort: String, pieces: Vec<(usize, Item)>) -> Pieces {
    let first = pieces.iter().find(|(number, _)| *number == 0);
    let version = first.map(|(_, item)| item.version);
    let count = match first.map(|(_, item)| item.attributes.get(PIECES)) {
        Some(Some(Value::Integer(count))) => usize::try_from(*count).unwrap_or(usize::MAX),
        Some(None) => 1,
        _ => 0,
    };
    let of_block = pieces.into_iter().filter(|(number, item)| {
        *number < count && Some(item.version) == version && item.body.is_some()
    });
    let bodies: Vec<_> = of_block.filter_map(|(_, item)| item.body).collect();
    let is_whole = count > 0 && bodies.len() == count;
    Pieces {
        sort,
        version,
        bodies: if is_whole {
            Ok(bodies)
        } else {
            Err(Unreadable::Damaged(
                "not all of its pieces are there".to_owned(),
            ))
        },
    }
}
