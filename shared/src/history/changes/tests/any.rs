//! Changes between random measurements.

use super::*;
use crate::history::model::Random;

/// Returns a database in which names and numbers of tables collide in every way.
fn random_database(hour: u32, random: &mut Random) -> World {
    let mut world = World::at(hour).total(random.below(4000));
    if random.happens(70) {
        world = world.own(Measure::SystemBytes, Reading::of(random.below(300)));
    }
    for _ in 0..random.below(12) {
        let module = ["", "Sales", "Audit"][usize::try_from(random.below(3)).unwrap()];
        let name = format!("{module}.t{}", random.below(8));
        let id = random.happens(60).then(|| random.below(10));
        let unit = if random.happens(30) { MIB } else { 1 };
        let bytes = random.happens(85).then(|| random.below(4) * unit);
        world = world.table(&name, id, bytes);
    }
    world
}

#[test]
fn any_two_databases_add_up_and_every_table_is_in_one_place() {
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let (from, to) = (
            random_database(1, &mut random),
            random_database(2, &mut random),
        );
        let top = usize::try_from(random.below(6)).unwrap();

        let all = by_table(&from, &to, usize::MAX);
        let some = by_table(&from, &to, top);
        let modules = Changes::of_database(&from.0, &to.0, Grouping::Module, top).unwrap();

        assert_adds_up(&modules);
        let always = |part: &&PartChange| part.identity.part.is_always_shown();
        assert!(some.parts.iter().filter(|part| !always(part)).count() <= top);
        let hidden = all.parts.len() - some.parts.len();
        assert_eq!(
            u64::try_from(hidden).unwrap(),
            some.other_count,
            "seed {seed}"
        );
        assert_eq!(all.unsized_parts, some.unsized_parts, "seed {seed}");
        let sides = parts::of_database(&from.0, &to.0);
        let given = sides.each_ref().map(Vec::len);
        let (sized, others) = pairs::split(sides);
        let all = || sized.iter().chain(&others);
        let first = all().filter(|pair| pair.from.is_some()).count();
        let second = all().filter(|pair| pair.to.is_some()).count();
        assert_eq!([first, second], given, "seed {seed}");
    }
}

#[test]
fn any_two_storages_add_up() {
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let mut world = |hour| {
            let mut world = World::at(hour).total(random.below(100));
            for measure in [
                Measure::CurrentBytes,
                Measure::NoncurrentBytes,
                Measure::UsedBytes,
            ] {
                let total = random.below(100);
                let reading = match random.below(5) {
                    0 => Reading::ABSENT,
                    1 => Reading::UNSIZED,
                    _ => Reading::of(total),
                };
                world = world.own(measure, reading);
                for class in ["STANDARD", "GLACIER"] {
                    if random.happens(50) {
                        world = world.class(measure, class, random.below(60));
                    }
                }
            }
            world
        };
        let (from, to) = (world(1), world(2));

        match Changes::of_storage(&from.0, &to.0, usize::try_from(random.below(4)).unwrap()) {
            Ok(changes) => assert_adds_up(&changes),
            Err(error) => assert_eq!(error, ChangesError::NothingInCommon, "seed {seed}"),
        }
    }
}
