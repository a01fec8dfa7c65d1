//! Texts that can be told apart: words that no other event has, among others that all have, so that
//! dictionaries are made of both.

use hitherto_store::Recorded;

use crate::random::Random;

/// What each word begins with; it goes on with a number in these digits.
const MARK: u8 = b'~';
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const DIGITS_COUNT: u32 = 13;
/// How many words of its own a text has. Each is looked for by itself, so that a piece is found as
/// well as the whole.
const WORDS: usize = 3;
const COMMON: &str = " was noted by somebody of the third ward, ";

/// Makes texts from a seed: from numbers of its own, so that what else happens in a run does not
/// depend on them.
pub(crate) struct Texts(Random);

/// A word by its number. The generator gives each number once, so no two events share one.
pub(crate) type Word = u64;

impl Texts {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Random::new(seed ^ 0x74_6578_7473))
    }

    /// A text of so many bytes: its words and what all texts have, again and again.
    pub(crate) fn text(&mut self, bytes: usize) -> String {
        let words: String = (0..WORDS).map(|_| self.word()).collect();
        let mut text = (words + COMMON).repeat(bytes / 64 + 1);
        text.truncate(bytes);
        text
    }

    /// A word that no text has.
    pub(crate) fn word(&mut self) -> String {
        let number = self.0.number();
        let digit = |place: u32| DIGITS[(number >> (5 * place)) as usize % 32];
        let digits = (0..DIGITS_COUNT).map(digit);
        std::iter::once(MARK).chain(digits).map(char::from).collect()
    }
}

/// The words that stand in some bytes.
pub(crate) fn words_in(bytes: &[u8]) -> impl Iterator<Item = Word> {
    bytes.split(|&byte| byte == MARK).skip(1).filter_map(word_at)
}

/// The word whose digits these bytes begin with.
fn word_at(bytes: &[u8]) -> Option<Word> {
    let mut number = 0;
    for (place, byte) in bytes.get(..DIGITS_COUNT as usize)?.iter().enumerate() {
        let digit = match byte {
            b'a'..=b'z' => byte - b'a',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        number |= u64::from(digit) << (5 * place);
    }
    Some(number)
}

/// The words of an event.
pub(crate) fn words_of(event: &Recorded) -> Vec<Word> {
    let tags = event.tags().flat_map(|tag| words_in(tag.as_bytes()));
    words_in(event.payload()).chain(tags).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_wherever_it_stands_and_no_other() {
        let mut texts = Texts::new(1);
        let (text, other) = (texts.text(300), texts.text(300));
        let mut words: Vec<Word> = words_in(text.as_bytes()).collect();
        assert!(words_in(other.as_bytes()).all(|word| !words.contains(&word)));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), WORDS);
        let piece = &text.as_bytes()[20..60];
        assert!(words_in(piece).next().is_some_and(|word| words.contains(&word)));
        assert_eq!(words_in(&text.as_bytes()[..13]).count(), 0);
    }
}
