//! One pattern of an ignore file: `*`, `?`, `[…]`, `**` and `\`, as Docker matches them.

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// This character.
    Literal(char),
    /// `?`: any character but `/`.
    One,
    /// `*`: any characters but `/`.
    Some,
    /// `**/`, or `**` before something else: any number of folders.
    Folders,
    /// `**` at the end: anything.
    Rest,
    /// `[…]`: one of these, or none of them.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// A pattern that is matched against a whole path.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Reads a pattern that is cleaned already.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Pattern, &'static str> {
        let mut parts = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(next) = rest.next() {
            parts.push(match next {
                '*' if rest.peek() == Some(&'*') => {
                    rest.next();
                    if rest.peek() == Some(&'/') {
                        rest.next();
                    }
                    if rest.peek().is_none() { Part::Rest } else { Part::Folders }
                }
                '*' => Part::Some,
                '?' => Part::One,
                '\\' => Part::Literal(rest.next().ok_or("it ends with a backslash")?),
                '[' => class(&mut rest)?,
                other => Part::Literal(other),
            });
        }
        Ok(Pattern { parts })
    }

    /// Whether it is the whole path.
    pub(super) fn matches(&self, path: &str) -> bool {
        let path: Vec<char> = path.chars().collect();
        // The positions in the path that the parts so far can end at: no pattern takes more than the product of
        // both lengths.
        let mut ends = vec![false; path.len() + 1];
        ends[0] = true;
        for part in &self.parts {
            let mut next = vec![false; path.len() + 1];
            for (at, _) in ends.iter().enumerate().filter(|(_, reached)| **reached) {
                match part {
                    Part::Literal(one) => step(&mut next, at, path.get(at) == Some(one)),
                    Part::One => step(&mut next, at, path.get(at).is_some_and(|c| *c != '/')),
                    Part::Class { negated, ranges } => {
                        let within = |c: &char| ranges.iter().any(|(from, to)| from <= c && c <= to);
                        let fits = path.get(at).is_some_and(|c| *c != '/' && within(c) != *negated);
                        step(&mut next, at, fits);
                    }
                    Part::Some => {
                        let length = path[at..].iter().take_while(|c| **c != '/').count();
                        next[at..=at + length].fill(true);
                    }
                    Part::Rest => next[at..].fill(true),
                    Part::Folders => {
                        next[at] = true;
                        for (index, _) in path.iter().enumerate().skip(at).filter(|(_, c)| **c == '/') {
                            next[index + 1] = true;
                        }
                    }
                }
            }
            ends = next;
        }
        ends[path.len()]
    }

    /// The folders that it begins with as they are written, before anything that stands for several names.
    pub(super) fn fixed(&self) -> String {
        let literal = |part: &Part| match part {
            Part::Literal(c) => Some(*c),
            _ => None,
        };
        let text: String = self.parts.iter().map_while(literal).collect();
        if text.chars().count() == self.parts.len() {
            return text;
        }
        text.rfind('/').map_or(String::new(), |slash| text[..slash].to_owned())
    }
}

fn step(next: &mut [bool], at: usize, fits: bool) {
    if fits {
        next[at + 1] = true;
    }
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Part, &'static str> {
    const OPEN: &str = "a bracket is not closed";
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match rest.next().ok_or(OPEN)? {
            ']' if !ranges.is_empty() => return Ok(Part::Class { negated, ranges }),
            ']' => return Err("a bracket holds nothing"),
            '\\' => rest.next().ok_or(OPEN)?,
            other => other,
        };
        let to = if rest.next_if_eq(&'-').is_some() {
            match rest.next().ok_or(OPEN)? {
                ']' => return Err("a range has no end"),
                '\\' => rest.next().ok_or(OPEN)?,
                other => other,
            }
        } else {
            from
        };
        ranges.push((from, to));
    }
}
