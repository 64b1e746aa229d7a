//! Text from packages and guests, made safe to show.

/// The text in one line, without characters that move the cursor, change
/// colours or reverse the writing direction. White space is one space.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|character| is_harmless(*character)).collect())
        .collect();
    words.join(" ")
}

/// Whether a character may be shown as it is.
pub(super) fn is_harmless(character: char) -> bool {
    match character {
        // Line and paragraph separators; direction overrides and isolates.
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        character => !character.is_control(),
    }
}

/// The first sentence of a doc comment, in one line.
pub(super) fn summary(docs: &str) -> String {
    let paragraph = docs.trim().split("\n\n").next().unwrap_or_default();
    one_line(paragraph)
}

/// What somebody may have meant: the nearest of `known`, if one is near.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    // A third of the letters may be wrong: `incremnt`, but not any other name.
    let most = (given.chars().count() / 3).max(1);
    known
        .map(|name| (distance(&given, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Letters to add, remove or change to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_one_safe_line() {
        assert_eq!(one_line("a\n  b\u{1b}[31mc\u{202e}d\r\n"), "a b[31mcd");
        assert_eq!(one_line(""), "");
    }

    #[test]
    fn a_summary_is_the_first_paragraph() {
        assert_eq!(summary("\nCounts\nthings.\n\nAnd more."), "Counts things.");
        assert_eq!(summary(""), "");
    }

    #[test]
    fn slips_find_the_name_that_was_meant() {
        let known = ["increment", "get_value", "Counter"];
        let near = |given| nearest(given, known.into_iter());
        assert_eq!(near("incremnt"), Some("increment"));
        assert_eq!(near("counter"), Some("Counter"));
        assert_eq!(near("getvalue"), Some("get_value"));
        assert_eq!(near("delete"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn distances_count_letters() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }
}
