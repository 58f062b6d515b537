//! What actions and wildcards mean, as Azure Resource Manager reads them
//! (<https://learn.microsoft.com/azure/role-based-access-control/role-definitions>).

/// Whether `action` fits `pattern`. `*` stands for any text, slashes included; case does not matter.
/// `/*/` may also stand for a single slash: Container Apps Contributor has `containerApps/*/write` and no
/// other action to create an app with, Managed Identity Operator `userAssignedIdentities/*/assign/action`
/// (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>).
pub fn fits(pattern: &str, action: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern.eq_ignore_ascii_case(action);
    };
    // Most patterns are told apart by what stands before the first wildcard.
    let Some(rest) = without_prefix(action, before) else { return false };
    let may_be_nothing = before.ends_with('/') && after.starts_with('/');
    if !after.contains('*') && !may_be_nothing {
        return ends_with(rest, after);
    }
    let rest: Vec<u8> = rest.bytes().map(|c| c.to_ascii_lowercase()).collect();
    let after: Vec<u8> = after.bytes().map(|c| c.to_ascii_lowercase()).collect();
    let wild = [b"*", &after[..]].concat();
    walk(&wild, &rest) || (may_be_nothing && walk(&after[1..], &rest))
}

/// The same for any pattern in lower case, character by character.
fn walk(pattern: &[u8], action: &[u8]) -> bool {
    // reached[i][j]: the first i characters of the pattern can stand for the first j of the action.
    let mut reached = vec![vec![false; action.len() + 1]; pattern.len() + 1];
    reached[0][0] = true;
    for (i, c) in pattern.iter().enumerate() {
        for j in 0..=action.len() {
            if *c == b'*' {
                reached[i + 1][j] |= reached[i][j] || (j > 0 && reached[i + 1][j - 1]);
            } else if j < action.len() && reached[i][j] && action[j] == *c {
                reached[i + 1][j + 1] = true;
                if pattern[i..].starts_with(b"/*/") {
                    reached[i + 3][j + 1] = true;
                }
            }
        }
    }
    reached[pattern.len()][action.len()]
}

fn without_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn ends_with(text: &str, end: &str) -> bool {
    let at = text.len().checked_sub(end.len());
    at.and_then(|at| text.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// Whether one element of a list of permissions allows an action: one of its `actions` fits it, and none
/// of its own `not_actions`. The same holds of data actions.
pub fn allows<'p>(
    actions: impl IntoIterator<Item = &'p str>,
    not_actions: impl IntoIterator<Item = &'p str>,
    action: &str,
) -> bool {
    actions.into_iter().any(|pattern| fits(pattern, action))
        && !not_actions.into_iter().any(|pattern| fits(pattern, action))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_cover_slashes_and_case() {
        for (pattern, action, expected) in [
            ("*", "Microsoft.App/containerApps/write", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*/read", "Microsoft.App/containerApps/read", true),
            ("*/read", "Microsoft.App/containerApps/write", false),
            ("*/read", "Microsoft.App/containerApps/readers", false),
            ("microsoft.app/*", "Microsoft.App/containerApps/write", true),
            ("Microsoft.App/*/restart/action", "Microsoft.App/containerApps/revisions/restart/action", true),
            ("Microsoft.App/containerApps/write", "Microsoft.App/containerApps/writes", false),
            ("Microsoft.App/containerApps/*/write", "microsoft.app/containerapps/write", true),
            ("Microsoft.App/containerApps/*/write", "Microsoft.App/containerAppswrite", false),
            ("Microsoft.Authorization/*/Write", "Microsoft.Authorization/roleAssignments/write", true),
            // One of two wildcards between slashes stands for nothing, the other for something.
            ("a/*/b/*/c", "a/1/b/c", true),
            ("a/*/b/*/c", "a/b/1/c", true),
            ("a/*/*/c", "a/c", false),
            ("a/*/*/c", "a/1/c", true),
            ("a*", "a", true),
            ("*a*", "bab", true),
            ("ü*", "Ü", false),
            ("*ü", "xü", true),
            ("é/*", "e/x", false),
        ] {
            assert_eq!(fits(pattern, action), expected, "{pattern} {action}");
        }
    }

    /// The rule, said once more and slowly.
    fn slowly(pattern: &str, action: &str) -> bool {
        // (The texts of these tests are ASCII.)
        let Some(c) = pattern.chars().next() else { return action.is_empty() };
        if c == '*' {
            return (0..=action.len()).any(|at| slowly(&pattern[1..], &action[at..]));
        }
        let eats = action.chars().next().is_some_and(|other| other.eq_ignore_ascii_case(&c));
        eats && (slowly(&pattern[1..], &action[1..])
            || (pattern.starts_with("/*/") && slowly(&pattern[3..], &action[1..])))
    }

    proptest! {
        #[test]
        fn patterns_fit_as_the_rule_says(pattern in "[aAb/*]{0,9}", action in "[aAb/]{0,9}") {
            prop_assert_eq!(fits(&pattern, &action), slowly(&pattern, &action));
        }

        #[test]
        fn what_is_made_from_an_action_fits_it(
            parts in prop::collection::vec("[a-zA-Z]{1,8}", 1..6),
            starred in prop::collection::vec(any::<bool>(), 6),
        ) {
            let action = parts.join("/");
            let pattern: Vec<&str> =
                parts.iter().zip(&starred).map(|(part, star)| if *star { "*" } else { part.as_str() }).collect();
            prop_assert!(fits(&pattern.join("/").to_uppercase(), &action));
        }

        #[test]
        fn an_element_takes_away_only_what_it_gives_itself(
            actions in prop::collection::vec("[ab/*]{1,5}", 0..3),
            not_actions in prop::collection::vec("[ab/*]{1,5}", 0..3),
            action in "[ab/]{0,5}",
        ) {
            let texts = |list: &'_ [String]| list.to_vec();
            let expected = texts(&actions).iter().any(|one| slowly(one, &action))
                && texts(&not_actions).iter().all(|one| !slowly(one, &action));
            let found = allows(
                actions.iter().map(String::as_str),
                not_actions.iter().map(String::as_str),
                &action,
            );
            prop_assert_eq!(found, expected);
        }
    }
}
