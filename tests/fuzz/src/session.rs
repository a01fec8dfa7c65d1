//! Damages stores one after another, keeps what was noticed in a new way to damage it further,
//! and can repeat each of them.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};

use hitherto_store::planted::{PlantedBug, plant};

use crate::check::{Broken, Check, Noticed, without_numbers};
use crate::image::Image;
use crate::mutation::mutate;
use crate::random::Random;
use crate::sound::{SHAPES, Sound};

/// Bytes that looking at a store of some 100 KiB may take in memory: readers hold 256 KiB, a scan
/// 1 MiB, the options allow 8 MiB.
const MEMORY_BYTES_MAX: usize = 64 << 20;
/// Damaged stores that are kept to be damaged further.
const KEPT_MAX: usize = 512;
/// Files of another store that are not told apart from the store's own.
const NOT_TOLD_APART: [&str; 3] = [".log", ".zlog", ".cache"];
/// How often a store is damaged further.
const DEPTH_MAX: usize = 4;

/// Which store was damaged, and how: everything follows from it.
///
/// ```
/// use hitherto_fuzz::Recipe;
///
/// let recipe: Recipe = "7/123/456".parse().expect("numbers");
/// assert_eq!(recipe.to_string(), "7/123/456");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// The number of the sound store.
    pub shape: u64,
    /// The seed of each damage.
    pub seeds: Vec<u64>,
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shape)?;
        self.seeds.iter().try_for_each(|seed| write!(f, "/{seed}"))
    }
}

impl FromStr for Recipe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split('/').map(str::parse).collect::<Result<Vec<u64>, _>>();
        let numbers = numbers.map_err(|error| format!("{text:?} is no recipe: {error}"))?;
        let (shape, seeds) = numbers.split_first().ok_or("a recipe begins with a store")?;
        Ok(Self { shape: *shape % SHAPES, seeds: seeds.to_vec() })
    }
}

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How it comes about.
    pub recipe: Recipe,
    /// Whether the store believed all checksums.
    pub believes_checksums: bool,
    /// What happened.
    pub what: Broken,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.believes_checksums { " believing" } else { "" };
        write!(f, "cargo xtask fuzz {}{word}: {}", self.recipe, self.what)
    }
}

/// The sound stores, and what is known about damaging them.
pub struct Session {
    sound: &'static [Sound],
    foreign: &'static [Image],
    kept: Vec<(Recipe, Image)>,
    noticed: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
    random: Random,
    planted: Option<PlantedBug>,
    /// How many damaged stores were looked at.
    pub looked_at: u64,
}

impl Session {
    /// A session whose course follows from a seed.
    pub fn new(seed: u64) -> Self {
        let (sound, foreign) = stores();
        let (kept, noticed) = (Vec::new(), HashSet::default());
        let (random, planted) = (Random::new(seed), None);
        Self { sound, foreign, kept, noticed, random, planted, looked_at: 0 }
    }

    /// A session with a store that believes every checksum. It returns what it should not; but
    /// whatever lengths and counts it reads, it does not panic, loop, or take much memory.
    pub fn that_believes_checksums(seed: u64) -> Self {
        Self { planted: Some(PlantedBug::BelieveChecksums), ..Self::new(seed) }
    }

    /// The same with a store that believes every number too, so that it must not go well.
    pub fn that_believes_numbers(seed: u64) -> Self {
        Self { planted: Some(PlantedBug::BelieveNumbers), ..Self::new(seed) }
    }

    /// Damages another store and looks at it.
    pub fn next_finding(&mut self) -> Option<Finding> {
        let (mut recipe, mut image) = self.parent();
        let seed = self.random.number() >> 32;
        recipe.seeds.push(seed);
        self.damage(&mut image, recipe.shape, seed);
        match self.look_at(&recipe, &image) {
            Ok(noticed) => {
                self.keep(recipe, image, &noticed);
                None
            }
            Err(what) => {
                let believes_checksums = self.planted.is_some();
                Some(Finding { recipe, believes_checksums, what })
            }
        }
    }

    /// Does once more what a recipe says.
    pub fn repeat(&mut self, recipe: &Recipe) -> Result<Noticed, Broken> {
        self.look_at(recipe, &self.damaged(recipe))
    }

    /// The damaged store that a recipe makes.
    pub fn damaged(&self, recipe: &Recipe) -> Image {
        let mut image = self.sound[recipe.shape as usize].image.clone();
        recipe.seeds.iter().for_each(|&seed| self.damage(&mut image, recipe.shape, seed));
        image
    }

    /// The sound store of a recipe.
    pub fn sound(&self, recipe: &Recipe) -> &Sound {
        &self.sound[recipe.shape as usize]
    }

    /// In how many ways damage was noticed.
    pub fn ways_noticed(&self) -> usize {
        self.noticed.len()
    }

    fn damage(&self, image: &mut Image, shape: u64, seed: u64) {
        mutate(image, &self.sound[shape as usize], &self.foreign[shape as usize], seed);
    }

    fn parent(&mut self) -> (Recipe, Image) {
        if self.random.once_in(3) {
            let kept = self.random.pick(&self.kept);
            if let Some(kept) = kept {
                return kept.clone();
            }
        }
        let shape = self.random.number() % SHAPES;
        (Recipe { shape, seeds: Vec::new() }, self.sound[shape as usize].image.clone())
    }

    fn keep(&mut self, recipe: Recipe, image: Image, noticed: &Noticed) {
        let is_new = self.noticed.insert(self.noticed.hasher().hash_one(noticed));
        if !is_new || recipe.seeds.len() >= DEPTH_MAX {
            return;
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push((recipe, image));
        } else {
            let replaced = self.random.below(KEPT_MAX);
            self.kept[replaced] = (recipe, image);
        }
    }

    /// Looks at a store that was damaged in any way; the recipe says which one it was.
    pub fn look_at(&mut self, recipe: &Recipe, image: &Image) -> Result<Noticed, Broken> {
        self.looked_at += 1;
        let sound = &self.sound[recipe.shape as usize];
        let seed = recipe.seeds.last().copied().unwrap_or_default();
        let (before, highest) = (crate::ALLOCATOR.allocated(), crate::ALLOCATOR.max_allocated());
        let watch = crate::watchdog::Watch::over(recipe);
        if self.planted.is_some() {
            plant(self.planted);
        }
        let looked = caught(|| Check::new(sound, image, seed).everything());
        if self.planted.is_some() {
            plant(None);
        }
        drop(watch);
        let now = crate::ALLOCATOR.max_allocated();
        if now > highest && now > before + MEMORY_BYTES_MAX {
            return Err(format!("{} bytes of memory were taken at once", now - before));
        }
        match looked? {
            Err(broken) if self.planted.is_some() => Ok(Noticed(vec![without_numbers(&broken)])),
            looked => looked,
        }
    }
}

/// The sound stores, and others of the same shapes; made once, as that takes a while.
fn stores() -> (&'static [Sound], &'static [Image]) {
    static SOUND: OnceLock<Vec<Sound>> = OnceLock::new();
    static FOREIGN: OnceLock<Vec<Image>> = OnceLock::new();
    let sound = SOUND.get_or_init(|| (0..SHAPES).map(Sound::new).collect());
    let foreign = (SHAPES..2 * SHAPES).map(|number| told_apart(Sound::new(number).image));
    (sound, FOREIGN.get_or_init(|| foreign.collect()))
}

fn told_apart(mut image: Image) -> Image {
    image.0.retain(|name, _| !NOT_TOLD_APART.iter().any(|suffix| name.ends_with(suffix)));
    image
}

static PANIC: Mutex<String> = Mutex::new(String::new());
static IS_CATCHING: AtomicBool = AtomicBool::new(false);

/// The result of this, or what it panicked with.
fn caught<T>(act: impl FnOnce() -> T) -> Result<T, Broken> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if IS_CATCHING.load(Ordering::SeqCst) {
                *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
            } else {
                before(panic);
            }
        }));
    });
    IS_CATCHING.store(true, Ordering::SeqCst);
    let result = catch_unwind(AssertUnwindSafe(act));
    IS_CATCHING.store(false, Ordering::SeqCst);
    result.map_err(|_| PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone())
}
