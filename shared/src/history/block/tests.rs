//! Blocks of any frame come back, and any bytes are a block or an error.

use super::*;
use crate::history::bytes::seal;
use crate::history::frame::TableReadings;
use crate::history::model::Random;

/// Seeds of this test: a failure names its own.
const SEEDS: std::ops::Range<u64> = 0..300;

fn reading(random: &mut Random) -> Reading {
    match random.below(8) {
        0 => Reading::ABSENT,
        1 => Reading::UNSIZED,
        2 => Reading::of(0),
        3 => Reading::of(Reading::MAX_VALUE - random.below(3)),
        4 => Reading::of(random.number()),
        5 => Reading::of(random.below(100)),
        _ => Reading::of(8192 * random.below(1000)),
    }
}

fn column(random: &mut Random, length: usize) -> Column {
    let mut column = vec![];
    let mut last = reading(random);
    for _ in 0..length {
        if random.happens(30) {
            last = reading(random);
        }
        column.push(last);
    }
    column
}

fn text(random: &mut Random) -> String {
    const LETTERS: [&str; 8] = ["a", "b", "order", "$", "ü", "\u{1F600}", "\0", " "];
    let length = random.below(6);
    let letter = |random: &mut Random| LETTERS[usize::try_from(random.below(8)).unwrap()];
    (0..length).map(|_| letter(random)).collect()
}

fn key(random: &mut Random) -> TableKey {
    TableKey {
        schema: text(random).into(),
        table: text(random).into(),
        table_id: random
            .happens(70)
            .then(|| random.number() >> random.below(64)),
        module: random.happens(50).then(|| text(random).into()),
        is_partition: random.happens(10),
    }
}

fn frame(random: &mut Random) -> Frame {
    let measures = match random.below(3) {
        0 => TableMeasure::TOTALS,
        1 => TableMeasure::PARTS,
        _ => &[],
    };
    let mut frame = Frame::empty(measures);
    let mut scheduled_at = DateTime::UNIX_EPOCH - TimeDelta::days(3);
    for _ in 0..=random.below(40) {
        let seconds = 1 + random.number() % (1 << random.below(24));
        scheduled_at += TimeDelta::seconds(seconds.cast_signed());
        let late = (random.number() >> (random.below(40) + 24)).cast_signed();
        frame.moments.push(Moment {
            scheduled_at,
            taken_at: scheduled_at + TimeDelta::milliseconds(late - 1000),
            completeness: if random.happens(90) {
                Completeness::Complete
            } else {
                Completeness::Partial
            },
            basis: Basis::from_text(&text(random)),
        });
    }
    let length = frame.moments.len();
    for _ in 0..random.below(8) {
        let measure = Measure::ALL[usize::try_from(random.below(22)).unwrap()];
        let class = random.happens(50).then(|| text(random));
        frame
            .own
            .insert(OwnSeries { measure, class }, column(random, length));
    }
    for _ in 0..random.below(30) {
        let columns = measures.iter().map(|_| column(random, length)).collect();
        frame.tables.insert(key(random), columns);
    }
    frame.retained(|_| true)
}

/// Returns a list of some of the frame's tables and of others.
fn list(random: &mut Random, frame: &Frame) -> Option<TableList> {
    if random.happens(20) {
        return None;
    }
    let mut tables: Vec<_> = frame.tables.keys().cloned().collect();
    tables.retain(|_| random.happens(70));
    for _ in 0..random.below(4) {
        tables.push(key(random));
    }
    let readings = |random: &mut Random| {
        let mut readings = TableReadings::default();
        for measure in TableMeasure::ALL {
            readings.set(measure, reading(random));
        }
        readings
    };
    let tables = tables.into_iter().map(|key| (key, readings(random)));
    Some(TableList::new(tables.collect::<Vec<_>>()))
}

#[test]
fn every_frame_comes_back() {
    for seed in SEEDS {
        let mut random = Random::new(seed);
        let frame = frame(&mut random);
        let list = list(&mut random, &frame);

        let block = Block::decode(&encode(&frame, list.as_ref()).unwrap()).unwrap();
        let found = block.into_frame(list.as_ref()).unwrap();

        assert_eq!(found.moments, frame.moments, "seed {seed}");
        assert_eq!(found.own, frame.own, "seed {seed}");
        assert_eq!(found.tables, frame.tables, "seed {seed}");
    }
}

#[test]
fn every_list_comes_back_and_is_no_other() {
    for seed in SEEDS {
        let mut random = Random::new(seed);
        let frame = frame(&mut random);
        let Some(list) = list(&mut random, &frame) else {
            continue;
        };
        let sealed = list.encode().unwrap();

        let found = TableList::decode(&sealed, list.digest());
        let other = TableList::decode(&sealed, ListDigest([7; DIGEST_BYTES]));

        assert_eq!(found.as_ref(), Ok(&list), "seed {seed}");
        assert_eq!(
            ListDigest::from_hex(&list.digest().to_hex()),
            Some(list.digest())
        );
        assert!(other.is_err(), "seed {seed}");
    }
}

#[test]
fn a_block_is_read_with_its_own_list_only() {
    let mut random = Random::new(3);
    let frame = frame(&mut random);
    let named = TableList::new([(key(&mut random), TableReadings::default())]);
    let block = Block::decode(&encode(&frame, Some(&named)).unwrap()).unwrap();

    let without = block.tables(None);
    let other = block.tables(Some(&TableList::new([])));

    assert!(without.is_err() && other.is_err());
    assert!(block.tables(Some(&named)).is_ok());
}

/// The envelope's checksum keeps damage out; this is about bytes that carry a right checksum all the same.
#[test]
fn any_content_is_a_block_or_an_error() {
    let mut errors = 0;
    for seed in SEEDS.step_by(5) {
        let mut random = Random::new(seed);
        let frame = frame(&mut random);
        let list = list(&mut random, &frame);
        let whole = bytes::open(VERSION, &encode(&frame, list.as_ref()).unwrap()).unwrap();
        let names = bytes::open(
            VERSION,
            &list.clone().unwrap_or(TableList::new([])).encode().unwrap(),
        );
        for content in [whole, names.unwrap(), vec![]] {
            for _ in 0..20 {
                let content = damaged(&mut random, content.clone());
                let sealed = seal(VERSION, &content).unwrap();
                let block = Block::decode(&sealed);
                let tables = block.and_then(|block| block.into_frame(list.as_ref()));
                errors += u32::from(tables.is_err());
                let mut cursor = Cursor::new(&content);
                let _ = take_tables(&mut cursor);
            }
        }
    }
    assert!(errors > 2000, "{errors}");
}

fn damaged(random: &mut Random, mut content: Vec<u8>) -> Vec<u8> {
    let limit = content.len() as u64 + 1;
    for _ in 0..=random.below(4) {
        let position = usize::try_from(random.below(limit))
            .unwrap()
            .min(content.len());
        let byte = random.number().to_le_bytes()[0];
        match random.below(4) {
            0 => content.truncate(position),
            1 => content.insert(position, byte),
            2 => content.extend_from_slice(&random.number().to_le_bytes()),
            _ => {
                if let Some(changed) = content.get_mut(position) {
                    *changed = byte;
                }
            }
        }
    }
    content
}

#[test]
fn a_length_that_is_not_there_is_refused_before_anything_is_allocated() {
    let mut content = vec![];
    put_number(&mut content, u64::MAX >> 1);
    let endless_moments = seal(VERSION, &content).unwrap();
    let mut moments = vec![];
    let one = Moment {
        scheduled_at: DateTime::UNIX_EPOCH,
        taken_at: DateTime::UNIX_EPOCH,
        completeness: Completeness::Complete,
        basis: Basis::new(&[]),
    };
    put_moments(&mut moments, &[one]).unwrap();
    put_number(&mut moments, u64::MAX >> 1);
    let endless_series = seal(VERSION, &moments).unwrap();

    for sealed in [endless_moments, endless_series] {
        assert!(matches!(
            Block::decode(&sealed),
            Err(BlockError::Damaged(_))
        ));
    }
}
