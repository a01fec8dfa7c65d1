//! Damage: what disks, copies and people do to files, one after another, as a seed says.

use crate::image::Image;
use crate::random::Random;
use crate::sound::Sound;

const SECTOR: usize = 512;
const BLOCK: usize = 4096;
/// A file does not become longer than this.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Numbers that lengths, counts and offsets are wrong by.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    7,
    8,
    55,
    56,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX - 1,
    u64::MAX,
];

/// Damages the files of a store as this seed says, once or a few times.
pub(crate) fn mutate(image: &mut Image, sound: &Sound, foreign: &Image, seed: u64) {
    let mut random = Random::new(seed);
    let times = if random.once_in(2) { 1 } else { 1 + random.below(4) };
    for _ in 0..times {
        mutate_once(image, sound, foreign, &mut random);
    }
}

fn mutate_once(image: &mut Image, sound: &Sound, foreign: &Image, random: &mut Random) {
    let names = image.names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let Some(name) = random.pick(&names).cloned() else { return };
    match random.below(24) {
        0 => drop(image.0.remove(&name)),
        1 => swap_files(image, &name, &names, random),
        2 => copy_file(image, &name, &names, random),
        3 | 4 => older_file(image, &name, sound, random),
        5 | 6 => splice_from(image, &name, foreign, random),
        7 | 8 => splice_from(image, &name, &image.clone(), random),
        9 | 10 => stale_block(image, &name, sound, random),
        kind => mutate_bytes(image.0.entry(name).or_default(), kind, random),
    }
}

fn mutate_bytes(bytes: &mut Vec<u8>, kind: usize, random: &mut Random) {
    match kind {
        11..=13 => flip_bits(bytes, random),
        14..=17 => put_number(bytes, random),
        18 => zero_block(bytes, random),
        19 => move_block(bytes, random),
        20 => swap_blocks(bytes, random),
        21 => shift(bytes, random),
        22 => truncate(bytes, random),
        _ => extend(bytes, random),
    }
}

/// A place in a file, where something stands if that can be: most of a file is zeros.
fn place(bytes: &[u8], random: &mut Random) -> usize {
    let places = (0..8).map(|_| random.below(bytes.len())).collect::<Vec<_>>();
    let stands = |place: &&usize| bytes.get(**place).is_some_and(|&byte| byte != 0);
    *places.iter().find(stands).unwrap_or(&places[0])
}

fn flip_bits(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let place = place(bytes, random);
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1 << random.below(8);
        }
    }
}

/// A number of 1, 2, 4 or 8 bytes, often at a multiple of its size, often near one that counts.
fn put_number(bytes: &mut [u8], random: &mut Random) {
    let size = *random.pick(&[1, 2, 4, 4, 8, 8]).expect("there are some");
    let place = place(bytes, random) / size * size;
    let Some(target) = bytes.get_mut(place..place + size) else { return };
    let mut present = [0; 8];
    present[..size].copy_from_slice(target);
    let present = u64::from_le_bytes(present);
    let number = match random.below(4) {
        0 => present.wrapping_add(*random.pick(&NUMBERS).expect("there are some")),
        1 => present.wrapping_sub(*random.pick(&NUMBERS).expect("there are some")),
        2 => random.number() >> random.below(64),
        _ => *random.pick(&NUMBERS).expect("there are some"),
    };
    target.copy_from_slice(&number.to_le_bytes()[..size]);
}

fn block(bytes: &[u8], random: &mut Random) -> std::ops::Range<usize> {
    let size = *random.pick(&[SECTOR, SECTOR, BLOCK, 8]).expect("there are some");
    let start = place(bytes, random) / size * size;
    start..(start + size).min(bytes.len())
}

fn zero_block(bytes: &mut [u8], random: &mut Random) {
    let range = block(bytes, random);
    bytes[range].fill(0);
}

fn move_block(bytes: &mut [u8], random: &mut Random) {
    let from = block(bytes, random);
    let to = random.below(bytes.len()) / from.len().max(1) * from.len();
    let length = from.len().min(bytes.len() - to);
    bytes.copy_within(from.start..from.start + length, to);
}

fn swap_blocks(bytes: &mut [u8], random: &mut Random) {
    let (one, other) = (block(bytes, random), block(bytes, random).start);
    let length = one.len().min(bytes.len() - other);
    for index in 0..length {
        bytes.swap(one.start + index, other + index);
    }
}

/// Some bytes are put in, or taken out; what is behind them moves.
fn shift(bytes: &mut Vec<u8>, random: &mut Random) {
    let (place, length) = (place(bytes, random), 1 << random.below(13));
    if random.once_in(2) {
        let garbage = (0..length).map(|_| random.number() as u8).collect::<Vec<_>>();
        bytes.splice(place.min(bytes.len())..place.min(bytes.len()), garbage);
    } else {
        bytes.drain(place.min(bytes.len())..(place + length).min(bytes.len()));
    }
}

fn truncate(bytes: &mut Vec<u8>, random: &mut Random) {
    let length = place(bytes, random);
    bytes.truncate(if random.once_in(2) { length / SECTOR * SECTOR } else { length });
}

fn extend(bytes: &mut Vec<u8>, random: &mut Random) {
    let length = (1 << random.below(17)).min(FILE_BYTES_MAX - bytes.len().min(FILE_BYTES_MAX));
    match random.below(3) {
        0 => bytes.resize(bytes.len() + length, 0),
        1 => bytes.extend((0..length).map(|_| random.number() as u8)),
        _ => {
            let from = place(bytes, random).min(bytes.len());
            bytes.extend_from_within(from..(from + length).min(bytes.len()));
        }
    }
}

fn swap_files(image: &mut Image, name: &str, names: &[String], random: &mut Random) {
    let other = random.pick(names).expect("there is one").clone();
    let bytes = image.0.remove(name).unwrap_or_default();
    if let Some(others) = image.0.insert(other, bytes) {
        image.0.insert(name.to_owned(), others);
    }
}

/// The file once more, under the name of another or the next number.
fn copy_file(image: &mut Image, name: &str, names: &[String], random: &mut Random) {
    let copy = image.0[name].clone();
    let target = random.pick(names).expect("there is one").clone();
    let digits = target.chars().take_while(char::is_ascii_digit).count();
    let number = target[..digits].parse::<u64>().unwrap_or_default();
    let next = format!("{:0digits$}{}", number + 1 + random.below(2) as u64, &target[digits..]);
    let target = match random.below(4) {
        0 => target,
        1 => format!("{target}.tmp"),
        _ if digits > 0 => next,
        _ => "spare.tmp".to_owned(),
    };
    image.0.insert(target, copy);
}

/// The file as it was earlier, or gone if it was not there yet; sometimes one that is there no
/// more.
fn older_file(image: &mut Image, name: &str, sound: &Sound, random: &mut Random) {
    let Some(older) = random.pick(&sound.older) else { return };
    let gone = older.names().into_iter().filter(|name| !image.0.contains_key(*name));
    let gone = gone.map(str::to_owned).collect::<Vec<_>>();
    let again = if random.once_in(2) { random.pick(&gone) } else { None };
    let name = again.map_or(name, String::as_str);
    match older.0.get(name) {
        Some(bytes) => drop(image.0.insert(name.to_owned(), bytes.clone())),
        None => drop(image.0.remove(name)),
    }
}

/// A block as it was earlier: a write that was lost.
fn stale_block(image: &mut Image, name: &str, sound: &Sound, random: &mut Random) {
    let older = random.pick(&sound.older).and_then(|older| older.0.get(name));
    let (Some(older), Some(bytes)) = (older, image.0.get_mut(name)) else { return };
    let range = block(bytes, random);
    for place in range {
        bytes[place] = older.get(place).copied().unwrap_or(0);
    }
}

/// Bytes of another file, mostly of that of the same name, mostly at the same place.
fn splice_from(image: &mut Image, name: &str, source: &Image, random: &mut Random) {
    let names = source.names();
    let other = random.pick(&names).copied().unwrap_or_default();
    let other = if random.once_in(2) { name } else { other };
    let (Some(source), Some(bytes)) = (source.0.get(other), image.0.get_mut(name)) else { return };
    if random.once_in(6) {
        return bytes.clone_from(source);
    }
    let from = block(source, random);
    let aligned = random.below(bytes.len()) / SECTOR * SECTOR;
    let to = if random.once_in(2) { from.start } else { aligned };
    for (index, place) in from.enumerate() {
        if let Some(target) = bytes.get_mut(to + index) {
            *target = source[place];
        }
    }
}
