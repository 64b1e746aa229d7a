//! What a word is, and how a file's words are counted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Result};
use std::path::Path;

/// How often each word occurs.
pub type Counts = HashMap<String, u64>;

/// A longer line is cut, so that a file without line ends takes no more memory
/// than others; a word at the cut counts as two.
const LINE_MAX: u64 = 64 << 10;

/// The words of a text: letters and digits that stand together, a letter
/// first.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with(char::is_alphabetic))
}

/// Adds a file's words to the counts; answers how many bytes it has.
///
/// Bytes that are not UTF-8 separate words, as punctuation does.
pub fn count_file(path: &Path, counts: &mut Counts) -> Result<u64> {
    let mut file = BufReader::with_capacity(64 << 10, File::open(path)?);
    let mut line = Vec::new();
    let mut bytes = 0;
    while file.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? > 0 {
        bytes += line.len() as u64;
        for word in words(&String::from_utf8_lossy(&line)) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => _ = counts.insert(word.to_owned(), 1),
            }
        }
        line.clear();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &[(&str, u64)]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut counts = Counts::new();
        assert_eq!(count_file(file.path(), &mut counts).unwrap(), text.len() as u64);
        let expected = expected.iter().map(|(word, count)| ((*word).to_owned(), *count));
        assert_eq!(counts, expected.collect());
    }

    #[test]
    fn punctuation_separates_words() {
        check(b"to be, or\nnot-to be 1", &[("to", 2), ("be", 2), ("or", 1), ("not", 1)]);
    }

    #[test]
    fn letters_of_any_script_make_words() {
        check("für 猫 für".as_bytes(), &[("für", 2), ("猫", 1)]);
    }

    #[test]
    fn bytes_that_are_not_text_separate_words() {
        check(b"a\xFFb\x00a", &[("a", 2), ("b", 1)]);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let text = [b'x'; LINE_MAX as usize + 1];
        let long = "x".repeat(LINE_MAX as usize);
        check(&text, &[(&long, 1), ("x", 1)]);
    }
}
