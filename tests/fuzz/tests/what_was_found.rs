//! What was found once, in a way that finds it again whatever the stores look like by then.

use std::sync::Mutex;

use hitherto_fuzz::{Image, Recipe, Session};

/// Memory is counted for the whole process, so one test runs at a time.
static SERIAL: Mutex<()> = Mutex::new(());
const INDEX_SUFFIX: &str = ".idx";
const PAGE: usize = 4096;
/// Stores that are looked at number by number: more would take too long.
const SHAPES: u64 = 32;
const NUMBERS_MAX: usize = 900;

fn sound(session: &Session, shape: u64) -> (Recipe, Image) {
    let recipe = Recipe { shape, seeds: Vec::new() };
    let image = session.sound(&recipe).image.clone();
    (recipe, image)
}

/// Of several damaged index files only the first was built anew; the second ended the read.
#[test]
fn all_index_files_may_be_damaged_at_once() {
    let _alone = SERIAL.lock();
    let mut session = Session::new(0);
    let mut damaged = 0;
    for shape in 0..SHAPES {
        for page in [0, 3, 5, 6] {
            let (recipe, mut image) = sound(&session, shape);
            let indexes = image.0.iter_mut().filter(|(name, _)| name.ends_with(INDEX_SUFFIX));
            let pages = indexes.filter_map(|(_, bytes)| bytes.get_mut(page * PAGE + 9));
            damaged += pages.map(|byte| *byte ^= 1).count();
            let looked = session.look_at(&recipe, &image);
            assert!(looked.is_ok(), "{recipe}, page {page}: {looked:?}");
        }
    }
    assert!(damaged > 100, "there are index files to damage");
}

/// Only an append looks into the table of ids. A damaged page of it is built anew from the log, and
/// where that is damaged too, the append is refused: that was taken for one that is stored again.
#[test]
fn an_append_may_be_the_first_to_come_across_damage() {
    let _alone = SERIAL.lock();
    let mut session = Session::new(0);
    let mut refused = 0;
    for shape in 0..SHAPES {
        for page in [2, 3, 4] {
            let (recipe, mut image) = sound(&session, shape);
            for (name, bytes) in &mut image.0 {
                let place = if name.ends_with(INDEX_SUFFIX) { page * PAGE + 9 } else { 9 };
                let is_damaged = name.ends_with(INDEX_SUFFIX) || name.ends_with("01.log");
                bytes.get_mut(place).filter(|_| is_damaged).into_iter().for_each(|it| *it ^= 1);
            }
            let looked = session.look_at(&recipe, &image);
            assert!(looked.is_ok(), "{recipe}, page {page}: {looked:?}");
            refused += usize::from(looked.is_ok_and(|noticed| noticed.0.len() == 1));
        }
    }
    assert!(refused > 0, "some append is refused");
}

/// A batch with the number 0 was taken for one behind another: a panic.
#[test]
fn any_number_may_be_zero_or_the_largest_under_a_good_checksum() {
    let _alone = SERIAL.lock();
    let mut session = Session::that_believes_checksums(0);
    let shape = small_shapes(&session).first().copied().expect("there is a small one");
    let broken = broken_by_extreme_numbers(&mut session, shape);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn believing_numbers_is_found() {
    let _alone = SERIAL.lock();
    let mut session = Session::that_believes_numbers(0);
    // Not in every store does a number stand that nothing else contradicts.
    let shapes = small_shapes(&session);
    let mut broken = shapes.into_iter().map(|it| broken_by_extreme_numbers(&mut session, it));
    assert!(broken.any(|broken| !broken.is_empty()));
}

/// Stores of some files and few numbers.
fn small_shapes(session: &Session) -> Vec<u64> {
    let small = |shape: &u64| {
        let (_, image) = sound(session, *shape);
        numbers(&image).len() <= NUMBERS_MAX && image.0.len() > 2
    };
    (0..SHAPES).filter(small).collect()
}

/// What is broken when any eight bytes of a store are the smallest or the largest number.
fn broken_by_extreme_numbers(session: &mut Session, shape: u64) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, place) in numbers(&sound(session, shape).1) {
        for number in [0, u64::MAX] {
            let (recipe, mut image) = sound(session, shape);
            let bytes = image.0.get_mut(&name).expect("it is there");
            bytes[place..place + 8].copy_from_slice(&number.to_le_bytes());
            let looked = session.look_at(&recipe, &image);
            let what = || format!("{number:#x} in {name} of {shape} at {place}: {looked:?}");
            broken.extend(looked.is_err().then(what));
        }
    }
    broken
}

/// Where eight bytes stand that are not all zeros.
fn numbers(image: &Image) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (name, bytes) in &image.0 {
        let numbers = bytes.chunks_exact(8).enumerate().filter(|(_, number)| **number != [0; 8]);
        found.extend(numbers.map(|(index, _)| (name.clone(), index * 8)));
    }
    found
}
