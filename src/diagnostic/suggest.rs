//! "Did you mean": the nearest of the words that would have been right.

/// The candidate that `word` was probably meant to be: at most one mistake (a letter missing,
/// extra, wrong, or two swapped) for every three letters, or the same but for case and `-`/`_`.
/// `None` when nothing is near; among equals the first candidate wins.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing costs the product of the lengths, and the word may be a whole file.
    if word.len() > 100 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| {
            let length = word.chars().count().max(candidate.chars().count());
            *distance <= length.div_ceil(3).min(3) && *distance < length
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn only_near_words_are_suggested() {
        let words = ["prerequisites", "steps", "inputs", "key_vault", "id"];
        assert_eq!(closest("prerequisits", words), Some("prerequisites"));
        assert_eq!(closest("setps", words), Some("steps"));
        assert_eq!(closest("Key-Vault", words), Some("key_vault"));
        assert_eq!(closest("verify", words), None);
        assert_eq!(closest("x", words), None);
        assert_eq!(closest("", words), None);
        assert_eq!(closest(&"s".repeat(1 << 20), words), None);
    }
}
