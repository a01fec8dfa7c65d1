//! Stubs are bytes like all others: damaged, they are noticed or harmless, bring nothing back, and
//! give nothing to hold on to, also if every checksum is believed.

use hitherto_fuzz::Image;
use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{
    Append, EmbeddedStore, ErrorKind, EventId, EventStore, MemoryDisk, NewEvent, Options, Query,
    Recorded, SystemClock, Target,
};

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 8 << 10;
    options.store_id = Some(EventId::from_u128(9));
    options
}

/// A store of which every second event is removed, and what is left of it.
fn scavenged() -> (Image, Vec<Recorded>) {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("it opens");
    for number in 0..60_u128 {
        let stream = if number % 2 == 0 { "keep-1" } else { "gone-1" };
        let event = NewEvent::json("Said", format!("{number:0200}")).id(EventId::from_u128(number));
        store.append(Append::to(stream).event(event)).expect("it fits");
    }
    store.delete(Target::stream("gone-1")).expect("it is there");
    assert_eq!(store.scavenge().expect("there is room").events, 30);
    let kept = store.read(Query::all()).map(|event| event.expect("it is sound")).collect();
    store.close().expect("it closes");
    (Image::of(&disk), kept)
}

/// What can be read of an image, and whether that ended with an error.
fn read(image: &Image) -> (Vec<Recorded>, bool) {
    let opened = EmbeddedStore::read_only_on(image.disk(), SystemClock, options());
    let store = match opened {
        Ok(store) => store,
        Err(error) => {
            assert_ne!(error.kind(), ErrorKind::Closed, "{error}");
            return (Vec::new(), true);
        }
    };
    let mut found = Vec::new();
    for event in store.read(Query::all()) {
        match event {
            Ok(event) => found.push(event),
            Err(_) => return (found, true),
        }
    }
    let _ = store.stat();
    (found, false)
}

/// Every so manieth byte of the compressed files, changed in one bit.
fn each_damage(image: &Image, step: usize, mut look: impl FnMut(&str, usize, &Image)) {
    let files = image.names().into_iter().filter(|name| name.contains(".zlog"));
    for name in files {
        for place in (0..image.0[name].len()).step_by(step) {
            let mut damaged = image.clone();
            damaged.0.get_mut(name).expect("it is there")[place] ^= 1 << (place % 8);
            look(name, place, &damaged);
        }
    }
}

#[test]
fn what_is_left_of_removed_events_is_damaged_too() {
    let (image, kept) = scavenged();
    assert_eq!(read(&image), (kept.clone(), false));
    let (mut looked_at, mut noticed) = (0, 0);
    each_damage(&image, 7, |name, place, damaged| {
        let (found, has_error) = read(damaged);
        let is_sound = found.iter().all(|event| kept.contains(event));
        assert!(is_sound, "byte {place} of {name}: something else was returned");
        assert!(has_error || found.len() == kept.len(), "byte {place} of {name}: a silent loss");
        looked_at += 1;
        noticed += u32::from(has_error);
    });
    assert!(noticed > 50 && looked_at > 500, "{noticed} of {looked_at} damages were noticed");
    plant(Some(PlantedBug::BelieveChecksums));
    each_damage(&image, 11, |_, _, damaged| drop(read(damaged)));
    plant(None);
}
