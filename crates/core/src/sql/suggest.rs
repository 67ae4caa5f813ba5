//! "Did you mean …?": the known name that is most like an unknown one.

/// The candidate with the fewest edits to `word`, letter case aside, if those are few for its
/// length.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(64).collect();
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().chars().take(64).collect();
            (edits(&word, &letters), candidate)
        })
        .filter(|(edits, _)| *edits <= allowed && *edits < word.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal
/// string alignment distance).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["site", "page", "device.os", "approx_distinct"];
        assert_eq!(closest("stie", names), Some("site"));
        assert_eq!(closest("SITES", names), Some("site"));
        assert_eq!(closest("device.oss", names), Some("device.os"));
        assert_eq!(closest("approx_distnict", names), Some("approx_distinct"));
        assert_eq!(closest("x", names), None);
        assert_eq!(closest("country", names), None);
        assert_eq!(closest("", names), None);
    }
}
