//! The stable names of findings. A code is never renamed or reused.

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(
    /// Kebab-case name.
    pub &'static str,
);

/// Declares each code once: its constant and its row in [`CODES`] cannot drift apart.
macro_rules! codes {
    ($($constant:ident = $name:literal, $description:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $description, ".")]
            pub const $constant: Code = Code($name);
        )*

        /// Every code with its one-line description.
        pub const CODES: &[(Code, &str)] = &[$(($constant, $description)),*];
    };
}

codes! {
    // Expressions.
    BAD_EXPRESSION = "bad-expression", "an expression that is not JMESPath as recipes write it";
    EXPRESSION_FAILED = "expression-failed", "an expression that could not be evaluated on the values it met";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CODES;

    #[test]
    fn codes_are_unique_kebab_case_and_described() {
        let mut seen = BTreeSet::new();
        for (code, description) in CODES {
            assert!(seen.insert(code), "{} twice", code.0);
            let words_are_plain = code.0.split('-').all(|word| {
                !word.is_empty()
                    && word
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            });
            assert!(words_are_plain, "{} is not kebab-case", code.0);
            assert!(description.len() > 10, "{} is not described", code.0);
            assert!(!description.ends_with('.'), "{} ends with a full stop", code.0);
        }
    }
}
